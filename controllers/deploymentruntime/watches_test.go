package deploymentruntime

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

// A runtime may read a code repo of another product, whose group is renamed, or whose project is replaced: nothing else
// tells the runtime.
func TestANewCloneURLOrAnotherProjectWakesRuntimes(t *testing.T) {
	before := &api.CodeRepo{Status: api.CodeRepoStatus{URL: "https://gitlab.example.com/old/api.git"}}
	renamed, same, replaced := before.DeepCopy(), before.DeepCopy(), before.DeepCopy()
	replaced.Status.Conditions = []metav1.Condition{{Type: api.ConditionRepositoryFound, Status: metav1.ConditionFalse,
		Reason: api.ReasonRepositoryReplaced}}
	renamed.Status.URL = "https://gitlab.example.com/new/api.git"
	same.Status.ObservedGeneration = 7
	for after, want := range map[*api.CodeRepo]bool{renamed: true, same: false, replaced: true} {
		if got := codeRepoChanged().Update(event.UpdateEvent{ObjectOld: client.Object(before),
			ObjectNew: after}); got != want {
			t.Errorf("%s wakes: %v", after.Status.URL, got)
		}
	}
}

// What lies at the path of a lender's group may be a stranger's from one moment to the next, whatever its CodeRepo says
// of itself.
func TestALendersProductWakesItsBorrowers(t *testing.T) {
	lender := &api.Product{ObjectMeta: metav1.ObjectMeta{Name: "product-9"}}
	for sentence, c := range map[string]struct {
		namespace, codeRepo, recorded string
		want                          bool
	}{
		"named":                        {"product-7", "product-9/repo-5", "", true},
		"deployed from by an old name": {"product-7", "repo-5", "product-9/repo-5", true},
		"deployed from, names another": {"product-7", "repo-3", "product-9/repo-5", true},
		"of the product itself":        {"product-7", "repo-3", "repo-3", false},
		"of another lender":            {"product-7", "product-90/repo-5", "product-90/repo-5", false},
		"the lender's own":             {"product-9", "repo-5", "repo-5", false},
	} {
		r := &api.DeploymentRuntime{ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: "web"}}
		r.Spec.ManifestSource.CodeRepo = c.codeRepo
		if c.recorded != "" {
			r.Status.Placement = &api.PlacementStatus{CodeRepo: c.recorded}
		}
		if got := ofLender(lender)(r); got != c.want {
			t.Errorf("%s is woken: %v", sentence, got)
		}
	}
}
