package controllers_test

import (
	"context"
	"fmt"
	"sync/atomic"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/catalog"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
)

// place is an installation of its own on the shared management cluster: nothing that another spec made is in it.
type place struct {
	// system and argo are the namespaces of the operator and of Argo CD.
	system, argo string
	// product is a product of the place with a namespace; its group is "group-<number>".
	product, group string
	instance       string
	number         int64
}

var places atomic.Int64

func newPlace(ctx context.Context) place {
	GinkgoHelper()
	n := places.Add(1)
	p := place{
		system: fmt.Sprintf("nautes-%d", n), argo: fmt.Sprintf("argocd-%d", n),
		product: fmt.Sprintf("product-%d", 1000*n),
		group:   fmt.Sprintf("group-%d", n), instance: fmt.Sprintf("instance-%d", n), number: n,
	}
	for _, name := range []string{p.system, p.argo} {
		create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
	}
	p.addProduct(ctx, p.product, p.group)
	return p
}

// addProduct makes a Product and its namespace.
func (p place) addProduct(ctx context.Context, name, group string) *api.Product {
	GinkgoHelper()
	create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
	return create(ctx, &api.Product{ObjectMeta: metav1.ObjectMeta{Namespace: p.system, Name: name},
		Spec: api.ProductSpec{Name: group}})
}

// lookup answers the rules from the API server itself.
func (p place) lookup() *catalog.Cluster { return catalog.New(k8s, p.system, p.argo) }

// record makes an Application that remembers a runtime, as the operator would have written it.
func (p place) record(ctx context.Context, name string, at placement.Placement) *observed.Application {
	GinkgoHelper()
	app := &observed.Application{ObjectMeta: metav1.ObjectMeta{
		Namespace: p.argo, Name: name, Finalizers: []string{api.Finalizer},
		Annotations: map[string]string{api.AnnotationPlacement: at.Encode()},
	}}
	app.Spec.Project = at.Product
	app.Spec.Destination.Name = at.Destination.Cluster
	return create(ctx, app)
}

// create makes the object and returns it.
func create[T client.Object](ctx context.Context, obj T) T {
	GinkgoHelper()
	Expect(k8s.Create(ctx, obj)).To(Succeed())
	return obj
}

// update changes the object as the API server has it now, and obj with it.
func update[T client.Object](ctx context.Context, obj T, change func(T)) {
	GinkgoHelper()
	fetch(ctx, obj)
	change(obj)
	Expect(k8s.Update(ctx, obj)).To(Succeed())
}

// remove deletes the object and, where a finalizer of ours would hold it, takes that away.
func remove(ctx context.Context, obj client.Object) {
	GinkgoHelper()
	Expect(client.IgnoreNotFound(k8s.Delete(ctx, obj))).To(Succeed())
	if fetched(ctx, obj) {
		obj.SetFinalizers(nil)
		Expect(client.IgnoreNotFound(k8s.Update(ctx, obj))).To(Succeed())
	}
}

// fetch reads the object anew.
func fetch[T client.Object](ctx context.Context, obj T) T {
	GinkgoHelper()
	Expect(k8s.Get(ctx, client.ObjectKeyFromObject(obj), obj)).To(Succeed())
	return obj
}

// fetched says whether the object exists, and reads it anew.
func fetched(ctx context.Context, obj client.Object) bool {
	GinkgoHelper()
	err := k8s.Get(ctx, client.ObjectKeyFromObject(obj), obj)
	if apierrors.IsNotFound(err) {
		return false
	}
	Expect(err).NotTo(HaveOccurred())
	return true
}

// secret returns a Secret to fetch.
func secret(namespace, name string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
}

// reconciled runs one reconcile of the object and reads it anew, if it is still there.
func reconciled(ctx context.Context, r reconcile.Reconciler, obj client.Object) ctrl.Result {
	GinkgoHelper()
	result, err := r.Reconcile(ctx, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(obj)})
	Expect(err).NotTo(HaveOccurred())
	fetched(ctx, obj)
	return result
}

// conditioned is an object with conditions.
type conditioned interface {
	client.Object
	GetConditions() []metav1.Condition
}

// ready returns the condition Ready of the object as it was read last.
func ready(obj conditioned) metav1.Condition {
	GinkgoHelper()
	c := meta.FindStatusCondition(obj.GetConditions(), api.ConditionReady)
	Expect(c).NotTo(BeNil(), "the condition Ready is missing")
	Expect(c.ObservedGeneration).To(Equal(obj.GetGeneration()), "Ready speaks of another generation")
	return *c
}

// expectReady expects that the object is ready.
func expectReady(obj conditioned) {
	GinkgoHelper()
	c := ready(obj)
	Expect(c.Status).To(Equal(metav1.ConditionTrue), "%s: %s", c.Reason, c.Message)
}

// expectRefused expects that the object is not ready for the reason, and that the message says the texts.
func expectRefused(obj conditioned, reason string, says ...string) {
	GinkgoHelper()
	c := ready(obj)
	Expect(c.Status).To(Equal(metav1.ConditionFalse))
	Expect(c.Reason).To(Equal(reason), c.Message)
	for _, text := range says {
		Expect(c.Message).To(ContainSubstring(text))
	}
}
