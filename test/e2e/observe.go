package e2e

import (
	"fmt"

	argo "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
)

// conditioned is an object of the API group that says how it is.
type conditioned interface {
	client.Object
	GetConditions() []metav1.Condition
}

// Says returns a condition of an object, which needs a namespace and a name only, as "True/Reason: message".
func (p *Product) Says(o conditioned, condition string) string {
	if err := p.W.Client.Get(p.Ctx, client.ObjectKeyFromObject(o), o); err != nil {
		return err.Error()
	}
	c := meta.FindStatusCondition(o.GetConditions(), condition)
	if c == nil || c.ObservedGeneration != o.GetGeneration() {
		return "not said yet"
	}
	return fmt.Sprintf("%s/%s: %s", c.Status, c.Reason, c.Message)
}

// EventuallySays waits until a condition of an object begins as given, "False/Reason" or "True", and its message names
// all of the words at the same time: what is tried again changes its mind now and then.
func (p *Product) EventuallySays(o conditioned, condition, begins string, names ...string) {
	p.Helper()
	matcher := HavePrefix(begins)
	for _, name := range names {
		matcher = And(matcher, ContainSubstring(name))
	}
	p.Eventually(func() string { return p.Says(o, condition) }).Should(matcher, "%s of %T %s",
		condition, o, o.GetName())
}

// EventuallyRuntimeSays is EventuallySays of a runtime of the product.
func (p *Product) EventuallyRuntimeSays(name, condition, begins string, names ...string) {
	p.Helper()
	p.EventuallySays(&api.DeploymentRuntime{ObjectMeta: p.meta(name)}, condition, begins, names...)
}

// EventuallyProductSays is EventuallySays of the Product.
func (p *Product) EventuallyProductSays(condition, begins string, names ...string) {
	p.Helper()
	p.EventuallySays(p.product(), condition, begins, names...)
}

func (p *Product) product() *api.Product {
	return &api.Product{ObjectMeta: metav1.ObjectMeta{Namespace: systemNamespace, Name: p.Name}}
}

// EventuallyPods waits until so many pods run in a namespace, and returns their UIDs.
func (p *Product) EventuallyPods(cluster, namespace string, n int) []string {
	p.Helper()
	var pods []string
	p.Eventually(func() []string { pods = p.Pods(cluster, namespace); return pods }).Should(HaveLen(n),
		"pods in %s on %s", namespace, cluster)
	return pods
}

// EventuallyDeployed waits until the runtime is ready with a commit.
func (p *Product) EventuallyDeployed(name, commit string) {
	p.Helper()
	p.Eventually(func() string { return p.Get(name).Status.Revision }).Should(Equal(commit),
		"the revision of runtime %s/%s", p.Name, name)
	p.EventuallyReady(name)
}

// Automated says whether Argo CD syncs the runtime by itself.
func (p *Product) Automated(name string) bool {
	p.Helper()
	app := p.Application(name)
	p.Expect(app).NotTo(BeNil(), "the Application of %s/%s", p.Name, name)
	return app.Spec.SyncPolicy != nil && app.Spec.SyncPolicy.Automated != nil
}

// Alter changes an object of the management cluster, again if somebody else was faster.
func Alter[T client.Object](p *Product, o T, change func(T)) {
	p.Helper()
	p.Eventually(func() error {
		if err := p.W.Client.Get(p.Ctx, client.ObjectKeyFromObject(o), o); err != nil {
			return err
		}
		change(o)
		return p.W.Client.Update(p.Ctx, o)
	}).Should(Succeed())
}

// permitted returns what the product's AppProject permits, as "cluster/namespace", in order.
func (p *Product) permitted() []string {
	p.Helper()
	var project argo.AppProject
	p.Expect(p.W.Client.Get(p.Ctx, client.ObjectKey{Namespace: argoNamespace, Name: identity.AppProject(p.Name)},
		&project)).To(Succeed())
	var out []string
	for _, d := range project.Spec.Destinations {
		out = append(out, d.Name+"/"+d.Namespace)
	}
	return out
}
