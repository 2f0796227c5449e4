package product

import (
	"context"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/phases"
	"github.com/nautes-labs/deployment-runtime/internal/apply"
	"github.com/nautes-labs/deployment-runtime/internal/catalog"
	"github.com/nautes-labs/deployment-runtime/internal/desired"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
)

// clusterTenancy does the work of one product on one runtime cluster. A namespace is claimed by creating it; one that
// exists counts as ours only with the labels of this product and this installation.
type clusterTenancy struct {
	remote   client.Client
	describe desired.NamespaceOf
	// granted are reserved namespaces of the platform that the product may use; they are never written.
	granted []string
	cluster *api.Cluster
	// applications are those that have a namespace in their record.
	applications map[desired.Destination][]string
	// lookAgain asks for another look at what is waited for since a time.
	lookAgain func(since metav1.Time)
	// owned are the product's namespaces on the cluster, by name.
	owned map[string]*corev1.Namespace
}

// load lists the namespaces of the product on the cluster.
func (t *clusterTenancy) load(ctx context.Context) error {
	var list corev1.NamespaceList
	err := t.remote.List(ctx, &list,
		client.MatchingLabels{api.LabelProduct: t.describe.Product, api.LabelInstance: t.describe.Instance})
	if err != nil {
		return fmt.Errorf("listing the namespaces of the product: %w", err)
	}
	t.owned = map[string]*corev1.Namespace{}
	for i := range list.Items {
		t.owned[list.Items[i].Name] = &list.Items[i]
	}
	return nil
}

// prepare makes a namespace ready for the product.
func (t *clusterTenancy) prepare(ctx context.Context, name string) error {
	if slices.Contains(t.granted, name) {
		return nil
	}
	n := t.describe
	n.Name, n.Applications = name, t.applications[desired.Destination{Cluster: t.cluster.Name, Namespace: name}]
	ns, ours := t.owned[name]
	if !ours {
		// Those that were kept when their runtime went are in no record, but here.
		if limit := rules.LimitsOf(t.cluster, n.Product); len(t.owned) >= int(limit.Namespaces) {
			return rules.NamespaceLimitReached(t.cluster.Name, limit)
		}
		made, err := t.claim(ctx, n)
		if err != nil {
			return err
		}
		ns, t.owned[name] = made, made
	}
	if !ns.DeletionTimestamp.IsZero() {
		t.lookAgain(*ns.DeletionTimestamp)
		return phases.Waiting(api.ReasonWaitingForTenancy,
			"namespace %q is still being deleted; it is made again once it is gone", name)
	}
	if err := t.keepLabels(ctx, ns, desired.Namespace(n)); err != nil {
		return err
	}
	return t.furnish(ctx, n)
}

// claim creates the namespace. One that exists without our labels belongs to somebody else.
func (t *clusterTenancy) claim(ctx context.Context, n desired.NamespaceOf) (*corev1.Namespace, error) {
	ns := desired.Namespace(n)
	err := t.remote.Create(ctx, ns)
	if !apierrors.IsAlreadyExists(err) {
		return ns, err
	}
	var there corev1.Namespace
	if err := t.remote.Get(ctx, client.ObjectKey{Name: n.Name}, &there); err != nil {
		return nil, fmt.Errorf("getting namespace %s: %w", n.Name, err)
	}
	if t.isOurs(&there) {
		return &there, nil
	}
	return nil, problem.New(problem.Conflict, api.ReasonNamespaceNotOurs,
		"namespace %q exists on the cluster and was not made for this product: choose another in spec.namespaces, or "+
			"ask the platform team to remove it", n.Name)
}

func (t *clusterTenancy) isOurs(ns *corev1.Namespace) bool {
	return ns.Labels[api.LabelProduct] == t.describe.Product && ns.Labels[api.LabelInstance] == t.describe.Instance
}

// keepLabels restores what the namespace should carry; what others added stays.
func (t *clusterTenancy) keepLabels(ctx context.Context, ns, want *corev1.Namespace) error {
	after := ns.DeepCopy()
	for k, v := range want.Labels {
		metav1.SetMetaDataLabel(&after.ObjectMeta, k, v)
	}
	if isKept(ns) {
		delete(after.Annotations, api.AnnotationApplications) // somebody has it again, whoever that is
		if want.Annotations[api.AnnotationApplications] != "" {
			delete(after.Annotations, api.AnnotationRetain) // from now on the record says what becomes of it
		}
	}
	for k, v := range want.Annotations {
		metav1.SetMetaDataAnnotation(&after.ObjectMeta, k, v)
	}
	_, err := apply.Patch(ctx, t.remote, ns, after)
	return err
}

// isKept says whether the operator kept the namespace when its last runtime went: it noted then that no Application has
// it any more. A mark that somebody set while a runtime has the namespace is theirs.
func isKept(ns *corev1.Namespace) bool {
	note, noted := ns.Annotations[api.AnnotationApplications]
	return noted && note == ""
}

// furnish puts into the namespace what belongs there.
func (t *clusterTenancy) furnish(ctx context.Context, n desired.NamespaceOf) error {
	objects := []client.Object{desired.RoleBinding(n)}
	if q := desired.ResourceQuota(n); q != nil {
		objects = append(objects, q)
	}
	if l := desired.LimitRange(n); l != nil {
		objects = append(objects, l)
	}
	for _, p := range desired.NetworkPolicies(n) {
		objects = append(objects, &p)
	}
	for _, s := range desired.PullSecrets(n) {
		objects = append(objects, &s)
	}
	for _, o := range objects {
		if err := t.ensure(ctx, o); err != nil {
			return err
		}
	}
	return t.usePullSecrets(ctx, n)
}

// ensure creates an object, or corrects it where it differs.
func (t *clusterTenancy) ensure(ctx context.Context, want client.Object) error {
	there := want.DeepCopyObject().(client.Object)
	err := t.remote.Get(ctx, client.ObjectKeyFromObject(want), there)
	if apierrors.IsNotFound(err) {
		if err = t.remote.Create(ctx, want); apierrors.IsAlreadyExists(err) {
			return nil
		}
		return err
	}
	if err != nil {
		return fmt.Errorf("getting %s: %w", client.ObjectKeyFromObject(want), err)
	}
	after := there.DeepCopyObject().(client.Object)
	labels := maps.Clone(after.GetLabels())
	if labels == nil {
		labels = map[string]string{}
	}
	maps.Copy(labels, want.GetLabels())
	after.SetLabels(labels)
	if rb, ok := after.(*rbacv1.RoleBinding); ok &&
		!equality.Semantic.DeepEqual(rb.RoleRef, want.(*rbacv1.RoleBinding).RoleRef) {
		if err := apply.Delete(ctx, t.remote, there); err != nil { // a roleRef cannot be changed
			return err
		}
		return t.remote.Create(ctx, want)
	}
	copyContent(after, want)
	_, err = apply.Patch(ctx, t.remote, there, after)
	return err
}

// copyContent sets what an object says, leaving its metadata.
func copyContent(into, from client.Object) {
	switch o := into.(type) {
	case *rbacv1.RoleBinding:
		o.Subjects = from.(*rbacv1.RoleBinding).Subjects
	case *corev1.ResourceQuota:
		o.Spec = from.(*corev1.ResourceQuota).Spec
	case *corev1.LimitRange:
		o.Spec = from.(*corev1.LimitRange).Spec
	case *networkingv1.NetworkPolicy:
		o.Spec = from.(*networkingv1.NetworkPolicy).Spec
	case *corev1.Secret:
		o.Data = from.(*corev1.Secret).Data
	}
}

// usePullSecrets adds the pull secrets to the default ServiceAccount, which Kubernetes makes a moment after the
// namespace.
func (t *clusterTenancy) usePullSecrets(ctx context.Context, n desired.NamespaceOf) error {
	if len(n.PullSecrets) == 0 {
		return nil
	}
	var account corev1.ServiceAccount
	err := t.remote.Get(ctx, client.ObjectKey{Namespace: n.Name, Name: "default"}, &account)
	if apierrors.IsNotFound(err) {
		t.lookAgain(t.owned[n.Name].CreationTimestamp)
		return phases.Waiting(api.ReasonWaitingForTenancy, "namespace %q has no default ServiceAccount yet", n.Name)
	}
	if err != nil {
		return fmt.Errorf("getting the default ServiceAccount of %s: %w", n.Name, err)
	}
	_, err = apply.Patch(ctx, t.remote, &account, desired.WithPullSecrets(&account, n))
	return err
}

// standing returns the namespace as the cluster itself has it, or nil when it is gone or never was ours.
func (t *clusterTenancy) standing(ctx context.Context, name string) (*corev1.Namespace, error) {
	var ns corev1.Namespace
	absent, err := catalog.IsAbsent(ctx, t.remote, client.ObjectKey{Name: name}, &ns)
	if err != nil || absent || !t.isOurs(&ns) {
		return nil, err
	}
	return &ns, nil
}

// retain marks a namespace so that nothing deletes it any more, and lets it go from the product.
func (t *clusterTenancy) retain(ctx context.Context, name string) error {
	ns, ours := t.owned[name]
	if !ours {
		return nil
	}
	after := ns.DeepCopy()
	metav1.SetMetaDataAnnotation(&after.ObjectMeta, api.AnnotationRetain, "true")
	metav1.SetMetaDataAnnotation(&after.ObjectMeta, api.AnnotationApplications, "")
	if _, err := apply.Patch(ctx, t.remote, ns, after); client.IgnoreNotFound(err) != nil {
		return err
	}
	return t.withdraw(ctx, name)
}

// withdraw takes the access of the product's group to a namespace that stays: no record will name it, so nobody would
// take it later, and whoever has the path of the group then would have the namespace.
func (t *clusterTenancy) withdraw(ctx context.Context, name string) error {
	n := t.describe
	n.Name = name
	var members rbacv1.RoleBinding
	absent, err := catalog.IsAbsent(ctx, t.remote, client.ObjectKeyFromObject(desired.RoleBinding(n)), &members)
	if err != nil || absent || members.Labels[api.LabelInstance] != t.describe.Instance {
		return err
	}
	return client.IgnoreNotFound(apply.Delete(ctx, t.remote, &members))
}
