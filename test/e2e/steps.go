package e2e

import (
	"fmt"
	"regexp"
	"strings"

	argo "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
)

// Remove deletes objects of the management cluster.
func (p *Product) Remove(objects ...client.Object) {
	p.Helper()
	for _, o := range objects {
		p.Expect(p.W.Client.Delete(p.Ctx, o)).To(Succeed())
	}
}

// Recreate creates objects as soon as those of the same name, or their namespace, are gone.
func (p *Product) Recreate(objects ...client.Object) {
	p.Helper()
	for _, o := range objects {
		o.SetResourceVersion("")
		o.SetUID("")
		o.SetFinalizers(nil)
		p.Eventually(func() error { return p.W.Client.Create(p.Ctx, o) }).Should(Succeed(), "creating %T %s again",
			o, o.GetName())
	}
}

// EventuallyVanished waits until the runtime itself is gone, whatever it deployed.
func (p *Product) EventuallyVanished(name string) {
	p.Helper()
	p.Eventually(func() bool {
		return apierrors.IsNotFound(p.W.Client.Get(p.Ctx, client.ObjectKey{Namespace: p.Name, Name: name},
			&api.DeploymentRuntime{}))
	}).Should(BeTrue(), "runtime %s/%s goes", p.Name, name)
}

// ProductCondition returns a condition of the Product as "True/Reason: message".
func (p *Product) ProductCondition(condition string) string {
	var product api.Product
	if err := p.W.Client.Get(p.Ctx, client.ObjectKey{Namespace: systemNamespace, Name: p.Name}, &product); err != nil {
		return err.Error()
	}
	c := meta.FindStatusCondition(product.Status.Conditions, condition)
	if c == nil {
		return "not said yet"
	}
	return fmt.Sprintf("%s/%s: %s", c.Status, c.Reason, c.Message)
}

// Settled returns the Product's condition RuntimesSettled.
func (p *Product) Settled() string { return p.ProductCondition(api.ConditionRuntimesSettled) }

// EventuallyHeld waits until the Product says that the removal of a runtime is held, and returns the command that it
// prints to approve it.
func (p *Product) EventuallyHeld(runtime, because string) (command string) {
	p.Helper()
	entry := regexp.MustCompile(`\b` + runtime + ` \(` + because + `[^)]*\): (kubectl [^;]*)`)
	p.Eventually(p.Settled).Should(And(HavePrefix("False/"+api.ReasonTeardownHeld+":"), MatchRegexp(entry.String())))
	return entry.FindStringSubmatch(p.Settled())[1]
}

// Type runs a command that a message told the user to type.
func (p *Product) Type(command string) {
	p.Helper()
	_, err := p.W.Env.Management.Kubectl(p.Ctx, strings.Fields(command)[1:]...)
	p.Expect(err).NotTo(HaveOccurred())
}

// Tamper changes the Application of a runtime as a person with kubectl would.
func (p *Product) Tamper(name string, change func(*argo.Application)) {
	p.Helper()
	app := p.Application(name)
	p.Expect(app).NotTo(BeNil())
	before := app.DeepCopy()
	change(app)
	p.Expect(p.W.Client.Patch(p.Ctx, app, client.MergeFrom(before))).To(Succeed())
}

// Record returns what the Application of a runtime remembers.
func (p *Product) Record(name string) placement.Placement {
	p.Helper()
	app := p.Application(name)
	p.Expect(app).NotTo(BeNil())
	record, err := placement.Decode(app.Annotations[api.AnnotationPlacement])
	p.Expect(err).NotTo(HaveOccurred())
	return record
}

// RemoteNamespace reads a namespace of a runtime cluster.
func (p *Product) RemoteNamespace(cluster, name string) *corev1.Namespace {
	p.Helper()
	var ns corev1.Namespace
	p.Expect(p.W.Remote(p.T, cluster).Get(p.Ctx, client.ObjectKey{Name: name}, &ns)).To(Succeed())
	return &ns
}

// RestartOperator ends the operator and starts it with other options, for the rest of the scenario.
func (p *Product) RestartOperator(change func(*controllers.Options)) {
	p.Helper()
	before := p.W.Options
	restart := func(o controllers.Options) {
		p.Expect(p.W.StopOperator()).To(Succeed())
		p.W.Options = o
		p.Expect(p.W.StartOperator(p.W.Env.Management.RESTConfig())).To(Succeed())
	}
	changed := before
	change(&changed)
	restart(changed)
	p.Cleanup(func() { restart(before) })
}

// WithoutOperator does something while no operator runs.
func (p *Product) WithoutOperator(do func()) {
	p.Helper()
	p.Expect(p.W.StopOperator()).To(Succeed())
	defer func() { p.Expect(p.W.StartOperator(p.W.Env.Management.RESTConfig())).To(Succeed()) }()
	do()
}

// object returns an object of the management cluster by name alone, for deletions.
func object[T client.Object](o T, namespace, name string) T {
	o.SetNamespace(namespace)
	o.SetName(name)
	return o
}

// protected makes a runtime one whose removal is held.
func protected(r *api.DeploymentRuntime) {
	metav1.SetMetaDataAnnotation(&r.ObjectMeta, api.AnnotationProtect, "true")
}
