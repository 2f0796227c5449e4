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

func (r *appRecord) asked() *appRecord {
	r.teardown = &placement.Teardown{RuntimeUID: "u", Policy: r.placement.DeletionPolicy}
	return r
}

func (r *appRecord) deleting() *appRecord {
	now := metav1.Now()
	r.app.DeletionTimestamp = &now
	return r
}

func (r *appRecord) with(change func(*appRecord)) *appRecord {
	change(r)
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
		"a teardown that is asked for prepares and removes nothing":              {[]*appRecord{recorded("a", "x").asked()}, []clusterPlan{{cluster: "c1"}}},
		"a teardown that cascades removes nothing yet":                           {[]*appRecord{recorded("a", "x").asked().deleting().with(cascading)}, []clusterPlan{{cluster: "c1"}}},
		"a torn down runtime's namespaces are removed":                           {[]*appRecord{recorded("a", "x").asked().deleting()}, []clusterPlan{{cluster: "c1", remove: []string{"x"}}}},
		"deleted by hand is no teardown":                                         {[]*appRecord{recorded("a", "x").deleting()}, []clusterPlan{{cluster: "c1"}}},
		"a namespace that a living runtime uses stays":                           {[]*appRecord{recorded("a", "x").asked().deleting(), recorded("b", "x")}, []clusterPlan{{cluster: "c1", prepare: []string{"x"}}}},
		"a namespace that a runtime in grace uses stays":                         {[]*appRecord{recorded("a", "x").asked().deleting(), recorded("b", "x").asked()}, []clusterPlan{{cluster: "c1"}}},
		"a namespace that a runtime deleted by hand uses stays":                  {[]*appRecord{recorded("a", "x").asked().deleting(), recorded("b", "x").deleting()}, []clusterPlan{{cluster: "c1"}}},
		"two torn down runtimes share a namespace: removed":                      {[]*appRecord{recorded("a", "x").asked().deleting(), recorded("b", "x").asked().deleting()}, []clusterPlan{{cluster: "c1", remove: []string{"x"}}}},
		"the policy Orphan retains":                                              {[]*appRecord{recorded("a", "x").with(orphan).asked().deleting()}, []clusterPlan{{cluster: "c1", retain: []string{"x"}}}},
		"a namespace that a living runtime left is removed when that is cleared": {[]*appRecord{recorded("a", "x").with(leaving(cleared))}, []clusterPlan{{cluster: "c1", prepare: []string{"x"}, remove: []string{"old"}}}},
		"one that was left just now stays":                                       {[]*appRecord{recorded("a", "x").with(leaving(asked))}, []clusterPlan{{cluster: "c1", prepare: []string{"x"}}}},
		"one that an earlier version recorded stays":                             {[]*appRecord{recorded("a", "x").with(ofOldVersion)}, []clusterPlan{{cluster: "c1", prepare: []string{"x"}}}},
		"one whose departure is held stays":                                      {[]*appRecord{recorded("a", "x").with(leaving(held))}, []clusterPlan{{cluster: "c1", prepare: []string{"x"}}}},
		"an approval is written down before it counts":                           {[]*appRecord{recorded("a", "x").with(leaving(held)).with(approved)}, []clusterPlan{{cluster: "c1", prepare: []string{"x"}}}},
		"one that is held stays when the runtime is torn down":                   {[]*appRecord{recorded("a", "x").with(leaving(held)).asked().deleting()}, []clusterPlan{{cluster: "c1", remove: []string{"x"}}}},
		"and goes then when that is approved":                                    {[]*appRecord{recorded("a", "x").with(leaving(held)).with(approved).asked().deleting()}, []clusterPlan{{cluster: "c1", remove: []string{"old", "x"}}}},
		"one that was left goes with the runtime":                                {[]*appRecord{recorded("a", "x").with(leaving(asked)).asked().deleting()}, []clusterPlan{{cluster: "c1", remove: []string{"old", "x"}}}},
		"so does one that an earlier version recorded":                           {[]*appRecord{recorded("a", "x").with(ofOldVersion).asked().deleting()}, []clusterPlan{{cluster: "c1", remove: []string{"old", "x"}}}},
		"one that was left under the policy Orphan is kept":                      {[]*appRecord{recorded("a", "x").with(leaving(held)).with(orphan)}, []clusterPlan{{cluster: "c1", prepare: []string{"x"}, retain: []string{"old"}}}},
		"one that another torn down runtime used too stays held":                 {[]*appRecord{recorded("a", "x").with(leaving(held)), recorded("b", "old").asked().deleting()}, []clusterPlan{{cluster: "c1", prepare: []string{"x"}}}},
		"a namespace that one left and another uses stays":                       {[]*appRecord{recorded("a", "x").with(leaving(cleared)), recorded("b", "old")}, []clusterPlan{{cluster: "c1", prepare: []string{"old", "x"}}}},
		"the same name on another cluster is another namespace":                  {[]*appRecord{recorded("a", "x").asked().deleting(), recorded("b", "x").with(func(r *appRecord) { r.placement.Destination.Cluster = "c2" })}, []clusterPlan{{cluster: "c1", remove: []string{"x"}}, {cluster: "c2", prepare: []string{"x"}}}},
		"a teardown waits for other people's finalizers":                         {[]*appRecord{recorded("a", "x").asked().deleting().with(func(r *appRecord) { r.app.Finalizers = append(r.app.Finalizers, "x/y") })}, []clusterPlan{{cluster: "c1"}}},
		"an Orphan namespace that another torn down one gives up":                {[]*appRecord{recorded("a", "x").with(orphan).asked().deleting(), recorded("b", "x").asked().deleting()}, []clusterPlan{{cluster: "c1", retain: []string{"x"}}}},
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
