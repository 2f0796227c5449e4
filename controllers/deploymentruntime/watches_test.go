package deploymentruntime

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/wake"
	"github.com/nautes-labs/deployment-runtime/internal/desired"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
	"github.com/nautes-labs/deployment-runtime/internal/rules/rulestest"
)

// A runtime may read a code repo of another product, whose group is renamed, or whose project is replaced. And whether
// one that names a branch is the twin of one that says HEAD follows from the default branch. Nothing else tells the
// runtime.
func TestAllThatARuntimeReadsOfACodeRepoWakesIt(t *testing.T) {
	before := &api.CodeRepo{Status: api.CodeRepoStatus{URL: "https://gitlab.example.com/old/api.git",
		DefaultBranch: "main"}}
	renamed, same, replaced, branched := before.DeepCopy(), before.DeepCopy(), before.DeepCopy(), before.DeepCopy()
	branched.Status.DefaultBranch = "trunk"
	replaced.Status.Conditions = []metav1.Condition{{Type: api.ConditionRepositoryFound, Status: metav1.ConditionFalse,
		Reason: api.ReasonRepositoryReplaced}}
	renamed.Status.URL = "https://gitlab.example.com/new/api.git"
	same.Status.ObservedGeneration = 7
	for after, want := range map[*api.CodeRepo]bool{renamed: true, same: false, replaced: true, branched: true} {
		if got := codeRepoChanged().Update(event.UpdateEvent{ObjectOld: client.Object(before),
			ObjectNew: after}); got != want {
			t.Errorf("%+v wakes: %v", after.Status, got)
		}
	}
}

// What lies at the path of a lender's group may be a stranger's from one moment to the next, whatever its CodeRepo says
// of itself.
func TestALendersProductWakesItsBorrowers(t *testing.T) {
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
		if got := slices.Contains(concerns(r), concern(aLender, "product-9")); got != c.want {
			t.Errorf("%s is woken: %v", sentence, got)
		}
	}
}

// A runtime must be found by everything that a verdict about it depends on.
func TestWhatConcernsARuntime(t *testing.T) {
	r := &api.DeploymentRuntime{ObjectMeta: metav1.ObjectMeta{Namespace: "product-7", Name: "web"}}
	r.Spec = api.DeploymentRuntimeSpec{Destination: "dev", ProjectsRef: []string{"shop", "cart"},
		ManifestSource: api.ManifestSource{CodeRepo: "repo-5"}}
	r.Status.Placement = &api.PlacementStatus{Cluster: "c1", CodeRepo: "product-9/repo-3"}
	r.Status.Conditions = []metav1.Condition{{Type: api.ConditionReady, Status: metav1.ConditionFalse,
		Reason: api.ReasonTwinRuntime}}
	want := []string{"environment/dev", "codeRepo/repo-5", "project/shop", "project/cart", "cluster/c1",
		"lender/product-9", "codeRepo/repo-3", "refused/TwinRuntime"}
	if diff := cmp.Diff(want, concerns(r)); diff != "" {
		t.Error(diff)
	}
}

// A record that comes is in the way of others; only one that goes or changes makes room.
func TestARecordThatComesWakesNoRefusedRuntime(t *testing.T) {
	app := func(record string) client.Object {
		return &observed.Application{ObjectMeta: metav1.ObjectMeta{
			Annotations: map[string]string{api.AnnotationPlacement: record}}}
	}
	p := recordGivesUp()
	if p.Create(event.CreateEvent{Object: app("a")}) {
		t.Error("one that comes wakes them")
	}
	if p.Update(event.UpdateEvent{ObjectOld: app("a"), ObjectNew: app("a")}) {
		t.Error("one that stays the same wakes them")
	}
	if !p.Update(event.UpdateEvent{ObjectOld: app("a"), ObjectNew: app("b")}) ||
		!p.Delete(event.DeleteEvent{Object: app("a")}) {
		t.Error("one that changes or goes wakes nobody")
	}
}

// Of n runtimes in an AppProject, one that is added wakes itself.
func TestAnAppProjectWakesThoseThatItChangedFor(t *testing.T) {
	tenancy := desired.Tenancy{Product: "product-7", RepoURLs: []string{"https://a"},
		Destinations: []desired.Destination{{Cluster: "c1", Namespace: "web"}},
		Applications: []string{identity.Application("product-7", "web")}}
	before := desired.AppProject(tenancy, "argocd")
	tenancy.Destinations = append(tenancy.Destinations, desired.Destination{Cluster: "c1", Namespace: "new"})
	tenancy.Applications = append(tenancy.Applications, identity.Application("product-7", "new"))
	world := rulestest.New().Record(rulestest.Record("product-7", "web", "dev", "c1"),
		rulestest.Record("product-7", "new", "dev", "c1"), rulestest.Record("product-7", "moving", "dev", "c1",
			func(r *rules.Record) { r.Leaving = []string{"new"} }), rulestest.Record("product-8", "new", "dev", "c1"))
	q := workqueue.NewTypedRateLimitingQueue(wake.Backoff())
	defer q.ShutDown()
	(&Reconciler{Lookup: world}).ofProject().Update(t.Context(),
		event.UpdateEvent{ObjectOld: before, ObjectNew: desired.AppProject(tenancy, "argocd")}, q)
	woken := map[string]bool{}
	for q.Len() > 0 {
		r, _ := q.Get()
		woken[r.String()] = true
	}
	if diff := cmp.Diff(map[string]bool{"product-7/new": true, "product-7/moving": true}, woken); diff != "" {
		t.Error(diff)
	}
}
