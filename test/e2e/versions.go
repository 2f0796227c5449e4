package e2e

import (
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

// versions returns the story of what the operator knows about the Argo CD that it drives.
func versions() []Scenario {
	return []Scenario{{"a ProductProvider says which version of Argo CD is driven", drivenVersion}}
}

func drivenVersion(t *testing.T, w *World) {
	p := w.plan(t)
	provider := &api.ProductProvider{ObjectMeta: metav1.ObjectMeta{Namespace: systemNamespace, Name: forge}}
	p.Eventually(func(g Gomega) {
		g.Expect(w.Client.Get(p.Ctx, client.ObjectKeyFromObject(provider), provider)).To(Succeed())
		tested := meta.FindStatusCondition(provider.Status.Conditions, api.ConditionArgoCDTested)
		g.Expect(tested).NotTo(BeNil())
		g.Expect(tested.Status).To(Equal(metav1.ConditionTrue), tested.Message)
		g.Expect(tested.Message).To(ContainSubstring("Argo CD is " + w.Env.ArgoCD.Version + ";"))
	}).Should(Succeed())
}
