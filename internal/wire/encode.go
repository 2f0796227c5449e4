package wire

import (
	"cmp"
	"reflect"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/kinds"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
)

// Names returns the human names that items hold. For an unknown resource it returns the resource name, which is
// accepted wherever a human name is.
type Names interface {
	// ProductPath returns the full path of the group behind a product's resource name.
	ProductPath(product string) string
	// CodeRepoPath returns the path of a code repo in the group of product, or group/path of one that is bound to
	// product.
	CodeRepoPath(product, codeRepo string) string
}

// Items makes the items of one kind of a product. It works out once how the fields of the kind become members: a list
// has thousands of items.
type Items struct {
	product string
	names   Names
	item    reflect.Type
	fill    filler
}

// ItemsOf returns the Items of a kind that REST serves.
func ItemsOf(kind, product string, n Names) Items {
	i := Items{product: product, names: n}
	res, served := ResourceOf(kind)
	k, known := kinds.ByName(kind)
	if served && known {
		i.item = res.Item
		i.fill = fillerOf(res.Item, kinds.SpecOf(k.New()).Type())
	}
	return i
}

// Of returns the item of an object. It holds only what the object itself says. A kind that REST does not serve has
// none.
func (i Items) Of(obj client.Object) any {
	if i.item == nil {
		return nil
	}
	v := reflect.New(i.item)
	i.fill.copy(v.Elem(), kinds.SpecOf(obj))
	switch item := v.Interface().(type) {
	case *DeploymentRuntime:
		item.Name, item.Product = obj.GetName(), i.names.ProductPath(i.product)
	case *CodeRepoBinding: // product is the product that may use the code repo
		item.Name, item.Product = obj.GetName(), i.names.ProductPath(item.Product)
		item.CodeRepo = i.names.CodeRepoPath(i.product, item.CodeRepo)
	case *Cluster:
		item.Name = obj.GetName()
	default:
		v.Elem().FieldByName("Name").SetString(obj.GetName())
		v.Elem().FieldByName("Product").SetString(i.names.ProductPath(i.product))
	}
	return v.Interface()
}

// OfRuntime returns the item of a runtime. live is the same runtime in the management cluster, or nil.
func (i Items) OfRuntime(r, live *api.DeploymentRuntime) *DeploymentRuntime {
	item, _ := i.Of(r).(*DeploymentRuntime)
	item.ManifestSource.CodeRepo = i.names.CodeRepoPath(i.product, r.Spec.ManifestSource.CodeRepo)
	if live != nil {
		item.Status = statusOf(r, live)
	}
	return item
}

// OfLeaving returns the item of a runtime that has no file any more and is not gone yet, from its record.
func (i Items) OfLeaving(p placement.Placement, s Status) *DeploymentRuntime {
	s.Cluster = p.Destination.Cluster
	repo := identity.JoinCodeRepo(i.product, cmp.Or(p.RepoProduct, i.product), p.CodeRepo)
	return &DeploymentRuntime{
		Product: i.names.ProductPath(i.product), Name: p.Runtime.Name, ProjectsRef: []string{},
		ManifestSource: ManifestSource{
			CodeRepo: i.names.CodeRepoPath(i.product, repo), TargetRevision: p.Revision, Path: p.Path,
		},
		Destination: p.Destination.Environment, Namespaces: append([]string{}, p.Namespaces...),
		DeletionPolicy: string(p.DeletionPolicy), Suspend: p.Suspend, Status: &s,
	}
}

// OfCodeRepo returns the item of a code repo. git holds what GitLab says about its project. If GitLab was not asked,
// only git.path is set.
func (i Items) OfCodeRepo(c *api.CodeRepo, git GitLab) *CodeRepo {
	item, _ := i.Of(c).(*CodeRepo)
	item.Name = i.names.CodeRepoPath(i.product, c.Name)
	git.Path = cmp.Or(git.Path, c.Spec.RepoName)
	item.Git.GitLab = git
	return item
}

// statusOf returns the status of a runtime from the management cluster. It leaves out a verdict about an earlier state
// of the file: the caller would take that for the answer to the last save.
func statusOf(file, live *api.DeploymentRuntime) *Status {
	s := &Status{Sync: live.Status.Sync, Health: live.Status.Health, Revision: live.Status.Revision}
	s.Ready, s.Reason, s.Message = readiness(live.Status.Conditions)
	if live.Status.Placement != nil {
		s.Cluster = live.Status.Placement.Cluster
	}
	switch {
	case !IsApplied(file, live):
		s.Ready, s.Reason, s.Message = false, api.ReasonSyncing, "the file in default.project is not applied in the "+
			"management cluster yet; what is said here is about an earlier state"
	case live.Status.ObservedGeneration != live.Generation:
		s.Ready, s.Reason, s.Message = false, api.ReasonSyncing, "the operator has not looked at the last change yet"
	}
	return s
}

// IsApplied says whether the management cluster holds what the file says. live is nil where it does not hold the runtime.
func IsApplied(file, live *api.DeploymentRuntime) bool {
	return live != nil && sameSpec(file.Spec, live.Spec)
}

// StandingOf returns what conditions say; nil for none.
func StandingOf(conditions []metav1.Condition, generation int64) *Standing {
	if len(conditions) == 0 {
		return nil
	}
	s := &Standing{Conditions: conditionsOf(conditions, generation)}
	s.Ready, s.Reason, s.Message = readiness(conditions)
	return s
}

// sameSpec compares a spec from a file with one from the management cluster, where defaults are set.
func sameSpec(file, live api.DeploymentRuntimeSpec) bool {
	file.DeletionPolicy = cmp.Or(file.DeletionPolicy, api.DeletionPolicyDelete)
	live.DeletionPolicy = cmp.Or(live.DeletionPolicy, api.DeletionPolicyDelete)
	return equality.Semantic.DeepEqual(file, live)
}

func readiness(conditions []metav1.Condition) (ready bool, reason, message string) {
	c := meta.FindStatusCondition(conditions, api.ConditionReady)
	if c == nil {
		return false, api.ReasonNotReached, "the operator has not said anything yet: if this lasts, ask the platform " +
			"team whether it runs"
	}
	return c.Status == metav1.ConditionTrue, c.Reason, c.Message
}

// ClusterItem returns the item of a cluster.
func ClusterItem(c *api.Cluster) *Cluster {
	item, _ := ItemsOf("Cluster", "", nil).Of(c).(*Cluster)
	item.Ready, item.Reason, _ = readiness(c.Status.Conditions)
	return item
}
