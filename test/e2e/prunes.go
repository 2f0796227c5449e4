package e2e

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/test/devenv/gitserver"
)

// prunes returns the stories of objects that leave the repository, and of those that an earlier runtime left behind.
func prunes() []Scenario {
	return []Scenario{
		{"an object whose file holds nothing any more runs on until the file is gone", hollowFile},
		{"what a runtime left behind is taken over by the next one", takeOver("deploy")},
		{"what a runtime left behind is taken over where the comparison does not see whose it is", takeOver("marked")},
	}
}

// pointer is what Git LFS leaves in the repository in place of a file.
const pointer = `version https://git-lfs.github.com/spec/v1
oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393
size 341
`

func hollowFile(t *testing.T, w *World) {
	p := w.NewProduct(t)
	web, db := Deployment("web", 1), Deployment("db", 1)
	p.Commit("app", map[string]string{"deploy/db.yaml": db})
	p.Deploy("web", "dev")
	pods := p.EventuallyPods(East, p.Namespace("web"), 2)

	p.Commit("app", map[string]string{"deploy/db.yaml": pointer, "deploy/cache.yaml": Deployment("cache", 1)})
	p.EventuallyPods(East, p.Namespace("web"), 3)
	p.EventuallyRuntimeSays("web", api.ConditionSynced, "False/"+api.ReasonPruneHeld,
		"Deployment "+p.Namespace("web")+"/db", "db.yaml", "Git LFS")
	p.EventuallyNotReady("web", api.ReasonPruneHeld)
	p.Consistently(func() []string { return p.Pods(East, p.Namespace("web")) }).Should(ContainElements(pods))

	p.replace(map[string]string{"deploy/web.yaml": web, "deploy/db.yaml": pointer})
	p.EventuallyPods(East, p.Namespace("web"), 2) // what really went is pruned meanwhile
	p.EventuallyRuntimeSays("web", api.ConditionSynced, "False/"+api.ReasonPruneHeld, "db.yaml")
	p.Expect(p.Pods(East, p.Namespace("web"))).To(Equal(pods))

	healed := p.Commit("app", map[string]string{"deploy/db.yaml": db})
	p.EventuallyDeployed("web", healed)
	p.Expect(p.Pods(East, p.Namespace("web"))).To(Equal(pods))

	p.replace(map[string]string{"deploy/base/web.yaml": web})
	p.EventuallyRuntimeSays("web", api.ConditionSynced, "False/"+api.ReasonPathEmpty)
	p.Consistently(func() []string { return p.Pods(East, p.Namespace("web")) }).Should(Equal(pods))

	gone := p.replace(map[string]string{"deploy/web.yaml": web})
	p.EventuallyPods(East, p.Namespace("web"), 1)
	p.EventuallyDeployed("web", gone)
	p.Expect(p.Get("web").Status.History[0].Revision).To(Equal(gone), "a commit that only removes is in the history")
}

// replace commits files that take the place of all that the code repo holds, announces that, and returns the commit id.
func (p *Product) replace(files map[string]string) string {
	p.Helper()
	sha, err := p.W.Env.Git.Commit(p.Ctx, p.Path+"/app",
		gitserver.Change{Message: "replace", Write: files, Replace: true})
	p.Expect(err).NotTo(HaveOccurred())
	p.announce("app")
	return sha
}

// labelled is a Deployment with the label by which Argo CD takes a foreign tracking id for the own one when it
// compares.
func labelled(name string) string {
	const mark = ", labels: {app.kubernetes.io/instance: "
	return strings.Replace(Deployment(name, 1), "{name: "+name, "{name: "+name+mark+name+"}", 1)
}

// takeOver is the story of the runtime "web" of a path that goes with the policy Orphan, and of the one that comes in
// its place.
func takeOver(path string) func(*testing.T, *World) {
	return func(t *testing.T, w *World) {
		p := w.NewProduct(t)
		p.Commit("app", map[string]string{"marked/web.yaml": labelled("web")})
		p.Deploy("web", "dev", func(r *api.DeploymentRuntime) {
			r.Spec.ManifestSource.Path, r.Spec.DeletionPolicy = path, api.DeletionPolicyOrphan
		})
		pods := p.EventuallyPods(East, p.Namespace("web"), 1)
		p.Delete("web")
		p.Eventually(func() bool { return p.Application("web") == nil }).Should(BeTrue())

		p.Deploy("next", "dev", func(r *api.DeploymentRuntime) {
			r.Spec.ManifestSource.Path, r.Spec.Namespaces = path, []string{p.Namespace("web")}
		})
		p.Expect(p.tracker(East, p.Namespace("web"), "web")).To(HavePrefix(identity.Application(p.Name, "next")+":"),
			"whose Argo CD says it is")
		p.Expect(p.Pods(East, p.Namespace("web"))).To(Equal(pods))
		p.Delete("next")
		p.Eventually(func() bool { return p.Application("next") == nil }).Should(BeTrue())
		p.EventuallyPods(East, p.Namespace("web"), 0)
	}
}

// tracker returns by which tracking id Argo CD counts a Deployment to an Application.
func (p *Product) tracker(cluster, namespace, name string) string {
	p.Helper()
	var d appsv1.Deployment
	p.Expect(p.W.Remote(p.T, cluster).Get(p.Ctx, client.ObjectKey{Namespace: namespace, Name: name}, &d)).To(Succeed())
	return d.Annotations["argocd.argoproj.io/tracking-id"]
}
