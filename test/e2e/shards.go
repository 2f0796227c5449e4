package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/test/devenv/process"
)

// sharing returns the stories of several operators.
func sharing() []Scenario {
	return []Scenario{
		{"two shards share the products, and one that is killed is taken over", twoShards},
	}
}

// operatorEnd is how long an operator may take to end that is told to.
const operatorEnd = 30 * time.Second

func twoShards(t *testing.T, w *World) {
	home, far := w.NewProduct(t), w.NewProduct(t)
	s := home.startShards()
	first := s.start("")
	leader := s.start("a")
	s.start("a") // stands by
	far.giveTo("a")

	home.Log("each runtime has one operator, and none has none")
	home.Deploy("web", "dev")
	far.Deploy("web", "dev")
	home.Expect(home.writers("web")).To(ConsistOf("nautes-operator"))
	far.Expect(far.writers("web")).To(ConsistOf("nautes-operator-a"))

	home.Log("one is killed, the other goes on, and its standby takes over")
	home.Expect(leader.Stop(0)).To(Succeed())
	late := far.Runtime("late", "prod")
	late.Spec.Namespaces = []string{far.Namespace("late")}
	far.Create(late)
	home.Deploy("meanwhile", "prod")
	far.EventuallyReady("late")
	far.Expect(far.writers("late")).To(ConsistOf("nautes-operator-a"))

	rivalsOfTwoShards(home, far)

	home.Log("a product moves, and no pod is restarted")
	pods, until := far.EventuallyPods(East, far.Namespace("web"), 1), far.lastWrite("web", "nautes-operator-a")
	far.giveTo("")
	far.Change("web", func(r *api.DeploymentRuntime) { r.Spec.Suspend = true })
	far.Eventually(func() bool { return far.Automated("web") }).Should(BeFalse())
	far.Change("web", func(r *api.DeploymentRuntime) { r.Spec.Suspend = false })
	far.EventuallyReady("web")
	far.Expect(far.writers("web")).To(ContainElement("nautes-operator"))
	far.Expect(far.lastWrite("web", "nautes-operator-a")).To(Equal(until), "the other shard has let go")
	far.Expect(far.Pods(East, far.Namespace("web"))).To(Equal(pods))

	home.Log("an operator that is told to end lets go, so that the next one need not wait until its time is over")
	home.Expect(first.Stop(operatorEnd)).To(Succeed())
	home.Expect(home.holder("nautes-operator")).To(BeEmpty())
}

// rivalsOfTwoShards has two products want one namespace of a cluster in the same moment. Their operators know nothing of
// each other's claims.
func rivalsOfTwoShards(one, other *Product) {
	one.Helper()
	var runtimes []*api.DeploymentRuntime
	for _, p := range []*Product{one, other} {
		p.Commit("app", map[string]string{"rival/rival.yaml": Deployment("rival", 1)})
		r := p.Runtime("rival", "dev")
		r.Spec.Namespaces, r.Spec.ManifestSource.Path = []string{one.Namespace("wanted")}, "rival"
		runtimes = append(runtimes, r)
	}
	for i, p := range []*Product{one, other} {
		p.Create(runtimes[i])
	}
	var loser *Product
	one.Eventually(func() *Product {
		for _, p := range []*Product{one, other} {
			said := p.Condition("rival", api.ConditionReady)
			if strings.HasPrefix(said, "False/"+api.ReasonNamespaceInUse) ||
				strings.HasPrefix(said, "False/"+api.ReasonNamespaceNotOurs) {
				loser = p
			}
		}
		return loser
	}).ShouldNot(BeNil(), "one of the two is told")
	loser.Change("rival", func(r *api.DeploymentRuntime) { r.Spec.Namespaces = []string{loser.Namespace("own")} })
	one.EventuallyReady("rival")
	other.EventuallyReady("rival")
}

// operators are the operators of a story about shards, each a process of its own.
type operators struct {
	product *Product
	group   *process.Group
	config  string
	// args are added to those of every operator.
	args []string
}

// startShards takes the operator of the other stories away, for the rest of the story, and permits what shard a needs.
func (p *Product) startShards() *operators {
	p.Helper()
	s := p.takeOver()
	p.Expect(p.W.Env.Management.ApplyKustomization(p.Ctx, "config/shards/a")).To(Succeed())
	return s
}

// takeOver takes the operator of the other stories away, for the rest of the story.
func (p *Product) takeOver() *operators {
	p.Helper()
	s := &operators{product: p, group: process.NewGroup(func(err error) { p.Error(err) }),
		config: filepath.Join(p.W.Env.Dir, "operator.kubeconfig")}
	p.Expect(p.W.writeKubeconfig(s.config, "nautes-operator")).To(Succeed())
	p.Expect(p.W.StopOperator()).To(Succeed())
	p.Cleanup(func() {
		s.group.Stop()
		p.Expect(p.W.StartOperator(p.W.Env.Management.RESTConfig())).To(Succeed())
	})
	return s
}

// start starts an operator of a shard, and waits until one of that shard is at work.
func (s *operators) start(shard string) *process.Process {
	p, name := s.product, "nautes-operator"
	p.Helper()
	args := []string{"operator", "--kubeconfig", s.config, "--metrics-bind-address", "0", "--health-probe-bind-address",
		"0", "--argocd-repo-server", p.W.Env.ArgoCD.RepoServerAddress(), "--argocd-repo-server-plaintext",
		"--teardown-grace", "0", "--sync-retry-first", "1s", "--cluster-probe-interval", "2s"}
	if shard != "" {
		args, name = append(args, "--shard", shard), name+"-"+shard
	}
	args = append(args, s.args...)
	self, err := os.Executable()
	p.Expect(err).NotTo(HaveOccurred())
	started, err := s.group.Start(process.Command{Name: name, Path: self, Args: args, Env: []string{asManager + "=1"},
		Log: filepath.Join(p.W.Env.Dir, name+".log")})
	p.Expect(err).NotTo(HaveOccurred())
	p.Cleanup(func() {
		if started.Running() {
			p.Expect(started.Stop(operatorEnd)).To(Succeed())
		}
	})
	p.Eventually(func() string { return p.holder(name) }).ShouldNot(BeEmpty(), "%s gets to work", name)
	return started
}

// holder returns the operator that has a Lease, or nothing.
func (p *Product) holder(name string) string {
	p.Helper()
	var lease coordinationv1.Lease
	key := client.ObjectKey{Namespace: systemNamespace, Name: name}
	if err := p.W.Client.Get(p.Ctx, key, &lease); err != nil || lease.Spec.HolderIdentity == nil {
		return ""
	}
	return *lease.Spec.HolderIdentity
}

// giveTo labels the Product with a shard, and waits until that serves it.
func (p *Product) giveTo(shard string) {
	p.Helper()
	Alter(p, p.product(), func(o *api.Product) { metav1.SetMetaDataLabel(&o.ObjectMeta, api.LabelShard, shard) })
	p.Eventually(func() string {
		o := p.product()
		p.Expect(p.W.Client.Get(p.Ctx, client.ObjectKeyFromObject(o), o)).To(Succeed())
		return o.Status.Shard
	}).Should(Equal(shard), "who serves %s", p.Name)
}

// written returns when each operator has last written the record or the status of a runtime.
func (p *Product) written(runtime string) map[string]time.Time {
	p.Helper()
	last := map[string]time.Time{}
	for _, o := range []client.Object{p.Application(runtime), p.Get(runtime)} {
		for _, f := range o.GetManagedFields() {
			if strings.HasPrefix(f.Manager, "nautes-operator") && f.Time.After(last[f.Manager]) {
				last[f.Manager] = f.Time.Time
			}
		}
	}
	return last
}

// writers returns which operators have written a runtime.
func (p *Product) writers(runtime string) []string {
	p.Helper()
	var out []string
	for name := range p.written(runtime) {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

func (p *Product) lastWrite(runtime, operator string) time.Time {
	p.Helper()
	return p.written(runtime)[operator]
}
