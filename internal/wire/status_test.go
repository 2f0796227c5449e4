package wire_test

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// sameNames answers ids as names.
type sameNames struct{}

func (sameNames) ProductPath(id string) string     { return id }
func (sameNames) CodeRepoPath(_, id string) string { return id }

func TestAStatusIsAboutWhatTheFileSays(t *testing.T) {
	file := func() *api.DeploymentRuntime {
		return &api.DeploymentRuntime{ObjectMeta: metav1.ObjectMeta{Name: "dr-dev"}, Spec: api.DeploymentRuntimeSpec{
			Product: "product-7", Destination: "env-dev", ManifestSource: api.ManifestSource{CodeRepo: "repo-3", Path: "a", TargetRevision: "HEAD"},
		}}
	}
	for sentence, c := range map[string]struct {
		live   func(*api.DeploymentRuntime)
		ready  bool
		reason string
	}{
		"what the file says runs":                        {func(*api.DeploymentRuntime) {}, true, api.ReasonReady},
		"a default that the cluster filled in":           {func(r *api.DeploymentRuntime) { r.Spec.DeletionPolicy = api.DeletionPolicyDelete }, true, api.ReasonReady},
		"an empty list is none":                          {func(r *api.DeploymentRuntime) { r.Spec.ProjectsRef = []string{} }, true, api.ReasonReady},
		"an earlier path is deployed":                    {func(r *api.DeploymentRuntime) { r.Spec.ManifestSource.Path = "b" }, false, api.ReasonSyncing},
		"another policy":                                 {func(r *api.DeploymentRuntime) { r.Spec.DeletionPolicy = api.DeletionPolicyOrphan }, false, api.ReasonSyncing},
		"the operator has not looked at the last change": {func(r *api.DeploymentRuntime) { r.Generation = 5 }, false, api.ReasonSyncing},
	} {
		t.Run(sentence, func(t *testing.T) {
			live := file()
			live.Generation, live.Status.ObservedGeneration = 4, 4
			live.Status.Conditions = []metav1.Condition{{Type: api.ConditionReady, Status: metav1.ConditionTrue, Reason: api.ReasonReady}}
			c.live(live)
			got := wire.RuntimeItem(file(), live, "product-7", sameNames{}).Status
			if got.Ready != c.ready || got.Reason != c.reason {
				t.Errorf("got %+v", got)
			}
		})
	}
}
