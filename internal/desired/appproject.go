package desired

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	argo "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
)

// memberRole is the role of the product's group in its AppProject.
const memberRole = "member"

// Tenancy is what a product may reach: exact repositories, exact namespaces on named clusters, and granted
// cluster-scoped kinds.
type Tenancy struct {
	Product string
	// Group of users that may view and sync the product's Applications; empty for nobody.
	Group        string
	RepoURLs     []string
	Destinations []Destination
	ClusterKinds []api.GroupKind
	// KeptKinds are kinds that the platform puts into the product's namespaces. The product's manifests may not hold
	// them.
	KeptKinds    []api.GroupKind
	Applications []string
	// Halted are those of the Applications that nobody may sync.
	Halted   []string
	Instance string
}

// Destination is a namespace on a cluster.
type Destination struct{ Cluster, Namespace string }

// AppProject returns the AppProject of a product. It holds no wildcard anywhere.
func AppProject(t Tenancy, argoNamespace string) *argo.AppProject {
	return &argo.AppProject{
		TypeMeta: metav1.TypeMeta{APIVersion: argo.SchemeGroupVersion.String(), Kind: "AppProject"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: argoNamespace, Name: identity.AppProject(t.Product),
			Labels: labels(t.Product, t.Instance), Annotations: owned(t.Product, t.Instance),
		},
		Spec: argo.AppProjectSpec{
			Description:                "Runtimes of " + t.Group,
			SourceRepos:                sortedSet(t.RepoURLs),
			Destinations:               destinations(t.Destinations),
			ClusterResourceWhitelist:   groupKinds(t.ClusterKinds),
			NamespaceResourceBlacklist: groupKinds(t.KeptKinds),
			Roles:                      []argo.ProjectRole{role(t)},
		},
	}
}

// role lets the group view, read logs and sync. It never lets them create, update, override, delete or exec. In a
// manual sync Argo CD takes any revision, so the group gets no right to sync a halted Application.
func role(t Tenancy) argo.ProjectRole {
	project := identity.AppProject(t.Product)
	var policies []string
	halted := sortedSet(t.Halted)
	for _, app := range sortedSet(t.Applications) {
		for _, right := range []string{"applications, get", "applications, sync", "logs, get"} {
			if right == "applications, sync" && isIn(halted, app) {
				continue
			}
			policies = append(policies, policy(project, right, app))
		}
	}
	var groups []string
	if t.Group != "" {
		groups = []string{t.Group}
	}
	return argo.ProjectRole{Name: memberRole, Description: "Members of " + t.Group, Groups: groups, Policies: policies}
}

func isIn(sorted []string, s string) bool {
	_, found := slices.BinarySearch(sorted, s)
	return found
}

// KnowsApplication says whether the AppProject was written with this Application. The namespaces of the Application are
// then prepared.
func KnowsApplication(project *argo.AppProject, application string) bool {
	return slices.ContainsFunc(project.Spec.Roles, func(r argo.ProjectRole) bool {
		return r.Name == memberRole &&
			slices.Contains(r.Policies, policy(project.Name, "applications, get", application))
	})
}

// ChangedFor returns a function that says whether an AppProject changed for an Application: whether it knows it, or
// permits its repository or one of its destinations, in one of the two states only.
func ChangedFor(before, after *argo.AppProject) func(application, repoURL string, at []Destination) bool {
	policies := differing(policiesOf(before), policiesOf(after))
	repos := differing(before.Spec.SourceRepos, after.Spec.SourceRepos)
	places := differing(before.Spec.Destinations, after.Spec.Destinations)
	return func(application, repoURL string, at []Destination) bool {
		return repos[repoURL] || policies[policy(after.Name, "applications, get", application)] ||
			slices.ContainsFunc(at, func(d Destination) bool {
				return places[argo.ApplicationDestination{Name: d.Cluster, Namespace: d.Namespace}]
			})
	}
}

func policiesOf(project *argo.AppProject) (all []string) {
	for _, r := range project.Spec.Roles {
		all = append(all, r.Policies...)
	}
	return all
}

// differing returns what is in one of the two lists only.
func differing[T comparable](a, b []T) map[T]bool {
	out := map[T]bool{}
	for _, one := range a {
		out[one] = true
	}
	for _, one := range b {
		if _, both := out[one]; both {
			out[one] = false
		} else {
			out[one] = true
		}
	}
	return out
}

func policy(project, right, application string) string {
	return fmt.Sprintf("p, proj:%s:%s, %s, %s/%s, allow", project, memberRole, right, project, application)
}

func destinations(in []Destination) []argo.ApplicationDestination {
	in = slices.Clone(in)
	sort.Slice(in, func(i, j int) bool {
		if in[i].Cluster != in[j].Cluster {
			return in[i].Cluster < in[j].Cluster
		}
		return in[i].Namespace < in[j].Namespace
	})
	var out []argo.ApplicationDestination
	for _, d := range slices.Compact(in) {
		out = append(out, argo.ApplicationDestination{Name: d.Cluster, Namespace: d.Namespace})
	}
	return out
}

func groupKinds(in []api.GroupKind) []metav1.GroupKind {
	in = slices.Clone(in)
	sort.Slice(in, func(i, j int) bool {
		if in[i].Group != in[j].Group {
			return in[i].Group < in[j].Group
		}
		return in[i].Kind < in[j].Kind
	})
	var out []metav1.GroupKind
	for _, k := range slices.Compact(in) {
		out = append(out, metav1.GroupKind{Group: k.Group, Kind: k.Kind})
	}
	return out
}

func sortedSet(in []string) []string {
	out := slices.Clone(in)
	sort.Strings(out)
	return slices.Compact(out)
}

// Narrows says whether an AppProject would permit a repository or a namespace no more, or know an Application no more.
func Narrows(live, want *argo.AppProject) bool {
	return loses(live.Spec.SourceRepos, want.Spec.SourceRepos) ||
		loses(live.Spec.Destinations, want.Spec.Destinations) || loses(knownIn(live), knownIn(want))
}

func loses[T comparable](before, after []T) bool {
	return slices.ContainsFunc(before, func(one T) bool { return !slices.Contains(after, one) })
}

// knownIn returns the policies by which an AppProject knows its Applications.
func knownIn(project *argo.AppProject) []string {
	return slices.DeleteFunc(policiesOf(project), func(p string) bool {
		return !strings.Contains(p, ", applications, get, ")
	})
}

// Permits says whether an AppProject permits the repository and every one of the destinations.
func Permits(project *argo.AppProject, repoURL string, wanted []Destination) bool {
	if !slices.Contains(project.Spec.SourceRepos, repoURL) {
		return false
	}
	for _, w := range wanted {
		if !slices.Contains(project.Spec.Destinations,
			argo.ApplicationDestination{Name: w.Cluster, Namespace: w.Namespace}) {
			return false
		}
	}
	return true
}

// MergeProject returns live with everything set that want asks for: the whole spec, and our labels and annotations.
func MergeProject(live, want *argo.AppProject) *argo.AppProject {
	out := live.DeepCopy()
	out.Spec = *want.Spec.DeepCopy()
	for k, v := range want.Labels {
		metav1.SetMetaDataLabel(&out.ObjectMeta, k, v)
	}
	for k, v := range want.Annotations {
		metav1.SetMetaDataAnnotation(&out.ObjectMeta, k, v)
	}
	return out
}
