package controllers_test

import (
	"time"

	argo "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
)

var _ = Describe("A refresh that a Product is asked for", func() {
	It("reaches the Applications that deploy from the repository, and no other", func(ctx SpecContext) {
		s := newStand(ctx)
		r := s.runtime(ctx, "web")
		own := s.deployed(ctx, r)
		update(ctx, own, func(a *observed.Application) { delete(a.Annotations, argo.AnnotationKeyRefresh) })
		elsewhere := func(product, codeRepo string) *observed.Application {
			return s.record(ctx, identity.Application(product, codeRepo), placement.Placement{
				Runtime: placement.RuntimeRef{Namespace: product, Name: codeRepo, UID: "x"}, Product: product,
				CodeRepo: codeRepo, RepoProduct: s.product,
				Destination: placement.Destination{Environment: "dev", Cluster: east}, Namespaces: []string{product},
				Instance: s.instance,
			})
		}
		borrows, other := elsewhere(s.product+"1", "repo-3"), elsewhere(s.product, "repo-4")

		p := s.theProduct()
		update(ctx, p, func(p *api.Product) {
			p.Spec.MetaDataPath = "https://git.example.com/" + s.group + "/default.project.git"
		})
		reconciled(ctx, s.products, p)
		update(ctx, p, func(p *api.Product) {
			p.Annotations = map[string]string{"note": "stays", api.AnnotationRefresh + "repo-3": "now",
				api.AnnotationRefresh + "default.project": "now"}
		})
		reconciled(ctx, s.products, p)
		for app, want := range map[*observed.Application]bool{own: true, borrows: false, other: false} {
			_, asked := fetch(ctx, app).Annotations[argo.AnnotationKeyRefresh]
			Expect(asked).To(Equal(want), app.Name)
		}
		stream := fetch(ctx,
			&observed.Application{ObjectMeta: metav1.ObjectMeta{Namespace: s.argo, Name: identity.Stream(s.product)}})
		Expect(stream.Annotations).To(HaveKey(argo.AnnotationKeyRefresh))
		Expect(fetch(ctx, p).Annotations).To(Equal(map[string]string{"note": "stays"}))

		By("a push while Argo CD is still looking")
		update(ctx, p, func(p *api.Product) { p.Annotations[api.AnnotationRefresh+"repo-3"] = "later" })
		Expect(reconciled(ctx, s.products, p).RequeueAfter).To(Equal(time.Second))
		Expect(fetch(ctx, p).Annotations).To(HaveKey(api.AnnotationRefresh + "repo-3"))
		update(ctx, own, func(a *observed.Application) { delete(a.Annotations, argo.AnnotationKeyRefresh) })
		reconciled(ctx, s.products, p)
		Expect(fetch(ctx, own).Annotations).To(HaveKey(argo.AnnotationKeyRefresh))
		Expect(fetch(ctx, p).Annotations).To(Equal(map[string]string{"note": "stays"}))

		before := versions(ctx, own, borrows, other, p)
		reconciled(ctx, s.products, p)
		Expect(versions(ctx, own, borrows, other, p)).To(Equal(before), "it asks again and again")
	})
})
