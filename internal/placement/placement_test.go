package placement_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
)

var dev = placement.Destination{Environment: "dev", Cluster: "c1"}

func record() placement.Placement {
	return placement.Placement{
		Runtime:     placement.RuntimeRef{Namespace: "product-7", Name: "dr", UID: "u1"},
		Product:     "product-7",
		Destination: dev,
		Namespaces:  []string{"a", "b"},
		Switches:    placement.Switches{DeletionPolicy: api.DeletionPolicyDelete},
	}
}

func TestMeet(t *testing.T) {
	rec := record()
	intent := &placement.Teardown{RuntimeUID: "u1"}
	for sentence, c := range map[string]struct {
		uid  string
		want placement.Destination
		is   placement.Situation
		then placement.Verdict
	}{
		"nothing stands: record": {"u1", dev, placement.Situation{}, placement.Record},
		"same life, same destination: keep": {"u1", dev, placement.Situation{Recorded: &rec},
			placement.Keep},
		"same life, other environment: stays": {"u1", placement.Destination{Environment: "prod",
			Cluster: "c1"}, placement.Situation{Recorded: &rec}, placement.DestinationChanged},
		"same life, environment repointed: stays": {"u1", placement.Destination{Environment: "dev",
			Cluster: "c2"}, placement.Situation{Recorded: &rec}, placement.ClusterChanged},
		"same life, cluster cannot be resolved: keep": {"u1", placement.Destination{Environment: "dev"},
			placement.Situation{Recorded: &rec}, placement.Keep},
		"same life with an intent: adopt": {"u1", dev,
			placement.Situation{Recorded: &rec, Teardown: intent}, placement.Adopt},
		"new life, same destination, deployed: adopt": {"u2", dev, placement.Situation{Recorded: &rec},
			placement.Adopt},
		"new life, same destination, in grace: adopt": {"u2", dev,
			placement.Situation{Recorded: &rec, Teardown: intent}, placement.Adopt},
		"new life, environment repointed: refused, not adopted": {"u2", placement.Destination{Environment: "dev",
			Cluster: "c2"}, placement.Situation{Recorded: &rec, Teardown: intent}, placement.ClusterChanged},
		"new life, other destination: wait": {"u2", placement.Destination{Environment: "prod",
			Cluster: "c2"}, placement.Situation{Recorded: &rec, Teardown: intent}, placement.AwaitTeardown},
		"teardown runs: wait, also for the same destination": {"u2", dev,
			placement.Situation{Recorded: &rec, Teardown: intent, Deleting: true}, placement.TeardownRuns},
		"deleted by hand: let go, then write again": {"u1", dev,
			placement.Situation{Recorded: &rec, Deleting: true}, placement.DeletedByHand},
		"deleted by hand, new life elsewhere: let go all the same": {"u2", placement.Destination{Environment: "prod"},
			placement.Situation{Recorded: &rec, Deleting: true}, placement.DeletedByHand},
	} {
		t.Run(sentence, func(t *testing.T) {
			if got := placement.Meet(c.uid, c.want, c.is); got != c.then {
				t.Errorf("got %s, want %s", got, c.then)
			}
		})
	}
}

func TestARecordSurvivesItsEncoding(t *testing.T) {
	want := record()
	got, err := placement.Decode(want.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if want.Encode() != got.Encode() {
		t.Error("equal records have different bytes")
	}
}

// Records of before say nothing about it.
func TestARecordThatDoesNotSayThatItIsHaltedIsNot(t *testing.T) {
	running := record()
	if got, err := placement.Decode(running.Encode()); err != nil || got.Halted != "" ||
		strings.Contains(running.Encode(), "halted") {
		t.Errorf("got %+v, %v", got, err)
	}
	halted := record()
	halted.Halted = api.ReasonPermissionRevoked
	if got, err := placement.Decode(halted.Encode()); err != nil || got.Halted != api.ReasonPermissionRevoked {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestADamagedRecordIsAnErrorAndNeverAnEmptyOne(t *testing.T) {
	for _, s := range []string{"", "{", "{}", "null", `{"runtime":{"namespace":"a"}}`,
		`{"runtime":{"namespace":"a","name":"b"},"product":"a"}`} {
		if p, err := placement.Decode(s); err == nil {
			t.Errorf("%q was read as %+v", s, p)
		}
	}
	for _, s := range []string{"", "{", "{}", `{"runtimeUID":"x"}`} {
		if p, err := placement.DecodeTeardown(s); err == nil {
			t.Errorf("%q was read as %+v", s, p)
		}
	}
}

func TestATeardownSurvivesItsEncoding(t *testing.T) {
	want := placement.Teardown{RuntimeUID: "u", Policy: api.DeletionPolicyOrphan,
		RequestedAt: time.Unix(1700000000, 0).UTC(), Hold: placement.HoldProtected}
	got, err := placement.DecodeTeardown(want.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWideningKeepsTheFirstNamespaceAndTheReceiver(t *testing.T) {
	p := record()
	wide := p.Widen([]string{"b", "c"})
	if diff := cmp.Diff([]string{"a", "b", "c"}, wide.Namespaces); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"a", "b"}, p.Namespaces); diff != "" {
		t.Error("the receiver changed: " + diff)
	}
}

func TestSwitchesHaveDefaults(t *testing.T) {
	r := &api.DeploymentRuntime{}
	if got := placement.SwitchesOf(r); got != (placement.Switches{DeletionPolicy: api.DeletionPolicyDelete}) {
		t.Errorf("got %+v", got)
	}
	r.Annotations = map[string]string{api.AnnotationProtect: "true"}
	r.Spec.Suspend, r.Spec.DeletionPolicy = true, api.DeletionPolicyOrphan
	if got := placement.SwitchesOf(r); got != (placement.Switches{DeletionPolicy: api.DeletionPolicyOrphan,
		Suspend: true, Protect: true}) {
		t.Errorf("got %+v", got)
	}
}

func TestTheBrakeLetsAFewGoAndHoldsMany(t *testing.T) {
	b := placement.Brake{Floor: 3, Percent: 20}
	for _, c := range []struct {
		removing, recorded int
		holds              bool
	}{{1, 1, false}, {3, 3, false}, {4, 4, true}, {4, 20, false}, {5, 20, true}, {40, 200, false}, {41, 200, true}} {
		if got := b.Holds(c.removing, c.recorded); got != c.holds {
			t.Errorf("%d of %d: got %v", c.removing, c.recorded, got)
		}
	}
}

func TestEveryHoldSaysWhy(t *testing.T) {
	for _, h := range []placement.Hold{placement.HoldProtected, placement.HoldTooManyAtOnce,
		placement.HoldTooManyTogether, placement.HoldNamespaceDeleted, placement.HoldKindDeleted,
		placement.HoldProductDeleted} {
		if h.Because() == string(h) || h.Because() == "" {
			t.Errorf("hold %q does not say why", h)
		}
	}
}

func TestTheBrakeCountsWhatWentWithinTheWindow(t *testing.T) {
	now := time.Unix(1700000000, 0)
	b := placement.Brake{Floor: 3, SharedFloor: 5, Percent: 20, Window: 10 * time.Minute}
	removal := func(key, product, cluster string, age time.Duration) placement.Removal {
		return placement.Removal{Key: key, Product: product, Cluster: cluster, At: now.Add(-age)}
	}
	passed := func(n int, product, cluster string, age time.Duration) (out []placement.Removal) {
		for i := range n {
			out = append(out, removal(product+cluster+string(rune('a'+i)), product, cluster, age))
		}
		return out
	}
	pending := func(hold placement.Hold, in []placement.Removal) (out []placement.Pending) {
		for _, r := range in {
			out = append(out, placement.Pending{Removal: r, Hold: hold})
		}
		return out
	}
	for sentence, c := range map[string]struct {
		passed  []placement.Removal
		pending []placement.Pending
		want    placement.Hold
	}{
		"the first one goes": {},
		"the third one goes": {passed: passed(2, "p", "c1", time.Minute)},
		"the fourth one is held though three are gone": {passed: passed(3, "p", "c1", 9*time.Minute),
			want: placement.HoldTooManyAtOnce},
		"after the window they count no more": {passed: passed(3, "p", "c1", 10*time.Minute)},
		"what is asked for counts too": {pending: pending("", passed(3, "p", "c1", 0)),
			want: placement.HoldTooManyAtOnce},
		"also what is held for a long time": {pending: pending(placement.HoldProtected,
			passed(3, "p", "c1", time.Hour)), want: placement.HoldTooManyAtOnce},
		"one that passed and is still there counts once": {passed: passed(2, "p", "c1", 0),
			pending: pending("", passed(2, "p", "c1", 0))},
		"another cluster of the product is the same product": {passed: passed(3, "p", "c2", 0),
			want: placement.HoldTooManyAtOnce},
		"a few of others on the cluster are free": {passed: passed(4, "q", "c1", 0)},
		"many of others on the cluster": {passed: passed(5, "q", "c1", 0),
			want: placement.HoldTooManyTogether},
		"many of others on other clusters": {passed: append(passed(3, "q", "c2", 0),
			passed(2, "r", "c3", 0)...), want: placement.HoldTooManyTogether},
		"of a tree of groups none goes": {pending: pending(placement.HoldTooManyTogether,
			append(passed(3, "q", "c1", 0), passed(3, "r", "c1", 0)...)), want: placement.HoldTooManyTogether},
		"a product that is held by its own brake holds no other": {pending: pending(placement.HoldTooManyAtOnce,
			passed(9, "q", "c1", 0))},
		"many that another product asks for hold up nobody": {pending: pending("", passed(9, "q", "c1", 0))},
		"what waits for its cluster for hours holds no other": {pending: pending("",
			passed(9, "q", "c1", time.Hour))},
		"a removal that passed before is judged like the first one": {passed: []placement.Removal{
			removal("x", "p", "c1", 0)}},
	} {
		t.Run(sentence, func(t *testing.T) {
			got, why := b.Judge(removal("x", "p", "c1", 0),
				placement.Count{Now: now, Pending: c.pending, Passed: b.Within(c.passed, now)})
			if got != c.want || (got == "") != (why == "") {
				t.Errorf("got %q (%s), want %q", got, why, c.want)
			}
		})
	}
}

// A percentage is of what was there when the window began: else every removal makes the next one less likely to pass.
func TestTheBrakeCountsAPartOfWhatWasThere(t *testing.T) {
	b := placement.Brake{Floor: 3, SharedFloor: 1000, Percent: 20, Window: time.Hour}
	var c placement.Count
	for i := range 100 {
		r := record()
		r.Runtime.UID = string(rune(1000 + i))
		c.Recorded = append(c.Recorded, r)
	}
	went := 0
	for len(c.Recorded) > 0 {
		r := placement.RemovalOf(c.Recorded[0], placement.Teardown{RuntimeUID: c.Recorded[0].Runtime.UID})
		if hold, _ := b.Judge(r, c); hold != "" {
			break
		}
		c.Passed, c.Recorded, went = append(c.Passed, r), c.Recorded[1:], went+1
	}
	if went != 20 {
		t.Errorf("%d of 100 went", went)
	}
}

func TestPassedRemovalsSurviveTheirEncoding(t *testing.T) {
	want := []placement.Removal{{Key: "u", Product: "p", Cluster: "c", At: time.Unix(1700000000, 0).UTC()}}
	got, err := placement.DecodePassed(placement.EncodePassed(want))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err := placement.DecodePassed("{"); err == nil {
		t.Error("a damaged memory was read as an empty one")
	}
}

// A record of an earlier version names what is leaving and says nothing about it.
func TestANamespaceThatAnOldRecordLeavesIsGivenUpJustNow(t *testing.T) {
	old, err := placement.Decode(`{"runtime":{"namespace":"product-7","name":"dr","uid":"u1"},"product":"product-7",` +
		`"destination":{"environment":"dev","cluster":"c1"},"namespaces":["a"],"leaving":["b"]}`)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1700000000, 0).UTC()
	want := []placement.Departure{{Namespace: "b", RequestedAt: now}}
	if diff := cmp.Diff(want, old.Departing(now).Departures); diff != "" {
		t.Error(diff)
	}
	later := old.Departing(now).Departing(now.Add(time.Hour))
	if diff := cmp.Diff(want, later.Departures); diff != "" {
		t.Error("the intent was made anew: " + diff)
	}
}

func TestANamespaceThatIsNamedAgainStays(t *testing.T) {
	p := record()
	p.Leaving = []string{"b", "c"}
	p = p.Departing(time.Unix(1700000000, 0))
	got := p.Staying()
	if got.Departure("b") != nil || got.Departure("c") == nil || len(got.Leaving) != 1 {
		t.Errorf("got %+v", got)
	}
	if len(p.Leaving) != 2 || len(p.Departures) != 2 {
		t.Error("the receiver changed")
	}
}
