package controllers_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/judged"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
)

var _ = Describe("Kinds that are only judged", func() {
	var p place
	BeforeEach(func(ctx SpecContext) { p = newPlace(ctx) })

	It("an Environment is judged by its cluster and by what is deployed through it", func(ctx SpecContext) {
		r := &judged.Reconciler[*api.Environment]{Client: k8s, Lookup: p.lookup(), Kind: judged.Environments()}
		e := create(ctx, &api.Environment{
			ObjectMeta: metav1.ObjectMeta{Namespace: p.product, Name: "env-dev"},
			Spec:       api.EnvironmentSpec{Product: p.product, Cluster: "c1", EnvType: "dev"},
		})
		reconciled(ctx, r, e)
		expectRefused(e, api.ReasonClusterNotFound, "c1")

		p.cluster(ctx, "c1", env.Cluster(east).Admin())
		reconciled(ctx, r, e)
		expectReady(e)
		Expect(e.Status.ObservedGeneration).To(Equal(e.Generation))
		version := e.ResourceVersion
		reconciled(ctx, r, e)
		Expect(e.ResourceVersion).To(Equal(version), "written though nothing changed")

		p.record(ctx, "dr-web", placement.Placement{
			Runtime: placement.RuntimeRef{Namespace: p.product, Name: "web", UID: "u"}, Product: p.product,
			Destination: placement.Destination{Environment: "env-dev", Cluster: "c1"},
		})
		update(ctx, e, func(e *api.Environment) { e.Spec.Cluster = "c2" })
		reconciled(ctx, r, e)
		expectRefused(e, api.ReasonClusterImmutable, "web", "c1")
	})

	It("a Project is judged by its product", func(ctx SpecContext) {
		r := &judged.Reconciler[*api.Project]{Client: k8s, Lookup: p.lookup(), Kind: judged.Projects()}
		project := create(ctx, &api.Project{
			ObjectMeta: metav1.ObjectMeta{Namespace: p.product, Name: "api"},
			Spec:       api.ProjectSpec{Product: "product-8"},
		})
		reconciled(ctx, r, project)
		expectRefused(project, api.ReasonProductMismatch, "product-8")
		update(ctx, project, func(o *api.Project) { o.Spec.Product = p.product })
		reconciled(ctx, r, project)
		expectReady(project)
	})

	It("a CodeRepoBinding is judged by its code repo", func(ctx SpecContext) {
		r := &judged.Reconciler[*api.CodeRepoBinding]{Client: k8s, Lookup: p.lookup(), Kind: judged.CodeRepoBindings()}
		binding := create(ctx, &api.CodeRepoBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: p.product, Name: "b"},
			Spec:       api.CodeRepoBindingSpec{CodeRepo: "repo-3", Product: p.product, Permissions: "readonly"},
		})
		reconciled(ctx, r, binding)
		expectRefused(binding, api.ReasonCodeRepoNotFound, "repo-3")
		p.codeRepo(ctx)
		reconciled(ctx, r, binding)
		expectReady(binding)
	})

	It("providers are judged in the system namespace only", func(ctx SpecContext) {
		r := &judged.Reconciler[*api.CodeRepoProvider]{Client: k8s, Lookup: p.lookup(),
			Kind: judged.CodeRepoProviders(p.system)}
		provider := p.provider(ctx)
		reconciled(ctx, r, provider)
		expectReady(provider)
		update(ctx, provider, func(o *api.CodeRepoProvider) { o.Spec.HTTPAddress = "https://GitLab.example.com" })
		reconciled(ctx, r, provider)
		expectRefused(provider, api.ReasonInvalid, "httpAddress")

		stray := create(ctx, &api.CodeRepoProvider{ObjectMeta: metav1.ObjectMeta{Namespace: p.product, Name: "gitlab"},
			Spec: provider.Spec})
		reconciled(ctx, r, stray)
		Expect(stray.Status.Conditions).To(BeEmpty())
	})
})
