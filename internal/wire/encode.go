package wire

import (
	"cmp"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

// Names gives the human names that items hold. What it does not know it returns as it is: a resource name is accepted wherever a name is.
type Names interface {
	// ProductPath returns the full path of the group behind a product's resource name.
	ProductPath(product string) string
	// CodeRepoPath returns the path of a code repo in the group of product, or group/path of one that is bound to product.
	CodeRepoPath(product, codeRepo string) string
}

// RuntimeItem returns the item of a runtime. live is the same runtime in the management cluster, or nil.
func RuntimeItem(r, live *api.DeploymentRuntime, product string, n Names) *DeploymentRuntime {
	item := &DeploymentRuntime{
		Product:     n.ProductPath(product),
		Name:        r.Name,
		ProjectsRef: listOf(r.Spec.ProjectsRef),
		ManifestSource: ManifestSource{
			CodeRepo:       n.CodeRepoPath(product, r.Spec.ManifestSource.CodeRepo),
			TargetRevision: r.Spec.ManifestSource.TargetRevision,
			Path:           r.Spec.ManifestSource.Path,
		},
		Destination:    r.Spec.Destination,
		Namespaces:     listOf(r.Spec.Namespaces),
		DeletionPolicy: string(cmp.Or(r.Spec.DeletionPolicy, api.DeletionPolicyDelete)),
		Suspend:        r.Spec.Suspend,
	}
	if live != nil {
		item.Status = statusOf(r, live)
	}
	return item
}

// statusOf returns what the management cluster says of a runtime. A verdict about an earlier state of the file is not passed on: the
// caller would take it for the answer to the last save.
func statusOf(file, live *api.DeploymentRuntime) *Status {
	s := &Status{Sync: live.Status.Sync, Health: live.Status.Health, Revision: live.Status.Revision}
	s.Ready, s.Reason, s.Message = readiness(live.Status.Conditions)
	if live.Status.Placement != nil {
		s.Cluster = live.Status.Placement.Cluster
	}
	switch {
	case !sameSpec(&file.Spec, &live.Spec):
		s.Ready, s.Reason, s.Message = false, api.ReasonSyncing, "the file in default.project is not applied in the management cluster yet; what is said here is about an earlier state"
	case live.Status.ObservedGeneration != live.Generation:
		s.Ready, s.Reason, s.Message = false, api.ReasonSyncing, "the operator has not looked at the last change yet"
	}
	return s
}

// sameSpec compares a spec from a file with one from the management cluster, which has filled in the default.
// It is written out because a list compares hundreds of them; a test goes over the fields.
func sameSpec(file, live *api.DeploymentRuntimeSpec) bool {
	return file.Product == live.Product &&
		slices.Equal(file.ProjectsRef, live.ProjectsRef) &&
		file.ManifestSource == live.ManifestSource &&
		file.Destination == live.Destination &&
		slices.Equal(file.Namespaces, live.Namespaces) &&
		cmp.Or(file.DeletionPolicy, api.DeletionPolicyDelete) == cmp.Or(live.DeletionPolicy, api.DeletionPolicyDelete) &&
		file.Suspend == live.Suspend
}

func readiness(conditions []metav1.Condition) (ready bool, reason, message string) {
	c := meta.FindStatusCondition(conditions, api.ConditionReady)
	if c == nil {
		return false, api.ReasonNotReached, ""
	}
	return c.Status == metav1.ConditionTrue, c.Reason, c.Message
}

// EnvironmentItem returns the item of an environment.
func EnvironmentItem(e *api.Environment, product string, n Names) *Environment {
	return &Environment{Product: n.ProductPath(product), Name: e.Name, Cluster: e.Spec.Cluster, EnvType: e.Spec.EnvType}
}

// ProjectItem returns the item of a project.
func ProjectItem(p *api.Project, product string, n Names) *Project {
	return &Project{Product: n.ProductPath(product), Name: p.Name, Language: p.Spec.Language}
}

// CodeRepoItem returns the item of a code repo. git is what GitLab says of its project; where GitLab was not asked, git.path alone is filled in.
func CodeRepoItem(c *api.CodeRepo, product string, git GitLab, n Names) *CodeRepo {
	name := n.CodeRepoPath(product, c.Name)
	git.Path = cmp.Or(git.Path, c.Spec.RepoName)
	item := &CodeRepo{
		Product:           n.ProductPath(product),
		Name:              name,
		Project:           c.Spec.Project,
		Webhook:           Webhook{Events: []string{}},
		DeploymentRuntime: c.Spec.DeploymentRuntime,
		PipelineRuntime:   c.Spec.PipelineRuntime,
		Git:               Git{GitLab: git},
	}
	if c.Spec.Webhook != nil {
		item.Webhook.Events = listOf(c.Spec.Webhook.Events)
	}
	return item
}

// BindingItem returns the item of a binding that lies in product.
func BindingItem(b *api.CodeRepoBinding, product string, n Names) *CodeRepoBinding {
	return &CodeRepoBinding{
		Product:     n.ProductPath(b.Spec.Product),
		Name:        b.Name,
		Projects:    listOf(b.Spec.Projects),
		Permissions: string(b.Spec.Permissions),
		CodeRepo:    n.CodeRepoPath(product, b.Spec.CodeRepo),
	}
}

// ClusterItem returns the item of a cluster.
func ClusterItem(c *api.Cluster) *Cluster {
	item := &Cluster{
		Name:        c.Name,
		Usage:       string(c.Spec.Usage),
		ClusterType: string(c.Spec.ClusterType),
		ClusterKind: c.Spec.ClusterKind,
		WorkerType:  string(c.Spec.WorkerType),
	}
	item.Ready, item.Reason, _ = readiness(c.Status.Conditions)
	return item
}

// listOf returns a copy that is never nil: lists are [] in JSON, never null.
func listOf(list []string) []string {
	return append(make([]string, 0, len(list)), list...)
}
