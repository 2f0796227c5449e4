package controllers_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/desired"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
)

// others is a finalizer that is none of ours and none of Argo CD's.
const others = "example.com/theirs"

// streamed brings the default.project of the stand's product into the management cluster, and arms its Application as
// Argo CD does where no policy keeps it from that.
func (s *stand) streamed(ctx context.Context) *observed.Application {
	GinkgoHelper()
	p := s.theProduct()
	update(ctx, p, func(p *api.Product) {
		p.Spec.MetaDataPath = "https://gitlab.example.com/" + s.group + "/default.project.git"
	})
	reconciled(ctx, s.products, p)
	app := &observed.Application{ObjectMeta: metav1.ObjectMeta{Namespace: s.argo, Name: identity.Stream(s.product)}}
	s.armed(ctx, app)
	return app
}

// armed gives an Application every finalizer by which Argo CD acts on its deletion.
func (s *stand) armed(ctx context.Context, app *observed.Application) {
	GinkgoHelper()
	update(ctx, app, func(a *observed.Application) {
		for _, f := range append(desired.HookFinalizers(), desired.CascadeFinalizer) {
			a.Finalizers = append(a.Finalizers, f, f+"/cleanup")
		}
	})
}

func (s *stand) streamSays(ctx context.Context) *metav1.Condition {
	GinkgoHelper()
	p := s.theProduct()
	reconciled(ctx, s.products, p)
	return meta.FindStatusCondition(p.Status.Conditions, api.ConditionSynced)
}

func (s *stand) appProject(name string) *observed.AppProject {
	return &observed.AppProject{ObjectMeta: metav1.ObjectMeta{Namespace: s.argo, Name: name}}
}

var _ = Describe("What Argo CD armed the Application of a default.project with", func() {
	for why, c := range map[string]struct {
		change       func(*api.Product)
		reason, says string
	}{
		"another group took its path": {func(p *api.Product) {
			p.Annotations = map[string]string{
				api.AnnotationGroupReplaced: "9"}
		}, api.ReasonGroupReplaced, "nothing is synced"},
		"its path was emptied": {func(p *api.Product) { p.Spec.MetaDataPath = "" }, api.ReasonNotConfigured,
			"nothing more is synced"},
		"its path became one of many": {func(p *api.Product) { p.Spec.MetaDataPath += "*" }, api.ReasonInvalid,
			"nothing is synced"},
		"its path is emptied and damaged": {func(p *api.Product) { p.Spec.MetaDataPath = "{}" }, api.ReasonInvalid,
			"nothing is synced"},
	} {
		It("goes when the stream is paused because "+why, func(ctx SpecContext) {
			s := newStand(ctx)
			app := s.streamed(ctx)
			project := fetch(ctx, s.appProject(identity.Stream(s.product)))
			update(ctx, s.theProduct(), c.change)
			says := s.streamSays(ctx)
			Expect(says.Reason).To(Equal(c.reason))
			Expect(says.Message).To(ContainSubstring(c.says))
			fetch(ctx, app)
			Expect(app.Spec.SyncPolicy.Automated).To(BeNil(), "it goes on to sync")
			Expect(app.Finalizers).To(BeEmpty())
			Expect(versions(ctx, project)).To(Equal([]string{project.ResourceVersion}))

			By("the way back")
			update(ctx, s.theProduct(), func(p *api.Product) {
				p.Annotations, p.Spec.MetaDataPath = nil, "https://gitlab.example.com/"+s.group+"/default.project.git"
			})
			s.streamSays(ctx)
			Expect(fetch(ctx, app).Spec.SyncPolicy.Automated).NotTo(BeNil())
		})
	}

	It("does not act when somebody deletes it, and the Application is written again", func(ctx SpecContext) {
		s := newStand(ctx)
		app := s.streamed(ctx)
		before := app.UID
		Expect(k8s.Delete(ctx, app)).To(Succeed())
		Expect(s.streamSays(ctx).Reason).To(Equal(api.ReasonApplicationDeleted))
		Expect(fetched(ctx, app)).To(BeFalse(), "it waits for Argo CD")
		s.streamSays(ctx)
		Expect(fetch(ctx, app).UID).NotTo(Equal(before))
	})

	It("does not act when the Product goes, and the AppProjects outlive it", func(ctx SpecContext) {
		s := newStand(ctx)
		app := s.streamed(ctx)
		update(ctx, app, func(a *observed.Application) { a.Finalizers = append(a.Finalizers, others) })
		remove(ctx, &api.Environment{ObjectMeta: metav1.ObjectMeta{Namespace: s.product, Name: "dev"}})
		remove(ctx, &api.CodeRepo{ObjectMeta: metav1.ObjectMeta{Namespace: s.product, Name: "repo-3"}})
		p := s.theProduct()
		Expect(k8s.Delete(ctx, p)).To(Succeed())
		for range 2 {
			Expect(reconciled(ctx, s.products, p).RequeueAfter).To(BeNumerically(">", 0))
			expectRefused(p, api.ReasonInUse, app.Name, others)
			Expect(fetch(ctx, app).Finalizers).To(Equal([]string{others}))
			Expect(fetched(ctx, s.appProject(app.Name))).To(BeTrue(), "its AppProject went before it")
			Expect(fetched(ctx, s.appProject(s.product))).To(BeTrue())
		}

		By("its end, while another Application needs the AppProject")
		app.Finalizers = nil
		Expect(k8s.Update(ctx, app)).To(Succeed())
		foreign := &observed.Application{ObjectMeta: metav1.ObjectMeta{Namespace: s.argo, Name: "foreign"}}
		foreign.Spec.Project = app.Name
		create(ctx, foreign)
		reconciled(ctx, s.products, p)
		expectRefused(p, api.ReasonInUse, "foreign")
		Expect(fetched(ctx, s.appProject(app.Name))).To(BeTrue())

		By("the end of that one")
		Expect(k8s.Delete(ctx, foreign)).To(Succeed())
		reconciled(ctx, s.products, p)
		Expect(fetched(ctx, p)).To(BeFalse())
		for _, name := range []string{app.Name, s.product} {
			Expect(fetched(ctx, s.appProject(name))).To(BeFalse())
		}
	})

	It("does not keep a Product back that is made anew while an Application of old hangs without its AppProject",
		func(ctx SpecContext) {
			s := newStand(ctx)
			app := s.streamed(ctx)
			before := app.UID
			Expect(k8s.Delete(ctx, app)).To(Succeed())
			Expect(k8s.Delete(ctx, fetch(ctx, s.appProject(app.Name)))).To(Succeed())
			remove(ctx, s.theProduct())
			create(ctx, &api.Product{
				ObjectMeta: metav1.ObjectMeta{Namespace: s.system, Name: s.product},
				Spec: api.ProductSpec{Name: s.group,
					MetaDataPath: "https://gitlab.example.com/" + s.group + "/default.project.git"},
			})
			s.streamSays(ctx)
			Expect(fetched(ctx, app)).To(BeFalse(), "it waits for Argo CD, which waits for the AppProject")
			s.streamSays(ctx)
			Expect(fetch(ctx, app).UID).NotTo(Equal(before))
			Expect(fetched(ctx, s.appProject(app.Name))).To(BeTrue())
		})
})

var _ = Describe("What Argo CD armed the Application of a runtime with", func() {
	It("runs no hooks when somebody deletes it", func(ctx SpecContext) {
		s := newStand(ctx)
		r := s.runtime(ctx, "web")
		app := s.deployed(ctx, r)
		update(ctx, app,
			func(a *observed.Application) { a.Finalizers = append(a.Finalizers, desired.HookFinalizers()...) })
		Expect(k8s.Delete(ctx, app)).To(Succeed())
		reconciled(ctx, s.teardown, app)
		Expect(fetched(ctx, app)).To(BeFalse(), "its hooks can run: %v", app.Finalizers)
		s.deployed(ctx, r)
	})
})
