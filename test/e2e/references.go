package e2e

import (
	"slices"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/test/devenv/gitserver"
)

// references returns the stories of a reference that is missing, forbidden or taken away.
func references() []Scenario {
	return slices.Concat([]Scenario{
		{"a runtime is deployed once its environment and its project exist", missingReferences},
		{"a project that loses its binding keeps running but gets nothing new", revokeBinding},
		{"a code repo of another product works while it is bound", borrowCodeRepo},
		{"a runtime of another product's name deploys nothing", foreignProduct},
		{"a code repo that points outside its product deploys nothing", repoOutsideProduct},
	}, sources())
}

// sources returns the stories of what Argo CD makes of a repository.
func sources() []Scenario {
	return []Scenario{
		{"a private code repo is read with the credentials of its product", privateCodeRepo},
		{"a path, a file or an object that is wrong is named", wrongManifests},
		{"an empty path deploys nothing, and a workload that fails is degraded", nothingAndDegraded},
		{"a Helm chart is deployed, also by a runtime with a long name", helmChart},
		{"pods that are refused are told of, and each rollout is in the history", refusedPods},
	}
}

func missingReferences(t *testing.T, w *World) {
	p := w.NewProduct(t)
	p.Expect(w.Client.Delete(p.Ctx, p.Environment("dev", East))).To(Succeed())
	r := p.Runtime("web", "dev")
	r.Spec.Namespaces = []string{p.Namespace("web")}
	r.Spec.ProjectsRef = []string{"shop", "cart"}
	p.Create(r)
	p.EventuallyNotReady("web", api.ReasonProjectNotFound)
	p.Create(p.Project("cart"), p.bind("cart", p.Name, "cart"))
	p.EventuallyNotReady("web", api.ReasonEnvironmentNotFound)
	p.Expect(p.Application("web")).To(BeNil())

	p.Create(p.Environment("dev", East))
	p.EventuallyReady("web")
	p.EventuallyPods(East, p.Namespace("web"), 1)
}

// bind returns a binding that permits projects of a product to use the code repo.
func (p *Product) bind(name, product string, projects ...string) *api.CodeRepoBinding {
	return &api.CodeRepoBinding{ObjectMeta: p.meta(name), Spec: api.CodeRepoBindingSpec{
		CodeRepo: p.Repo, Product: product, Projects: projects, Permissions: "readonly",
	}}
}

func revokeBinding(t *testing.T, w *World) {
	p := w.NewProduct(t)
	p.Create(p.Project("cart"), p.bind("cart", p.Name, "cart"))
	p.Deploy("web", "dev", func(r *api.DeploymentRuntime) { r.Spec.ProjectsRef = []string{"shop", "cart"} })
	pods := p.EventuallyPods(East, p.Namespace("web"), 1)

	p.Expect(w.Client.Delete(p.Ctx, p.bind("cart", p.Name))).To(Succeed())
	p.EventuallyNotReady("web", api.ReasonPermissionRevoked)
	p.Expect(p.Get("web").Status.IllegalProjectRefs).To(ConsistOf(HaveField("ProjectName", "cart")))
	p.Expect(p.Automated("web")).To(BeFalse())
	next := p.Commit("app", map[string]string{"deploy/web.yaml": Deployment("web", 2)})
	p.Eventually(func() string { return p.Application("web").Status.Sync.Revision }).Should(Equal(next),
		"Argo CD has seen the commit")
	p.Consistently(func() []string { return p.Pods(East, p.Namespace("web")) }).Should(Equal(pods))

	p.Create(p.bind("cart", p.Name, "cart"))
	p.EventuallyDeployed("web", next)
	p.EventuallyPods(East, p.Namespace("web"), 2)
	p.Eventually(func() []api.IllegalProjectRef { return p.Get("web").Status.IllegalProjectRefs }).Should(BeEmpty())
}

func borrowCodeRepo(t *testing.T, w *World) {
	owner, p := w.NewProduct(t), w.NewProduct(t)
	borrow := func(r *api.DeploymentRuntime) { r.Spec.ManifestSource.CodeRepo = owner.Name + "/" + owner.Repo }
	r := p.Runtime("web", "dev")
	r.Spec.Namespaces = []string{p.Namespace("web")}
	borrow(r)
	p.Create(r)
	p.EventuallyNotReady("web", api.ReasonCodeRepoNotFound)

	owner.Create(owner.bind("lent", p.Name, "shop"))
	p.EventuallyReady("web")
	pods := p.EventuallyPods(East, p.Namespace("web"), 1)

	p.Expect(w.Client.Delete(p.Ctx, owner.bind("lent", p.Name))).To(Succeed())
	p.Eventually(func() bool { return p.Automated("web") }).Should(BeFalse())
	p.EventuallyNotReady("web", api.ReasonPermissionRevoked)
	next := owner.Commit("app", map[string]string{"deploy/web.yaml": Deployment("web", 2)})
	p.Consistently(func() []string { return p.Pods(East, p.Namespace("web")) }).Should(Equal(pods))

	owner.Create(owner.bind("lent", p.Name, "shop"))
	p.EventuallyDeployed("web", next)
	p.EventuallyPods(East, p.Namespace("web"), 2)
}

func foreignProduct(t *testing.T, w *World) {
	victim, p := w.NewProduct(t), w.NewProduct(t)
	victim.Deploy("web", "dev")
	r := p.Runtime("web", "dev")
	r.Spec.Product = victim.Name
	r.Spec.Namespaces = []string{victim.Namespace("web")}
	r.Spec.ManifestSource.CodeRepo = victim.Repo
	p.Create(r)
	p.EventuallyNotReady("web", api.ReasonProductMismatch)
	p.Consistently(func() bool { return p.Application("web") == nil }).Should(BeTrue())
	victim.EventuallyReady("web")
}

func repoOutsideProduct(t *testing.T, w *World) {
	victim, p := w.NewProduct(t), w.NewProduct(t)
	for name, url := range map[string]string{
		"repo-other":  w.Env.Git.URL(victim.Path + "/app"),
		"repo-beside": w.Env.Git.URL(p.Path + "-x/app"),
		"repo-up":     w.Env.Git.BaseURL() + "/" + p.Path + "/../" + victim.Path + "/app.git",
		"repo-glob":   w.Env.Git.BaseURL() + "/" + p.Path + "/*.git",
	} {
		repo := p.CodeRepo(name, "app", "shop")
		repo.Spec.URL = url
		if err := w.Client.Create(p.Ctx, repo); err != nil {
			p.Expect(err).To(MatchError(ContainSubstring("spec.url")), "the API server may refuse it at once")
			continue
		}
		r := p.Runtime("web-"+name, "dev")
		r.Spec.Namespaces = []string{p.Namespace("web-" + name)}
		r.Spec.ManifestSource.CodeRepo = name
		p.Create(r)
		p.EventuallySays(repo, api.ConditionReady, "False/"+api.ReasonRepoOutsideProduct)
		p.EventuallyNotReady(r.Name, api.ReasonRepoOutsideProduct)
		p.Expect(p.Application(r.Name)).To(BeNil())
		p.Expect(p.NamespaceExists(East, p.Namespace(r.Name))).To(BeFalse())
	}
}

func privateCodeRepo(t *testing.T, w *World) {
	p := w.NewProduct(t)
	reader := gitserver.Credential{User: "deploy", Password: "correct horse", ReadOnly: true}
	p.Expect(w.Env.Git.CreatePrivateRepo(p.Ctx, p.Path+"/secret", reader)).To(Succeed())
	first := p.Commit("secret", map[string]string{"deploy/web.yaml": Deployment("web", 1)})
	credentials := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: systemNamespace, Name: p.Name + "-git",
			Labels: map[string]string{api.LabelProduct: p.Name}},
		StringData: map[string]string{"username": reader.User, "password": reader.Password},
	}
	p.Create(credentials, p.CodeRepo("repo-secret", "secret", "shop"))
	p.Deploy("web", "dev", func(r *api.DeploymentRuntime) { r.Spec.ManifestSource.CodeRepo = "repo-secret" })
	p.EventuallyDeployed("web", first)

	reader.Password = "battery staple"
	w.Env.Git.SetAccess(p.Path+"/secret", gitserver.Access{Credentials: []gitserver.Credential{reader}})
	Alter(p, credentials, func(s *corev1.Secret) { s.Data["password"] = []byte(reader.Password) })
	next := p.Commit("secret", map[string]string{"deploy/web.yaml": Deployment("web", 2)})
	p.EventuallyDeployed("web", next)
	p.EventuallyPods(East, p.Namespace("web"), 2)
}

func wrongManifests(t *testing.T, w *World) {
	p := w.NewProduct(t)
	p.Deploy("web", "dev")
	pods := p.EventuallyPods(East, p.Namespace("web"), 1)

	p.Change("web", func(r *api.DeploymentRuntime) { r.Spec.ManifestSource.Path = "nowhere" })
	p.EventuallyRuntimeSays("web", api.ConditionReady, "False/"+api.ReasonManifestError, "nowhere")
	p.Change("web", func(r *api.DeploymentRuntime) { r.Spec.ManifestSource.Path = "deploy" })
	p.EventuallyReady("web")

	p.Commit("app", map[string]string{"deploy/bad.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: [}\n"})
	p.EventuallyRuntimeSays("web", api.ConditionReady, "False/"+api.ReasonManifestError, "bad.yaml")
	p.Commit("app", map[string]string{
		"deploy/bad.yaml": "apiVersion: v1\nkind: Service\nmetadata: {name: shop}\nspec: {type: Nonsense}\n"})
	p.EventuallyRuntimeSays("web", api.ConditionReady, "False/"+api.ReasonSyncFailed, "Service", "shop")
	p.Expect(p.Pods(East, p.Namespace("web"))).To(Equal(pods), "what runs keeps running")

	fixed := p.Commit("app",
		map[string]string{"deploy/bad.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shop}\n"})
	p.EventuallyDeployed("web", fixed)
	p.Expect(p.Pods(East, p.Namespace("web"))).To(Equal(pods))
}

// unplaceable is a Deployment that no node takes, and that gives up soon.
const unplaceable = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  progressDeadlineSeconds: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      nodeSelector: {nowhere: "true"}
      containers: [{name: main, image: "example.com/web:1"}]
`

func nothingAndDegraded(t *testing.T, w *World) {
	p := w.NewProduct(t)
	p.Commit("app", map[string]string{"empty/README.md": "nothing yet\n"})
	r := p.Runtime("web", "dev")
	r.Spec.Namespaces = []string{p.Namespace("web")}
	r.Spec.ManifestSource.Path = "empty"
	p.Create(r)
	p.EventuallyNotReady("web", api.ReasonNothingDeployed)

	p.Commit("app", map[string]string{"empty/web.yaml": unplaceable})
	p.EventuallyRuntimeSays("web", api.ConditionReady, "False/"+api.ReasonDegraded,
		"Deployment "+p.Namespace("web")+"/web")
	p.Commit("app", map[string]string{"empty/web.yaml": Deployment("web", 1)})
	p.EventuallyReady("web")
}
