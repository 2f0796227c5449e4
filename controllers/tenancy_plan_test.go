package controllers

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/desired"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
)

// recorded returns the record of a runtime that lives on cluster c1.
func recorded(name string, namespaces ...string) *appRecord {
	return &appRecord{
		app: &observed.Application{ObjectMeta: metav1.ObjectMeta{Name: name, Finalizers: []string{api.Finalizer}}},
		placement: placement.Placement{
			Product: "product-7", Destination: placement.Destination{Environment: "dev", Cluster: "c1"},
			Namespaces: namespaces, Switches: placement.Switches{DeletionPolicy: api.DeletionPolicyDelete},
		},
	}
}

func removalAsked(r *appRecord) {
	r.teardown = &placement.Teardown{RuntimeUID: "u", Policy: r.placement.DeletionPolicy}
}

func deleting(r *appRecord) {
	now := metav1.Now()
	r.app.DeletionTimestamp = &now
}

func with(r *appRecord, changes ...func(*appRecord)) *appRecord {
	for _, change := range changes {
		change(r)
	}
	return r
}

func TestPlanTenancy(t *testing.T) {
	orphan := func(r *appRecord) { r.placement.DeletionPolicy = api.DeletionPolicyOrphan }
	cascading := func(r *appRecord) { r.app.Finalizers = append(r.app.Finalizers, desired.CascadeFinalizer) }
	leaving := func(d placement.Departure) func(*appRecord) {
		return func(r *appRecord) {
			r.placement.Leaving = append(r.placement.Leaving, d.Namespace)
			r.placement.Departures = append(r.placement.Departures, d)
		}
	}
	asked := placement.Departure{Namespace: "old"}
	cleared := placement.Departure{Namespace: "old", Cleared: true}
	held := placement.Departure{Namespace: "old", Hold: placement.HoldProtected}
	ofOldVersion := func(r *appRecord) { r.placement.Leaving = []string{"old"} }
	approved := func(r *appRecord) {
		r.placement.Runtime.UID = "u"
		r.app.Annotations = map[string]string{api.AnnotationApproveNamespace + "old": "u"}
	}
	for sentence, c := range map[string]struct {
		records []*appRecord
		want    []clusterPlan
	}{
		"nothing recorded: nothing to do, and nothing to delete":                 {nil, nil},
		"a living runtime's namespaces are prepared":                             {[]*appRecord{recorded("a", "x", "y")}, []clusterPlan{{cluster: "c1", prepare: []string{"x", "y"}}}},
		"a teardown that is asked for prepares and removes nothing":              {[]*appRecord{with(recorded("a", "x"), removalAsked)}, []clusterPlan{{cluster: "c1"}}},
		"a teardown that cascades removes nothing yet":                           {[]*appRecord{with(recorded("a", "x"), removalAsked, deleting, cascading)}, []clusterPlan{{cluster: "c1"}}},
		"a torn down runtime's namespaces are removed":                           {[]*appRecord{with(recorded("a", "x"), removalAsked, deleting)}, []clusterPlan{{cluster: "c1", remove: []string{"x"}}}},
		"deleted by hand is no teardown":                                         {[]*appRecord{with(recorded("a", "x"), deleting)}, []clusterPlan{{cluster: "c1"}}},
		"a namespace that a living runtime uses stays":                           {[]*appRecord{with(recorded("a", "x"), removalAsked, deleting), recorded("b", "x")}, []clusterPlan{{cluster: "c1", prepare: []string{"x"}}}},
		"a namespace that a runtime in grace uses stays":                         {[]*appRecord{with(recorded("a", "x"), removalAsked, deleting), with(recorded("b", "x"), removalAsked)}, []clusterPlan{{cluster: "c1"}}},
		"a namespace that a runtime deleted by hand uses stays":                  {[]*appRecord{with(recorded("a", "x"), removalAsked, deleting), with(recorded("b", "x"), deleting)}, []clusterPlan{{cluster: "c1"}}},
		"two torn down runtimes share a namespace: removed":                      {[]*appRecord{with(recorded("a", "x"), removalAsked, deleting), with(recorded("b", "x"), removalAsked, deleting)}, []clusterPlan{{cluster: "c1", remove: []string{"x"}}}},
		"the policy Orphan retains":                                              {[]*appRecord{with(recorded("a", "x"), orphan, removalAsked, deleting)}, []clusterPlan{{cluster: "c1", retain: []string{"x"}}}},
		"a namespace that a living runtime left is removed when that is cleared": {[]*appRecord{with(recorded("a", "x"), leaving(cleared))}, []clusterPlan{{cluster: "c1", prepare: []string{"x"}, remove: []string{"old"}}}},
		"one that was left just now stays":                                       {[]*appRecord{with(recorded("a", "x"), leaving(asked))}, []clusterPlan{{cluster: "c1", prepare: []string{"x"}}}},
		"one that an earlier version recorded stays":                             {[]*appRecord{with(recorded("a", "x"), ofOldVersion)}, []clusterPlan{{cluster: "c1", prepare: []string{"x"}}}},
		"one whose departure is held stays":                                      {[]*appRecord{with(recorded("a", "x"), leaving(held))}, []clusterPlan{{cluster: "c1", prepare: []string{"x"}}}},
		"an approval is written down before it counts":                           {[]*appRecord{with(recorded("a", "x"), leaving(held), approved)}, []clusterPlan{{cluster: "c1", prepare: []string{"x"}}}},
		"one that is held stays when the runtime is torn down":                   {[]*appRecord{with(recorded("a", "x"), leaving(held), removalAsked, deleting)}, []clusterPlan{{cluster: "c1", remove: []string{"x"}}}},
		"and goes then when that is approved":                                    {[]*appRecord{with(recorded("a", "x"), leaving(held), approved, removalAsked, deleting)}, []clusterPlan{{cluster: "c1", remove: []string{"old", "x"}}}},
		"one that was left goes with the runtime":                                {[]*appRecord{with(recorded("a", "x"), leaving(asked), removalAsked, deleting)}, []clusterPlan{{cluster: "c1", remove: []string{"old", "x"}}}},
		"so does one that an earlier version recorded":                           {[]*appRecord{with(recorded("a", "x"), ofOldVersion, removalAsked, deleting)}, []clusterPlan{{cluster: "c1", remove: []string{"old", "x"}}}},
		"one that was left under the policy Orphan is kept":                      {[]*appRecord{with(recorded("a", "x"), leaving(held), orphan)}, []clusterPlan{{cluster: "c1", prepare: []string{"x"}, retain: []string{"old"}}}},
		"one that another torn down runtime used too stays held":                 {[]*appRecord{with(recorded("a", "x"), leaving(held)), with(recorded("b", "old"), removalAsked, deleting)}, []clusterPlan{{cluster: "c1", prepare: []string{"x"}}}},
		"a namespace that one left and another uses stays":                       {[]*appRecord{with(recorded("a", "x"), leaving(cleared)), recorded("b", "old")}, []clusterPlan{{cluster: "c1", prepare: []string{"old", "x"}}}},
		"the same name on another cluster is another namespace":                  {[]*appRecord{with(recorded("a", "x"), removalAsked, deleting), with(recorded("b", "x"), func(r *appRecord) { r.placement.Destination.Cluster = "c2" })}, []clusterPlan{{cluster: "c1", remove: []string{"x"}}, {cluster: "c2", prepare: []string{"x"}}}},
		"a teardown waits for other people's finalizers":                         {[]*appRecord{with(recorded("a", "x"), removalAsked, deleting, func(r *appRecord) { r.app.Finalizers = append(r.app.Finalizers, "x/y") })}, []clusterPlan{{cluster: "c1"}}},
		"an Orphan namespace that another torn down one gives up":                {[]*appRecord{with(recorded("a", "x"), orphan, removalAsked, deleting), with(recorded("b", "x"), removalAsked, deleting)}, []clusterPlan{{cluster: "c1", retain: []string{"x"}}}},
	} {
		t.Run(sentence, func(t *testing.T) {
			if diff := cmp.Diff(c.want, planTenancy(c.records), cmp.AllowUnexported(clusterPlan{}), cmpopts.EquateEmpty()); diff != "" {
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
	if len(c.Message) > 32<<10 || !strings.Contains(c.Message, "and 975 more") {
		t.Errorf("%d characters, ending in %s", len(c.Message), c.Message[max(0, len(c.Message)-80):])
	}
}
