package e2e

import (
	"fmt"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/test/devenv/gitserver"
)

// stream returns the stories of default.project, synced by Argo CD.
func stream() []Scenario {
	return []Scenario{
		{"files pushed to default.project become runtimes that run", pushedFiles},
		{"one push that brings everything ends without an alarm", quietStart},
		{"a broken file holds up its product until it is fixed, and the product names it", brokenFile},
		{"an object that default.project may not hold is refused by name", forbiddenKinds},
		{"an emptied default.project removes nothing until that is approved", emptiedRepository},
	}
}

const metadata = "default.project"

// pushed makes a product whose resources lie in its default.project: one project, one environment, one code repo and
// the runtime "web", which is ready in the end.
func (w *World) pushed(t *testing.T) *Product {
	t.Helper()
	p := w.plan(t)
	p.Expect(w.Env.Git.CreateRepo(p.Ctx, p.Path+"/"+metadata)).To(Succeed())
	head := p.Commit(metadata, map[string]string{
		"README.md":               "# resources of the product\n",
		"projects/shop/shop.yaml": p.file("Project", "shop", "language: go"),
		"envs/dev.yaml":           p.file("Environment", "dev", "cluster: "+East+", envType: dev"),
		"code-repos/" + p.Repo + "/" + p.Repo + ".yaml": p.file("CodeRepo", p.Repo,
			"codeRepoProvider: "+provider+", project: shop, repoName: app, deploymentRuntime: true, pipelineRuntime: "+
				"false, webhook: {events: [push_events]}"),
		"runtimes/web.yaml": p.runtimeFile("web", "dev"),
	})
	p.Found(w.Env.Git.URL(p.Path + "/" + metadata))
	p.EventuallyReady("web")
	p.EventuallyStreamAt(head)
	return p
}

// file returns the file of an object of the product.
func (p *Product) file(kind, name, spec string) string {
	return fmt.Sprintf("apiVersion: %s\nkind: %s\nmetadata:\n  name: %s\nspec: {product: %s, %s}\n", api.GroupVersion,
		kind, name, p.Name, spec)
}

func (p *Product) runtimeFile(name, environment string) string {
	return p.file("DeploymentRuntime", name, fmt.Sprintf("projectsRef: [shop], destination: %s, namespaces: [%s], "+
		"manifestSource: {codeRepo: %s, path: deploy, targetRevision: main}",
		environment, p.Namespace(name), p.Repo))
}

// EventuallyStreamAt waits until default.project is applied at a commit.
func (p *Product) EventuallyStreamAt(commit string) {
	p.Helper()
	p.Eventually(func() string {
		product := p.product()
		if says := p.Says(product, api.ConditionSynced); !strings.HasPrefix(says, "True/") {
			return says
		}
		return product.Status.Revision
	}).Should(Equal(commit), "default.project of %s", p.Name)
}

// remove deletes files of default.project.
func (p *Product) remove(files ...string) string {
	p.Helper()
	sha, err := p.W.Env.Git.Commit(p.Ctx, p.Path+"/"+metadata, gitserver.Change{Message: "remove", Delete: files})
	p.Expect(err).NotTo(HaveOccurred())
	p.announce(metadata)
	return sha
}

func pushedFiles(t *testing.T, w *World) {
	p := w.pushed(t)
	p.EventuallyPods(East, p.Namespace("web"), 1)
	p.EventuallyProductSays(api.ConditionReady, "True")

	head := p.Commit(metadata, map[string]string{
		"envs/prod.yaml":     p.file("Environment", "prod", "cluster: "+West+", envType: prod"),
		"runtimes/live.yaml": p.runtimeFile("live", "prod"),
	})
	p.EventuallyStreamAt(head)
	p.EventuallyReady("live")
	p.EventuallyPods(West, p.Namespace("live"), 1)

	head = p.remove("runtimes/web.yaml")
	p.EventuallyStreamAt(head)
	p.EventuallyGone("web", East, p.Namespace("web"))
	p.EventuallyReady("live")
}

func quietStart(t *testing.T, w *World) {
	p := w.plan(t)
	names := []string{"a", "b", "c", "d", "e", "f"}
	p.Expect(w.Env.Git.CreateRepo(p.Ctx, p.Path+"/"+metadata)).To(Succeed())
	files := map[string]string{
		"projects/shop/shop.yaml": p.file("Project", "shop", "language: go"),
		"envs/dev.yaml":           p.file("Environment", "dev", "cluster: "+East+", envType: dev"),
		"code-repos/" + p.Repo + ".yaml": p.file("CodeRepo", p.Repo,
			"codeRepoProvider: "+provider+", project: shop, repoName: app, deploymentRuntime: true"),
	}
	manifests := map[string]string{}
	for _, name := range names {
		files["runtimes/"+name+".yaml"] = strings.Replace(p.runtimeFile(name, "dev"), "path: deploy", "path: "+name, 1)
		manifests[name+"/web.yaml"] = Deployment("web", 1)
	}
	p.Commit(metadata, map[string]string{"README.md": "# resources of the product\n"})
	p.Found(w.Env.Git.URL(p.Path + "/" + metadata))
	p.Commit("app", manifests)
	p.Commit(metadata, files)
	for _, name := range names {
		p.EventuallyReady(name)
	}
	p.Eventually(p.events).Should(HaveEach(HavePrefix("Normal/"+api.ReasonReady)), "nothing is told to be wrong")
	p.Eventually(func() int { return strings.Count(strings.Join(p.events(), "\n"), "runs and is healthy") }).
		Should(Equal(len(names)), "one Event for each runtime")
}

// events returns what the operator wrote about the runtimes of the product, as "Warning/Reason: message".
func (p *Product) events() (out []string) {
	p.Helper()
	var events corev1.EventList
	p.Expect(p.W.Client.List(p.Ctx, &events, client.InNamespace(p.Name))).To(Succeed())
	for i := range events.Items {
		e := &events.Items[i]
		out = append(out, e.Type+"/"+e.Reason+": "+e.Message)
	}
	return out
}

// broken is no YAML, but looks like an object: Argo CD leaves out what does not.
func broken() string {
	return "apiVersion: " + api.GroupVersion.String() + "\nkind: DeploymentRuntime\nmetadata: {name: [}\n"
}

func brokenFile(t *testing.T, w *World) {
	p := w.pushed(t)
	pods := p.EventuallyPods(East, p.Namespace("web"), 1)

	p.Commit(metadata, map[string]string{"runtimes/bad.yaml": broken()})
	p.EventuallyProductSays(api.ConditionSynced, "False/"+api.ReasonManifestError, "bad.yaml")
	p.EventuallyProductSays(api.ConditionReady, "False/"+api.ReasonManifestError)
	p.EventuallyStreamAt(p.Commit(metadata, map[string]string{"runtimes/bad.yaml": p.runtimeFile("later", "nowhere")}))

	p.Commit(metadata, map[string]string{"runtimes/bad.yaml": p.file("DeploymentRuntime", "later", "destination: dev")})
	p.EventuallyProductSays(api.ConditionSynced, "False/"+api.ReasonSyncFailed, "DeploymentRuntime",
		"later", "manifestSource")
	p.EventuallyStreamAt(p.remove("runtimes/bad.yaml"))
	p.Expect(p.Pods(East, p.Namespace("web"))).To(Equal(pods))
	p.EventuallyProductSays(api.ConditionReady, "True")
}

func forbiddenKinds(t *testing.T, w *World) {
	p := w.pushed(t)
	victim := w.NewProduct(t)
	for kind, content := range map[string]string{
		"ConfigMap": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: forbidden}\n",
		"Cluster": "apiVersion: " + api.GroupVersion.String() + "\nkind: Cluster\nmetadata: {name: " +
			"forbidden}\nspec: {apiServer: \"https://x\", clusterType: physical, usage: host}\n",
		"Project": "apiVersion: " + api.GroupVersion.String() +
			"\nkind: Project\nmetadata: {name: intruder, namespace: " + victim.Name + "}\nspec: {product: " +
			victim.Name + "}\n",
	} {
		p.Commit(metadata, map[string]string{"envs/bad.yaml": content})
		p.EventuallyProductSays(api.ConditionSynced, "False/"+api.ReasonSyncFailed, kind)
		p.EventuallyStreamAt(p.remove("envs/bad.yaml"))
	}
	for _, o := range []client.Object{
		&corev1.ConfigMap{ObjectMeta: p.meta("forbidden")},
		&api.Cluster{ObjectMeta: p.meta("forbidden")},
		&api.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: systemNamespace, Name: "forbidden"}},
		victim.Project("intruder"),
	} {
		p.Expect(client.IgnoreNotFound(w.Client.Get(p.Ctx, client.ObjectKeyFromObject(o), o))).To(Succeed())
		p.Expect(o.GetUID()).To(BeEmpty(), "%T %s/%s", o, o.GetNamespace(), o.GetName())
	}
	p.EventuallyReady("web")
}

func emptiedRepository(t *testing.T, w *World) {
	p := w.pushed(t)
	pods := p.EventuallyPods(East, p.Namespace("web"), 1)
	head, err := w.Env.Git.Commit(p.Ctx, p.Path+"/"+metadata, gitserver.Change{
		Message: "remove all", Replace: true, Write: map[string]string{"README.md": "gone\n"},
	})
	p.Expect(err).NotTo(HaveOccurred())
	p.announce(metadata)
	p.EventuallyProductSays(api.ConditionSynced, "False/"+api.ReasonLastResource, api.AnnotationApproveEmpty+"="+head)
	p.Consistently(func() []string { return p.Pods(East, p.Namespace("web")) }).Should(Equal(pods))
	p.Expect(p.Get("web").DeletionTimestamp.IsZero()).To(BeTrue())

	Alter(p, p.product(), func(o *api.Product) { o.Annotations = map[string]string{api.AnnotationApproveEmpty: head} })
	p.EventuallyGone("web", East, p.Namespace("web"))
	p.EventuallyStreamAt(head)
	p.Expect(w.Client.Get(p.Ctx, client.ObjectKey{Namespace: p.Name, Name: "shop"}, &api.Project{})).NotTo(Succeed())
}
