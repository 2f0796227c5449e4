package e2e

import (
	"slices"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
)

// mistakes returns the stories of deletions that nobody meant, and of the way out.
func mistakes() []Scenario {
	return slices.Concat([]Scenario{
		{"the deletion of the CustomResourceDefinition removes nothing that runs", kindDeleted},
		{"the deletion of the product's namespace removes nothing that runs", namespaceDeleted},
		{"a Product stays until nothing of it stands", productDeleted},
		{"a runtime that vanished unseen is reported and taken over when it comes back", vanished},
		{"a runtime that comes back within the grace is taken over", comesBackInGrace},
		{"many deletions at once are held one by one", brake},
	}, wayOut())
}

func kindDeleted(t *testing.T, w *World) {
	p := w.NewProduct(t)
	web := p.Deploy("web", "dev")
	pods := p.Pods(East, p.Namespace("web"))
	crd := object(&apiextensionsv1.CustomResourceDefinition{}, "", "deploymentruntimes."+api.Group)
	p.Remove(crd)
	p.EventuallyHeld("web", "the CustomResourceDefinition was deleted")
	p.Eventually(func() bool {
		return apierrors.IsNotFound(w.Client.Get(p.Ctx, client.ObjectKeyFromObject(crd), crd))
	}).Should(BeTrue())
	p.Consistently(func() []string { return p.Pods(East, p.Namespace("web")) }).Should(Equal(pods))

	p.Expect(w.installKinds(p.Ctx)).To(Succeed())
	p.Recreate(web)
	p.EventuallyReady("web")
	p.expectTakenOver(web, pods)
}

func namespaceDeleted(t *testing.T, w *World) {
	p := w.NewProduct(t)
	web := p.Deploy("web", "dev")
	pods := p.Pods(East, p.Namespace("web"))
	p.Remove(object(&corev1.Namespace{}, "", p.Name))
	p.EventuallyHeld("web", "the namespace of the product was deleted")
	p.EventuallyVanished("web")
	p.Consistently(func() []string { return p.Pods(East, p.Namespace("web")) }).Should(Equal(pods))

	p.Recreate(p.Project("shop"), p.Environment("dev", East), p.CodeRepo(p.Repo, "app", "shop"), web)
	p.EventuallyReady("web")
	p.expectTakenOver(web, pods)
}

func productDeleted(t *testing.T, w *World) {
	p := w.NewProduct(t)
	p.Deploy("web", "dev")
	pods := p.Pods(East, p.Namespace("web"))
	product := object(&api.Product{}, systemNamespace, p.Name)
	p.Remove(product)
	p.Eventually(func() string { return p.ProductCondition(api.ConditionReady) }).Should(And(
		HavePrefix("False/"+api.ReasonInUse+":"), ContainSubstring("1 DeploymentRuntime"),
		ContainSubstring("1 Application")))

	p.Delete("web")
	command := p.EventuallyHeld("web", "the Product is being deleted")
	p.Expect(p.Pods(East, p.Namespace("web"))).To(Equal(pods))
	p.Type(command)
	p.EventuallyGone("web", East, p.Namespace("web"))

	p.Remove(p.Project("shop"), p.Environment("dev", East), p.Environment("prod", West),
		p.CodeRepo(p.Repo, "app", "shop"))
	p.eventuallyAbsent(product)
	p.eventuallyAbsent(object(&corev1.Namespace{}, "", p.Name))
	p.eventuallyAbsent(object(&observed.AppProject{}, argoNamespace, identity.AppProject(p.Name)))
}

func (p *Product) eventuallyAbsent(o client.Object) {
	p.Helper()
	p.Eventually(func() bool { return apierrors.IsNotFound(p.W.Client.Get(p.Ctx, client.ObjectKeyFromObject(o), o)) }).
		Should(BeTrue(), "%T %s goes", o, o.GetName())
}

func vanished(t *testing.T, w *World) {
	p := w.NewProduct(t)
	web := p.Deploy("web", "dev")
	pods := p.Pods(East, p.Namespace("web"))
	p.WithoutOperator(func() {
		p.Delete("web")
		free := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`))
		p.Expect(w.Client.Patch(p.Ctx, object(&api.DeploymentRuntime{}, p.Name, "web"), free)).To(Succeed())
		p.EventuallyVanished("web")
	})

	p.Eventually(p.Settled).Should(And(HavePrefix("False/"+api.ReasonOrphaned+":"),
		ContainSubstring(p.Application("web").Name)))
	p.Consistently(func() []string { return p.Pods(East, p.Namespace("web")) }).Should(Equal(pods))
	p.Recreate(web)
	p.EventuallyReady("web")
	p.expectTakenOver(web, pods)
	p.Delete("web")
	p.EventuallyGone("web", East, p.Namespace("web"))
}
