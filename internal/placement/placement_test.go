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
		"nothing stands: record":                                   {"u1", dev, placement.Situation{}, placement.Record},
		"same life, same destination: keep":                        {"u1", dev, placement.Situation{Recorded: &rec}, placement.Keep},
		"same life, other environment: stays":                      {"u1", placement.Destination{Environment: "prod", Cluster: "c1"}, placement.Situation{Recorded: &rec}, placement.DestinationChanged},
		"same life, environment repointed: stays":                  {"u1", placement.Destination{Environment: "dev", Cluster: "c2"}, placement.Situation{Recorded: &rec}, placement.ClusterChanged},
		"same life, cluster cannot be resolved: keep":              {"u1", placement.Destination{Environment: "dev"}, placement.Situation{Recorded: &rec}, placement.Keep},
		"same life with an intent: adopt":                          {"u1", dev, placement.Situation{Recorded: &rec, Teardown: intent}, placement.Adopt},
		"new life, same destination, deployed: adopt":              {"u2", dev, placement.Situation{Recorded: &rec}, placement.Adopt},
		"new life, same destination, in grace: adopt":              {"u2", dev, placement.Situation{Recorded: &rec, Teardown: intent}, placement.Adopt},
		"new life, environment repointed: refused, not adopted":    {"u2", placement.Destination{Environment: "dev", Cluster: "c2"}, placement.Situation{Recorded: &rec, Teardown: intent}, placement.ClusterChanged},
		"new life, other destination: wait":                        {"u2", placement.Destination{Environment: "prod", Cluster: "c2"}, placement.Situation{Recorded: &rec, Teardown: intent}, placement.AwaitTeardown},
		"teardown runs: wait, also for the same destination":       {"u2", dev, placement.Situation{Recorded: &rec, Teardown: intent, Deleting: true}, placement.TeardownRuns},
		"deleted by hand: let go, then write again":                {"u1", dev, placement.Situation{Recorded: &rec, Deleting: true}, placement.DeletedByHand},
		"deleted by hand, new life elsewhere: let go all the same": {"u2", placement.Destination{Environment: "prod"}, placement.Situation{Recorded: &rec, Deleting: true}, placement.DeletedByHand},
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
	if got, err := placement.Decode(running.Encode()); err != nil || got.Halted != "" || strings.Contains(running.Encode(), "halted") {
		t.Errorf("got %+v, %v", got, err)
	}
	halted := record()
	halted.Halted = api.ReasonPermissionRevoked
	if got, err := placement.Decode(halted.Encode()); err != nil || got.Halted != api.ReasonPermissionRevoked {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestADamagedRecordIsAnErrorAndNeverAnEmptyOne(t *testing.T) {
	for _, s := range []string{"", "{", "{}", "null", `{"runtime":{"namespace":"a"}}`, `{"runtime":{"namespace":"a","name":"b"},"product":"a"}`} {
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
	want := placement.Teardown{RuntimeUID: "u", Policy: api.DeletionPolicyOrphan, RequestedAt: time.Unix(1700000000, 0).UTC(), Hold: placement.HoldProtected}
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
	if got := placement.SwitchesOf(r); got != (placement.Switches{DeletionPolicy: api.DeletionPolicyOrphan, Suspend: true, Protect: true}) {
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
	for _, h := range []placement.Hold{placement.HoldProtected, placement.HoldTooManyAtOnce, placement.HoldNamespaceDeleted, placement.HoldKindDeleted, placement.HoldProductDeleted} {
		if h.Because() == string(h) || h.Because() == "" {
			t.Errorf("hold %q does not say why", h)
		}
	}
}
