package e2e

import (
	"testing"

	argo "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	. "github.com/onsi/gomega"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

// tampering returns the stories of people who change Applications by hand.
func tampering() []Scenario {
	return []Scenario{
		{"an Application that was deleted by hand comes back and its pods run on", applicationDeleted},
		{"an Application gets its labels and its finalizer back", labelsLost},
		{"a damaged record stops everything until it is restored", recordDamaged},
		{"automated sync and sources that were added by hand go again", specChangedByHand},
	}
}

func applicationDeleted(t *testing.T, w *World) {
	p := w.NewProduct(t)
	p.Deploy("web", "dev")
	pods := p.Pods(East, p.Namespace("web"))
	p.recreateByHand("web")
	p.Expect(p.Application("web").Finalizers).To(Equal([]string{api.Finalizer}))
	p.Expect(p.Pods(East, p.Namespace("web"))).To(Equal(pods))
	p.Delete("web")
	p.EventuallyGone("web", East, p.Namespace("web"))
}

// recreateByHand deletes the Application of a runtime and waits until the operator wrote it again.
func (p *Product) recreateByHand(name string) {
	p.Helper()
	before := p.Application(name)
	p.Remove(before)
	p.Eventually(func() bool { now := p.Application(name); return now != nil && now.UID != before.UID }).
		Should(BeTrue())
	p.EventuallyReady(name)
}

func labelsLost(t *testing.T, w *World) {
	p := w.NewProduct(t)
	p.Deploy("web", "dev")
	pods, before := p.Pods(East, p.Namespace("web")), p.Application("web")
	p.Tamper("web", func(app *argo.Application) { app.Labels, app.Finalizers = nil, nil })
	p.Eventually(func() map[string]string { return p.Application("web").Labels }).Should(Equal(before.Labels))
	p.Expect(p.Application("web").Finalizers).To(Equal(before.Finalizers))
	p.EventuallyReady("web")
	p.Expect(p.Pods(East, p.Namespace("web"))).To(Equal(pods))
}

func recordDamaged(t *testing.T, w *World) {
	p := w.NewProduct(t)
	web := p.Deploy("web", "dev")
	pods, before := p.Pods(East, p.Namespace("web")), p.Application("web")
	damage := func(app *argo.Application) { app.Annotations[api.AnnotationPlacement] = "{" }
	p.Tamper("web", damage)
	p.EventuallyNotReady("web", api.ReasonRecordMismatch)
	p.Delete("web")
	p.EventuallyVanished("web")
	p.Eventually(p.Settled).Should(HavePrefix("False/" + api.ReasonOrphaned + ":"))
	now := p.Application("web")
	p.Expect(now.Annotations).To(HaveKeyWithValue(api.AnnotationPlacement, "{"))
	p.Expect(now.Spec).To(Equal(before.Spec))
	p.Expect(p.Pods(East, p.Namespace("web"))).To(Equal(pods))

	p.Tamper("web", func(app *argo.Application) {
		app.Annotations[api.AnnotationPlacement] = before.Annotations[api.AnnotationPlacement]
	})
	p.Recreate(web)
	p.EventuallyReady("web")
	p.expectTakenOver(web, pods)
}

func specChangedByHand(t *testing.T, w *World) {
	p := w.NewProduct(t)
	p.Deploy("web", "dev")
	p.Change("web", func(r *api.DeploymentRuntime) { r.Spec.Suspend = true })
	p.EventuallyReady("web")
	pods, before := p.Pods(East, p.Namespace("web")), p.Application("web")
	p.Expect(before.Spec.SyncPolicy.Automated).To(BeNil())
	spec := func() argo.ApplicationSpec { return p.Application("web").Spec }

	p.Tamper("web",
		func(app *argo.Application) { app.Spec.SyncPolicy.Automated = &argo.SyncPolicyAutomated{Prune: true} })
	p.Eventually(spec).Should(Equal(before.Spec))
	p.Tamper("web", func(app *argo.Application) {
		app.Spec.Sources = argo.ApplicationSources{{RepoURL: app.Spec.Source.RepoURL, Path: "elsewhere",
			TargetRevision: "main"}}
	})
	p.Eventually(spec).Should(Equal(before.Spec))
	p.EventuallyReady("web")
	p.Expect(p.Pods(East, p.Namespace("web"))).To(Equal(pods))
}
