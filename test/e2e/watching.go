package e2e

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/test/devenv/process"
	"github.com/nautes-labs/deployment-runtime/test/fakegitlab"
)

// Watching returns the story of a platform team that sees nothing but Prometheus.
func Watching() []Scenario {
	return []Scenario{
		{"a real Prometheus: of each fault exactly its alert fires, and every panel has data", watched},
	}
}

// watchers are what that story has: the team's own product, a developer's in GitLab, and Prometheus.
type watchers struct {
	*Product
	dev        *Developer
	operators  *operators
	operator   *process.Process
	prometheus *prometheus
}

func watched(t *testing.T, w *World) {
	p := w.NewProduct(t)
	s := &watchers{Product: p, dev: w.NewDeveloper(t), operators: p.takeOver()}
	address, err := w.Env.FreeAddress()
	p.Expect(err).NotTo(HaveOccurred())
	s.operators.args = []string{"--metrics-bind-address", address, "--product-poll-interval", "1s",
		"--degraded-dwell", "2s", "--teardown-brake-shared-floor", "1000"}
	s.operator = s.operators.start("")
	s.prometheus = p.startPrometheus(address, w.API.metrics)
	s.found()

	s.Log("nothing fires while all is well")
	s.fires()
	s.removalHeld()
	s.removalStuck()
	s.streamStuck()
	s.namespaceTaken()
	s.clusterAway()
	s.gitLabFails()
	s.gitFails()
	s.operatorAway()
	s.runtimeNotReady()
}

// fires waits until exactly these alerts fire, and watches that no other one joins them.
func (s *watchers) fires(alerts ...string) {
	s.Helper()
	firing := s.firing(s.prometheus, s.Name, s.dev.Name, fragile)
	if len(alerts) == 0 {
		s.Eventually(firing).Should(BeEmpty())
		s.Consistently(firing).Should(BeEmpty())
		return
	}
	s.Eventually(firing).Should(Equal(alerts))
	s.Consistently(firing).Should(Equal(alerts))
}

// found makes what is to be watched: a runtime by kubectl, and one by the REST API from a default.project in GitLab.
func (s *watchers) found() {
	d := s.dev
	d.nautes(d.prerequisites(), "apply", "-f", "-")
	group, err := s.W.GitLab.Host.GroupAt(d.Ctx, s.W.GitLab.Root, d.product)
	s.Expect(err).NotTo(HaveOccurred())
	d.Name = "product-" + strconv.FormatInt(group.ID, 10)
	d.Push("api-server", map[string]string{"manifests/development/web.yaml": Deployment("web", 1)})
	d.Eventually(func() string { return d.ProductCondition(api.ConditionReady) }).Should(HavePrefix("True/"))
	saved := d.curl(http.MethodPost, s.runtime(), d.guidesBody("manifests/development"))
	s.Deploy("web", "dev")
	d.EventuallyStreamAt(saved["commit"].(string))
	d.EventuallyReady("dr-dev")
}

// runtime is the path of the developer's runtime.
func (s *watchers) runtime() string {
	return "/api/v1/products/" + s.dev.product + "/deploymentruntimes/dr-dev"
}

// from has a runtime deploy a directory of its own: two of one directory are twins.
func (s *watchers) from(directory string) func(*api.DeploymentRuntime) {
	s.Commit("app", map[string]string{directory + "/web.yaml": Deployment("web", 1)})
	return func(r *api.DeploymentRuntime) { r.Spec.ManifestSource.Path = directory }
}

func (s *watchers) removalHeld() {
	s.Deploy("kept", "dev", s.from("kept"), protected)
	s.Delete("kept")
	command := s.EventuallyHeld("kept", "the runtime is protected")
	s.fires("NautesRemovalHeld")
	s.Type(command)
	s.EventuallyGone("kept", East, s.Namespace("kept"))
	s.fires()
}

// removalStuck: somebody put a finalizer on what was deployed.
func (s *watchers) removalStuck() {
	s.Deploy("stuck", "dev", s.from("stuck"))
	deployed := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: s.Namespace("stuck"), Name: "web"}}
	finalizers := func(names ...string) {
		s.onEast(deployed, func() { deployed.Finalizers = names })
	}
	finalizers("example.com/somebody")
	s.Delete("stuck")
	s.fires("NautesRemovalStuck")
	finalizers()
	s.EventuallyGone("stuck", East, s.Namespace("stuck"))
	s.fires()
}

// onEast changes an object of the cluster East, again if somebody else was faster.
func (s *watchers) onEast(o *appsv1.Deployment, change func()) {
	s.Helper()
	c := s.W.Remote(s.T, East)
	s.Eventually(func() error {
		if err := c.Get(s.Ctx, client.ObjectKeyFromObject(o), o); err != nil {
			return err
		}
		change()
		return c.Update(s.Ctx, o)
	}).Should(Succeed())
}

func (s *watchers) streamStuck() {
	s.dev.pushAs(s.dev.token, metadata, map[string]string{"runtimes/broken.yaml": broken()})
	s.fires("NautesStreamStuck")
	s.dev.pushAs(s.dev.token, metadata, map[string]string{"runtimes/broken.yaml": ""})
	s.fires()
}

// namespaceTaken: the runtime that needs the namespace waits for it, and its team is told of that too.
func (s *watchers) namespaceTaken() {
	taken := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.Namespace("taken")}}
	c := s.W.Remote(s.T, East)
	s.Expect(c.Create(s.Ctx, taken)).To(Succeed())
	r := s.Runtime("taken", "dev")
	s.from("taken")(r)
	r.Spec.Namespaces = []string{taken.Name}
	s.Create(r)
	s.fires("NautesNamespaceProblems", "NautesRuntimeNotReady")
	s.Change("taken", func(r *api.DeploymentRuntime) { r.Spec.Namespaces = []string{s.Namespace("own")} })
	s.EventuallyReady("taken")
	s.fires()
}

func (s *watchers) clusterAway() {
	err := s.W.RegisterCluster(s.Ctx, fragile, nil)
	if !apierrors.IsAlreadyExists(err) { // another story may have registered it
		s.Expect(err).NotTo(HaveOccurred())
	}
	s.Create(s.Environment("far", fragile))
	s.Deploy("far", "far")
	cluster := s.W.Env.Cluster(fragile)
	s.Expect(cluster.StopAPIServer()).To(Succeed())
	s.Delete("far") // it waits, and nobody is told that this removal does not end
	s.fires("NautesClusterAway")
	s.Expect(cluster.StartAPIServer(s.Ctx)).To(Succeed())
	s.EventuallyGone("far", fragile, s.Namespace("far"))
	s.fires()
}

// gitLabFails: what users ask fails too, and only the cause is told.
func (s *watchers) gitLabFails() {
	remove := s.W.GitLab.Server.Trouble().Add(fakegitlab.Fault{Path: "/api/", Status: http.StatusBadGateway})
	defer remove()
	s.firesWhile(func() { s.dev.try(http.MethodGet, s.runtime(), "") }, "NautesGitLabErrors")
	remove()
	s.fires()
}

// gitFails: GitLab answers, and takes no push.
func (s *watchers) gitFails() {
	remove := s.W.GitLab.Server.Trouble().Add(fakegitlab.Fault{Path: "/git-receive-pack",
		Status: http.StatusInternalServerError})
	defer remove()
	body := strings.ReplaceAll(s.dev.guidesBody("manifests/development"), `"HEAD"`, `"main"`)
	s.firesWhile(func() { s.dev.try(http.MethodPost, s.runtime(), body) }, "NautesAPIErrors")
	remove()
	s.fires()
}

// firesWhile is fires, with something that goes on meanwhile.
func (s *watchers) firesWhile(do func(), alerts ...string) {
	s.Helper()
	firing := s.firing(s.prometheus, s.Name, s.dev.Name, fragile)
	busy := func() ([]string, error) {
		do()
		return firing()
	}
	s.Eventually(busy).Should(Equal(alerts))
	s.Consistently(busy).Should(Equal(alerts))
}

func (s *watchers) operatorAway() {
	s.Expect(s.operator.Stop(0)).To(Succeed())
	s.fires("NautesOperatorAway")
	s.operator = s.operators.start("")
	s.fires()
}

// runtimeNotReady: its path has gone. Meanwhile every panel of the dashboards has something to show.
func (s *watchers) runtimeNotReady() {
	s.Change("web", func(r *api.DeploymentRuntime) { r.Spec.ManifestSource.Path = "nowhere" })
	s.fires("NautesRuntimeNotReady")
	s.Eventually(func() []string { return s.silent(s.prometheus) }).Should(BeEmpty())
	s.Change("web", func(r *api.DeploymentRuntime) { r.Spec.ManifestSource.Path = "deploy" })
	s.EventuallyReady("web")
	s.fires()
}
