package e2e

import (
	"testing"

	argo "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

// revisions returns the stories of what the name of a revision means.
func revisions() []Scenario {
	return []Scenario{
		{"a tag that has the name of a branch changes nothing that runs", tagNamedLikeBranch},
		{"a short name is the branch of that name, or else the tag, and stays that", shortNames},
	}
}

// tagNamedLikeBranch: Argo CD lists the references of a repository anew at every refresh, and in another order each
// time.
func tagNamedLikeBranch(t *testing.T, w *World) {
	p := w.pushed(t)
	before, released := p.streamed(), p.Get("web").Status.Revision
	head := p.Commit(metadata,
		map[string]string{"runtimes/later.yaml": p.file("Environment", "later", "cluster: "+West+", envType: later")})
	p.EventuallyStreamAt(head)
	newest := p.Commit("app", map[string]string{"deploy/web.yaml": Deployment("web", 2)})
	p.EventuallyDeployed("web", newest)
	p.EventuallyReady("web")

	p.readyWhile("web", func() { p.makeOfBefore("web", "main", "refs/heads/main") })

	p.Expect(w.Env.Git.SetTag(p.Ctx, p.Path+"/"+metadata, "main", before)).To(Succeed())
	p.Expect(w.Env.Git.SetTag(p.Ctx, p.Path+"/app", "main", released)).To(Succeed())
	p.Consistently(func() []string {
		p.announce(metadata)
		p.announce("app")
		return []string{p.streamed(), p.Get("web").Status.Revision}
	}, 4*Calm).Should(Equal([]string{head, newest}))
}

// makeOfBefore makes the Application of a runtime what an earlier version of the operator wrote, with a name that says
// neither branch nor tag, and waits until that is written out.
func (p *Product) makeOfBefore(runtime, revision, full string) {
	p.Helper()
	p.Tamper(runtime, func(app *argo.Application) {
		record := p.Record(runtime)
		record.Ref, record.RefFound = "", false
		app.Annotations[api.AnnotationPlacement], app.Spec.Source.TargetRevision = record.Encode(), revision
	})
	p.Eventually(func() bool { return p.Record(runtime).RefFound }).Should(BeTrue())
	p.Expect(p.Application(runtime).Spec.Source.TargetRevision).To(Equal(full))
}

// readyWhile expects a runtime to be ready all the time, and the same to be deployed after it.
func (p *Product) readyWhile(runtime string, do func()) {
	p.Helper()
	before := p.Get(runtime)
	do()
	p.EventuallyRuntimeSays(runtime, api.ConditionSynced, "True/")
	after := p.Get(runtime)
	p.Expect(after.Status.Revision).To(Equal(before.Status.Revision))
	p.Expect(meta.FindStatusCondition(after.Status.Conditions, api.ConditionReady).LastTransitionTime).
		To(Equal(meta.FindStatusCondition(before.Status.Conditions, api.ConditionReady).LastTransitionTime))
}

// streamed returns the commit at which default.project is applied.
func (p *Product) streamed() string {
	p.Helper()
	product := p.product()
	p.Expect(p.W.Client.Get(p.Ctx, client.ObjectKeyFromObject(product), product)).To(Succeed())
	return product.Status.Revision
}

func shortNames(t *testing.T, w *World) {
	p := w.NewProduct(t)
	repo := p.Path + "/app"
	released := p.Commit("app", map[string]string{"deploy/web.yaml": Deployment("web", 2)})
	p.Expect(w.Env.Git.SetTag(p.Ctx, repo, "v1.0.0", released)).To(Succeed())
	newest := p.Commit("app", map[string]string{"deploy/web.yaml": Deployment("web", 3)})
	p.Expect(w.Env.Git.SetBranch(p.Ctx, repo, "1.x", newest)).To(Succeed())
	names := func(revision string) func(*api.DeploymentRuntime) {
		return func(r *api.DeploymentRuntime) { r.Spec.ManifestSource.TargetRevision = revision }
	}

	p.Deploy("web", "dev", names("1.x"))
	p.EventuallyDeployed("web", newest)

	p.Change("web", names("v1.0.0"))
	p.EventuallyDeployed("web", released)
	p.EventuallyReady("web")
	p.Expect(p.Get("web").Status.History[0].TargetRevision).To(Equal("v1.0.0"))
	p.readyWhile("web", func() { p.makeOfBefore("web", "v1.0.0", "refs/tags/v1.0.0") })
	p.Expect(w.Env.Git.SetBranch(p.Ctx, repo, "v1.0.0", newest)).To(Succeed())
	p.Consistently(func() string { p.announce("app"); return p.Get("web").Status.Revision }).Should(Equal(released),
		"a branch that came later")

	p.Change("web", names(released[:10]))
	p.EventuallyRuntimeSays("web", api.ConditionReady, "False/"+api.ReasonManifestError, "its whole id")
	p.makeOfBefore("web", released[:10], released)
	p.EventuallyDeployed("web", released)
	p.EventuallyReady("web")

	p.Change("web", names("later"))
	p.EventuallyRuntimeSays("web", api.ConditionReady, "False/"+api.ReasonManifestError,
		"neither a branch nor a tag", "later")
	p.EventuallyPods(East, p.Namespace("web"), 2)
	p.Expect(w.Env.Git.SetBranch(p.Ctx, repo, "later", newest)).To(Succeed())
	p.announce("app")
	p.EventuallyDeployed("web", newest)

	p.Expect(w.Env.Git.SetBranch(p.Ctx, repo, "later", "")).To(Succeed())
	p.Expect(w.Env.Git.SetTag(p.Ctx, repo, "later", released)).To(Succeed())
	p.announce("app")
	p.EventuallyRuntimeSays("web", api.ConditionReady, "False/"+api.ReasonManifestError, "branch", "later")
	p.EventuallyPods(East, p.Namespace("web"), 3)
}
