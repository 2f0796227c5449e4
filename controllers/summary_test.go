package controllers_test

import (
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/kinds"
)

// Of every object that the specs left behind, whatever its kind: the columns that sum it up hide no condition that is
// False. They show a reason that is the one of Ready. Runtimes that are being removed are no fault of their Product, and that
// nobody has tried the operator with a version of Argo CD is advice.
var _ = AfterEach(func(ctx SpecContext) {
	for _, kind := range kinds.All() {
		list := kind.NewList()
		Expect(k8s.List(ctx, list)).To(Succeed())
		Expect(meta.EachListItem(list, func(o runtime.Object) error {
			Expect(hidden(o.(conditioned))).To(BeEmpty(), "%s %s", kind.Name, o.(conditioned).GetName())
			return nil
		})).To(Succeed())
	}
})

// hidden returns the conditions that are False and that the columns do not show.
func hidden(o conditioned) (out []string) {
	ready := meta.FindStatusCondition(o.GetConditions(), api.ConditionReady)
	for _, c := range o.GetConditions() {
		removal := c.Type == api.ConditionRuntimesSettled && c.Reason == api.ReasonTearingDown
		advice := c.Type == api.ConditionArgoCDTested
		calm := ready != nil && ready.Reason != api.ReasonReady &&
			slices.Contains([]string{api.ReasonSyncing, api.ReasonProgressing, api.ReasonDegraded}, c.Reason)
		if ready != nil && ready.Status == metav1.ConditionTrue && c.Status == metav1.ConditionFalse &&
			!calm && !removal && !advice {
			out = append(out, says(o, c.Type))
		}
	}
	r, ok := o.(*api.DeploymentRuntime)
	if !ok {
		return out
	}
	if c := says(r, api.ConditionHealthy); r.Status.Health == "Healthy" &&
		meta.IsStatusConditionFalse(r.Status.Conditions, api.ConditionHealthy) {
		out = append(out, c)
	}
	if c := meta.FindStatusCondition(r.Status.Conditions, api.ConditionSynced); r.Status.Sync == "Synced" &&
		c != nil && c.Status == metav1.ConditionFalse && c.Reason != api.ReasonSyncing {
		out = append(out, says(r, c.Type))
	}
	return out
}
