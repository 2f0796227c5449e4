package wire

import (
	"cmp"
	"reflect"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/kinds"
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

// Item returns the item of an object that lies in product. It holds only what the object itself says.
func Item(obj client.Object, product string, n Names) any {
	res, served := ResourceOf(kinds.NameOf(obj))
	if !served {
		return nil
	}
	item := reflect.New(res.Item)
	fill(item.Elem(), kinds.SpecOf(obj))
	item.Elem().FieldByName("Name").SetString(obj.GetName())
	switch i := item.Interface().(type) {
	case *CodeRepoBinding: // product is the product that may use the code repo
		i.Product, i.CodeRepo = n.ProductPath(i.Product), n.CodeRepoPath(product, i.CodeRepo)
	case *Cluster:
	default:
		item.Elem().FieldByName("Product").SetString(n.ProductPath(product))
	}
	return item.Interface()
}

// RuntimeItem returns the item of a runtime. live is the same runtime in the management cluster, or nil.
func RuntimeItem(r, live *api.DeploymentRuntime, product string, n Names) *DeploymentRuntime {
	item, _ := Item(r, product, n).(*DeploymentRuntime)
	item.ManifestSource.CodeRepo = n.CodeRepoPath(product, r.Spec.ManifestSource.CodeRepo)
	if live != nil {
		item.Status = statusOf(r, live)
	}
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
	case !sameSpec(file.Spec, live.Spec):
		s.Ready, s.Reason, s.Message = false, api.ReasonSyncing, "the file in default.project is not applied in the "+
			"management cluster yet; what is said here is about an earlier state"
	case live.Status.ObservedGeneration != live.Generation:
		s.Ready, s.Reason, s.Message = false, api.ReasonSyncing, "the operator has not looked at the last change yet"
	}
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
		return false, api.ReasonNotReached, ""
	}
	return c.Status == metav1.ConditionTrue, c.Reason, c.Message
}

// CodeRepoItem returns the item of a code repo. git holds what GitLab says about its project. If GitLab was not asked,
// only git.path is set.
func CodeRepoItem(c *api.CodeRepo, product string, git GitLab, n Names) *CodeRepo {
	item, _ := Item(c, product, n).(*CodeRepo)
	item.Name = n.CodeRepoPath(product, c.Name)
	git.Path = cmp.Or(git.Path, c.Spec.RepoName)
	item.Git.GitLab = git
	return item
}

// ClusterItem returns the item of a cluster.
func ClusterItem(c *api.Cluster) *Cluster {
	item, _ := Item(c, "", nil).(*Cluster)
	item.Ready, item.Reason, _ = readiness(c.Status.Conditions)
	return item
}
