package product

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/record"
	"github.com/nautes-labs/deployment-runtime/internal/desired"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
)

// recorded returns the record of a runtime that lives on cluster c1.
func recorded(name string, namespaces ...string) *record.Record {
	return &record.Record{
		App: &observed.Application{ObjectMeta: metav1.ObjectMeta{Name: name, Finalizers: []string{api.Finalizer}}},
		Placement: placement.Placement{
			Product: "product-7", Destination: placement.Destination{Environment: "dev", Cluster: "c1"},
			Namespaces: namespaces, Switches: placement.Switches{DeletionPolicy: api.DeletionPolicyDelete},
		},
	}
}

func removalAsked(r *record.Record) {
	r.Teardown = &placement.Teardown{RuntimeUID: "u", Policy: r.Placement.DeletionPolicy}
}

func deleting(r *record.Record) {
	now := metav1.Now()
	r.App.DeletionTimestamp = &now
}

func with(r *record.Record, changes ...func(*record.Record)) *record.Record {
	for _, change := range changes {
		change(r)
	}
	return r
}

func TestPlanTenancy(t *testing.T) {
	orphan := func(r *record.Record) { r.Placement.DeletionPolicy = api.DeletionPolicyOrphan }
	cascading := func(r *record.Record) { r.App.Finalizers = append(r.App.Finalizers, desired.CascadeFinalizer) }
	leaving := func(d placement.Departure) func(*record.Record) {
		return func(r *record.Record) {
			r.Placement.Leaving = append(r.Placement.Leaving, d.Namespace)
			r.Placement.Departures = append(r.Placement.Departures, d)
		}
	}
	asked := placement.Departure{Namespace: "old"}
	cleared := placement.Departure{Namespace: "old", Cleared: true}
	held := placement.Departure{Namespace: "old", Hold: placement.HoldProtected}
	ofOldVersion := func(r *record.Record) { r.Placement.Leaving = []string{"old"} }
	approved := func(r *record.Record) {
		r.Placement.Runtime.UID = "u"
		r.App.Annotations = map[string]string{api.AnnotationApproveNamespace + "old": "u"}
	}
	for sentence, c := range map[string]struct {
		records []*record.Record
		want    []clusterPlan
	}{
		"nothing recorded: nothing to do, and nothing to delete": {nil, nil},
		"a living runtime's namespaces are prepared": {[]*record.Record{
			recorded("a", "x", "y")}, []clusterPlan{{cluster: "c1", prepare: []string{"x", "y"}}}},
		"a teardown that is asked for prepares and removes nothing": {[]*record.Record{
			with(recorded("a", "x"), removalAsked)}, []clusterPlan{{cluster: "c1"}}},
		"a teardown that cascades removes nothing yet": {[]*record.Record{
			with(recorded("a", "x"), removalAsked, deleting, cascading)}, []clusterPlan{{cluster: "c1"}}},
		"a torn down runtime's namespaces are removed": {[]*record.Record{
			with(recorded("a", "x"), removalAsked, deleting)}, []clusterPlan{{cluster: "c1", remove: []string{"x"}}}},
		"deleted by hand is no teardown": {[]*record.Record{
			with(recorded("a", "x"), deleting)}, []clusterPlan{{cluster: "c1"}}},
		"a namespace that a living runtime uses stays": {[]*record.Record{with(recorded("a",
			"x"), removalAsked, deleting), recorded("b", "x")}, []clusterPlan{{cluster: "c1", prepare: []string{"x"}}}},
		"a namespace that a runtime in grace uses stays": {[]*record.Record{with(recorded("a",
			"x"), removalAsked, deleting), with(recorded("b", "x"), removalAsked)}, []clusterPlan{{cluster: "c1"}}},
		"a namespace that a runtime deleted by hand uses stays": {[]*record.Record{with(recorded("a",
			"x"), removalAsked, deleting), with(recorded("b", "x"), deleting)}, []clusterPlan{{cluster: "c1"}}},
		"two torn down runtimes share a namespace: removed": {[]*record.Record{
			with(recorded("a", "x"), removalAsked, deleting), with(recorded("b", "x"), removalAsked, deleting)},
			[]clusterPlan{{cluster: "c1", remove: []string{"x"}}}},
		"the policy Orphan retains": {[]*record.Record{with(recorded("a",
			"x"), orphan, removalAsked, deleting)}, []clusterPlan{{cluster: "c1", retain: []string{"x"}}}},
		"a namespace that a living runtime left is removed when that is cleared": {[]*record.Record{with(recorded("a",
			"x"), leaving(cleared))}, []clusterPlan{{cluster: "c1", prepare: []string{"x"}, remove: []string{"old"}}}},
		"one that was left just now stays": {[]*record.Record{
			with(recorded("a", "x"), leaving(asked))}, []clusterPlan{{cluster: "c1", prepare: []string{"x"}}}},
		"one that an earlier version recorded stays": {[]*record.Record{
			with(recorded("a", "x"), ofOldVersion)}, []clusterPlan{{cluster: "c1", prepare: []string{"x"}}}},
		"one whose departure is held stays": {[]*record.Record{
			with(recorded("a", "x"), leaving(held))}, []clusterPlan{{cluster: "c1", prepare: []string{"x"}}}},
		"an approval is written down before it counts": {[]*record.Record{
			with(recorded("a", "x"), leaving(held), approved)}, []clusterPlan{{cluster: "c1", prepare: []string{"x"}}}},
		"one that is held stays when the runtime is torn down": {[]*record.Record{with(recorded("a",
			"x"), leaving(held), removalAsked, deleting)}, []clusterPlan{{cluster: "c1", remove: []string{"x"}}}},
		"and goes then when that is approved": {[]*record.Record{
			with(recorded("a", "x"), leaving(held), approved, removalAsked, deleting)},
			[]clusterPlan{{cluster: "c1", remove: []string{"old", "x"}}}},
		"one that was left goes with the runtime": {[]*record.Record{with(recorded("a",
			"x"), leaving(asked), removalAsked, deleting)},
			[]clusterPlan{{cluster: "c1", remove: []string{"old", "x"}}}},
		"so does one that an earlier version recorded": {[]*record.Record{with(recorded("a",
			"x"), ofOldVersion, removalAsked, deleting)}, []clusterPlan{{cluster: "c1", remove: []string{"old", "x"}}}},
		"one that was left under the policy Orphan is kept": {[]*record.Record{
			with(recorded("a", "x"), leaving(held), orphan)},
			[]clusterPlan{{cluster: "c1", prepare: []string{"x"}, retain: []string{"old"}}}},
		"one that another torn down runtime used too stays held": {[]*record.Record{
			with(recorded("a", "x"), leaving(held)), with(recorded("b", "old"), removalAsked, deleting)},
			[]clusterPlan{{cluster: "c1", prepare: []string{"x"}}}},
		"a namespace that one left and another uses stays": {[]*record.Record{
			with(recorded("a", "x"), leaving(cleared)), recorded("b", "old")},
			[]clusterPlan{{cluster: "c1", prepare: []string{"old", "x"}}}},
		"the same name on another cluster is another namespace": {[]*record.Record{
			with(recorded("a", "x"), removalAsked, deleting),
			with(recorded("b", "x"), func(r *record.Record) { r.Placement.Destination.Cluster = "c2" })},
			[]clusterPlan{{cluster: "c1", remove: []string{"x"}}, {cluster: "c2", prepare: []string{"x"}}}},
		"a teardown waits for other people's finalizers": {[]*record.Record{
			with(recorded("a", "x"), removalAsked, deleting, func(r *record.Record) {
				r.App.Finalizers = append(r.App.Finalizers, "x/y")
			})}, []clusterPlan{{cluster: "c1"}}},
		"an Orphan namespace that another torn down one gives up": {[]*record.Record{
			with(recorded("a", "x"), orphan, removalAsked, deleting), with(recorded("b", "x"), removalAsked, deleting)},
			[]clusterPlan{{cluster: "c1", retain: []string{"x"}}}},
	} {
		t.Run(sentence, func(t *testing.T) {
			if diff := cmp.Diff(c.want, planTenancy(c.records), cmp.AllowUnexported(clusterPlan{}),
				cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A message that is too long would keep the whole status from being written.
func TestOneSedOverAllRuntimesIsToldInAMessageThatFits(t *testing.T) {
	long := strings.Repeat("x", 500)
	var many []string
	for i := range 1000 {
		many = append(many, fmt.Sprint(i, long))
	}
	c := settledCondition(many, slices.Clone(many), nil, nil)
	if len(c.Message) > 32<<10 || !strings.Contains(c.Message, "and 999 more, 1000 in all") {
		t.Errorf("%d characters, ending in %s", len(c.Message), c.Message[max(0, len(c.Message)-80):])
	}
}
