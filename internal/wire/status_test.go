package wire_test

import (
	"reflect"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// sameNames answers ids as names.
type sameNames struct{}

func (sameNames) ProductPath(id string) string     { return id }
func (sameNames) CodeRepoPath(_, id string) string { return id }

func statusOf(file, live *api.DeploymentRuntime) *wire.Status {
	return wire.ItemsOf("DeploymentRuntime", "product-7", sameNames{}).OfRuntime(file, live).Status
}

func TestAStatusIsAboutWhatTheFileSays(t *testing.T) {
	file := func() *api.DeploymentRuntime {
		return &api.DeploymentRuntime{ObjectMeta: metav1.ObjectMeta{Name: "dr-dev"}, Spec: api.DeploymentRuntimeSpec{
			Product: "product-7", Destination: "env-dev",
			ManifestSource: api.ManifestSource{CodeRepo: "repo-3", Path: "a", TargetRevision: "HEAD"},
		}}
	}
	for sentence, c := range map[string]struct {
		live   func(*api.DeploymentRuntime)
		ready  bool
		reason string
	}{
		"what the file says runs": {func(*api.DeploymentRuntime) {}, true, api.ReasonReady},
		"a default that the cluster filled in": {func(r *api.DeploymentRuntime) {
			r.Spec.DeletionPolicy = api.DeletionPolicyDelete
		}, true, api.ReasonReady},
		"an empty list is none": {func(r *api.DeploymentRuntime) {
			r.Spec.ProjectsRef = []string{}
		}, true, api.ReasonReady},
		"an earlier path is deployed": {func(r *api.DeploymentRuntime) {
			r.Spec.ManifestSource.Path = "b"
		}, false, api.ReasonSyncing},
		"another policy": {func(r *api.DeploymentRuntime) {
			r.Spec.DeletionPolicy = api.DeletionPolicyOrphan
		}, false, api.ReasonSyncing},
		"the operator has not looked at the last change": {func(r *api.DeploymentRuntime) { r.Generation = 5 }, false,
			api.ReasonSyncing},
	} {
		t.Run(sentence, func(t *testing.T) {
			live := file()
			live.Generation, live.Status.ObservedGeneration = 4, 4
			live.Status.Conditions = []metav1.Condition{{Type: api.ConditionReady, Status: metav1.ConditionTrue,
				Reason: api.ReasonReady}}
			c.live(live)
			got := statusOf(file(), live)
			if got.Ready != c.ready || got.Reason != c.reason {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestEveryFieldOfTheSpecCountsForTheStatus(t *testing.T) {
	fields := reflect.TypeFor[api.DeploymentRuntimeSpec]()
	for i := range fields.NumField() {
		t.Run(fields.Field(i).Name, func(t *testing.T) {
			live := &api.DeploymentRuntime{}
			differ(t, reflect.ValueOf(&live.Spec).Elem().Field(i), func() {
				if got := statusOf(&api.DeploymentRuntime{}, live); got.Reason != api.ReasonSyncing {
					t.Errorf("%+v is reported as what the file says: %+v", live.Spec, got)
				}
			})
		})
	}
}

// differ calls check with each field of a value changed, one at a time.
func differ(t *testing.T, v reflect.Value, check func()) {
	t.Helper()
	before := reflect.New(v.Type()).Elem()
	before.Set(v)
	switch v.Kind() {
	case reflect.String:
		v.SetString("another")
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
	case reflect.Struct:
		for i := range v.NumField() {
			differ(t, v.Field(i), check)
		}
		return
	default:
		t.Fatalf("teach this test what differs in a %s", v.Kind())
	}
	check()
	v.Set(before)
}
