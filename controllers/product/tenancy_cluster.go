package product

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/phases"
	"github.com/nautes-labs/deployment-runtime/internal/apply"
	"github.com/nautes-labs/deployment-runtime/internal/catalog"
	"github.com/nautes-labs/deployment-runtime/internal/desired"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
)

// atOnce is how many namespaces of a cluster, or Applications, a pass works on side by side.
const atOnce = 10

// clusterTenancy does the work of one product on one runtime cluster, and holds what was found and done there in one
// pass. A namespace is claimed by creating it; one that exists counts as ours only with the labels of this product and
// this installation.
type clusterTenancy struct {
	plan     clusterPlan
	cluster  *api.Cluster
	remote   client.Client
	view     *view
	clock    clock.Clock
	describe desired.NamespaceOf
	// granted are reserved namespaces of the platform that the product may use; they are never written.
	granted []string
	// applications are those that have a namespace in their record.
	applications map[desired.Destination][]string

	// mu guards what follows: namespaces are worked on side by side.
	mu sync.Mutex
	// owned counts the product's namespaces on the cluster, those included that no record names any more.
	owned                 int
	ready, gone, retained map[string]bool
	// stays says of a namespace that is given up why it stays all the same, and how a person decides.
	stays    map[string]string
	problems []api.NamespaceProblem
	// failed is why the work was not done, or not all of it; busy says that it was left for a later pass.
	failed *problem.Problem
	busy   bool
	again  phases.Again
}

// each does something for each of the items, for some of them at once. After an error it begins with no other one.
func each[T any](items []T, do func(T) error) error {
	var all errgroup.Group
	var failed atomic.Bool
	all.SetLimit(atOnce)
	for _, item := range items {
		if failed.Load() {
			break
		}
		all.Go(func() error {
			err := do(item)
			if err != nil {
				failed.Store(true)
			}
			return err
		})
	}
	return all.Wait() //nolint:wrapcheck // it is the error of do
}

// note changes what was found, one at a time.
func (t *clusterTenancy) note(change func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change()
}

// lookAgain asks for another look at what is waited for since a time.
func (t *clusterTenancy) lookAgain(since metav1.Time) {
	t.note(func() { t.again.LookAgain(pollAfter(t.clock.Since(since.Time))) })
}

// describes returns what a namespace should be like.
func (t *clusterTenancy) describes(name string) desired.NamespaceOf {
	n := t.describe
	n.Name, n.Applications = name, t.applications[desired.Destination{Cluster: t.cluster.Name, Namespace: name}]
	return n
}

// furniture returns what belongs into a namespace.
func furniture(n desired.NamespaceOf) []client.Object {
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
	return objects
}

// wanted returns a namespace and all that belongs into it.
func wanted(n desired.NamespaceOf) []client.Object {
	objects := append([]client.Object{desired.Namespace(n)}, furniture(n)...)
	if len(n.PullSecrets) > 0 {
		objects = append(objects, desired.WithPullSecrets(defaultAccount(n), n))
	}
	return objects
}

func defaultAccount(n desired.NamespaceOf) *corev1.ServiceAccount {
	return &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: n.Name, Name: "default"}}
}

// unprepared returns the namespaces of the plan that the view does not show as they should be. The others are ready.
func (t *clusterTenancy) unprepared() []string {
	var out []string
	for _, name := range t.plan.prepare {
		if slices.Contains(t.granted, name) ||
			!slices.ContainsFunc(wanted(t.describes(name)), func(o client.Object) bool { return !t.view.isAsWanted(o) }) {
			t.ready[name] = true
		} else {
			out = append(out, name)
		}
	}
	return out
}

// prepare makes a namespace ready for the product.
func (t *clusterTenancy) prepare(ctx context.Context, name string) error {
	n := t.describes(name)
	err := t.keepNamespace(ctx, n)
	for _, o := range furniture(n) {
		if err == nil {
			err = t.keep(ctx, o)
		}
	}
	if err == nil {
		err = t.usePullSecrets(ctx, n)
	}
	if err != nil && problem.As(err) == nil {
		t.view.forget(name) // it is not as it seemed
	}
	return err
}

// keepNamespace makes the namespace itself, or corrects it.
func (t *clusterTenancy) keepNamespace(ctx context.Context, n desired.NamespaceOf) error {
	want := desired.Namespace(n)
	if t.view.isAsWanted(want) {
		return nil
	}
	ns, err := t.claimed(ctx, want)
	if err != nil {
		return err
	}
	if !ns.DeletionTimestamp.IsZero() {
		t.view.put(ns)
		t.lookAgain(*ns.DeletionTimestamp)
		return phases.Waiting(api.ReasonWaitingForTenancy,
			"namespace %q is still being deleted; it is made again once it is gone", n.Name)
	}
	return t.keepLabels(ctx, ns, want)
}

// claimed returns the namespace as the cluster has it, and creates it where it is not there.
func (t *clusterTenancy) claimed(ctx context.Context, want *corev1.Namespace) (*corev1.Namespace, error) {
	limit := rules.LimitsOf(t.cluster, t.describe.Product)
	_, known := t.view.get(want)
	full := false
	t.note(func() {
		// Those that were kept when their runtime went are in no record, but here.
		if full = t.owned >= int(limit.Namespaces); !known && !full {
			t.owned++
		}
	})
	if known || full {
		ns, err := t.standing(ctx, want.Name)
		switch {
		case err != nil || ns != nil:
			return ns, err
		case full && !known:
			return nil, rules.NamespaceLimitReached(t.cluster.Name, limit)
		}
	}
	ns, err := t.claim(ctx, want)
	if err != nil && !known {
		t.note(func() { t.owned-- })
	}
	return ns, err
}

// claim creates the namespace. One that exists without our labels belongs to somebody else.
func (t *clusterTenancy) claim(ctx context.Context, want *corev1.Namespace) (*corev1.Namespace, error) {
	ns := want.DeepCopy()
	err := t.remote.Create(ctx, ns)
	if err == nil {
		t.view.forget(want.Name) // what was in one of that name before went with it
	}
	if !apierrors.IsAlreadyExists(err) {
		return ns, err
	}
	var there corev1.Namespace
	if err := t.remote.Get(ctx, client.ObjectKeyFromObject(want), &there); err != nil {
		return nil, fmt.Errorf("getting namespace %s: %w", want.Name, err)
	}
	if t.isOurs(&there) {
		return &there, nil
	}
	return nil, problem.New(problem.Conflict, api.ReasonNamespaceNotOurs,
		"namespace %q exists on the cluster and was not made for this product: choose another in spec.namespaces, or "+
			"ask the platform team to remove it", want.Name)
}

func (t *clusterTenancy) isOurs(ns *corev1.Namespace) bool { return holds(ns.Labels, t.labels()) }

// labels are those by which the namespaces of the product are known.
func (t *clusterTenancy) labels() map[string]string {
	return map[string]string{api.LabelProduct: t.describe.Product, api.LabelInstance: t.describe.Instance}
}

// keepLabels restores what the namespace should carry; what others added stays.
func (t *clusterTenancy) keepLabels(ctx context.Context, ns, want *corev1.Namespace) error {
	after := ns.DeepCopy()
	for k, v := range want.Labels {
		metav1.SetMetaDataLabel(&after.ObjectMeta, k, v)
	}
	if isKept(ns.Annotations) {
		delete(after.Annotations, api.AnnotationApplications) // somebody has it again, whoever that is
		if want.Annotations[api.AnnotationApplications] != "" {
			delete(after.Annotations, api.AnnotationRetain) // from now on the record says what becomes of it
		}
	}
	for k, v := range want.Annotations {
		metav1.SetMetaDataAnnotation(&after.ObjectMeta, k, v)
	}
	if _, err := apply.Patch(ctx, t.remote, ns, after); err != nil {
		return err
	}
	t.view.put(after)
	return nil
}

// isKept says whether the operator kept the namespace when its last runtime went: it noted then that no Application has
// it any more. A mark that somebody set while a runtime has the namespace is theirs.
func isKept(annotations map[string]string) bool {
	note, noted := annotations[api.AnnotationApplications]
	return noted && note == ""
}

// keep creates an object, or corrects it where it differs. What the view does not show is created at once: mostly the
// namespace is new. What it shows otherwise is read first.
func (t *clusterTenancy) keep(ctx context.Context, want client.Object) error {
	if t.view.isAsWanted(want) {
		return nil
	}
	if _, known := t.view.get(want); !known {
		if err := t.create(ctx, want); !apierrors.IsAlreadyExists(err) {
			return err
		}
	}
	there := want.DeepCopyObject().(client.Object)
	err := t.remote.Get(ctx, client.ObjectKeyFromObject(want), there)
	if apierrors.IsNotFound(err) {
		return t.create(ctx, want)
	}
	if err != nil {
		return fmt.Errorf("getting %s: %w", client.ObjectKeyFromObject(want), err)
	}
	return t.correct(ctx, there, want)
}

func (t *clusterTenancy) create(ctx context.Context, want client.Object) error {
	made := want.DeepCopyObject().(client.Object)
	if err := t.remote.Create(ctx, made); err != nil {
		return err
	}
	t.view.wrote(want, made)
	return nil
}

func (t *clusterTenancy) correct(ctx context.Context, there, want client.Object) error {
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
		return t.create(ctx, want)
	}
	copyContent(after, want)
	if _, err := apply.Patch(ctx, t.remote, there, after); err != nil {
		return err
	}
	t.view.wrote(want, after)
	return nil
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
	account := defaultAccount(n)
	if len(n.PullSecrets) == 0 || t.view.isAsWanted(desired.WithPullSecrets(account, n)) {
		return nil
	}
	err := t.remote.Get(ctx, client.ObjectKeyFromObject(account), account)
	if apierrors.IsNotFound(err) {
		ns, _ := t.view.get(desired.Namespace(n))
		t.lookAgain(ns.created)
		return phases.Waiting(api.ReasonWaitingForTenancy, "namespace %q has no default ServiceAccount yet", n.Name)
	}
	if err != nil {
		return fmt.Errorf("getting the default ServiceAccount of %s: %w", n.Name, err)
	}
	after := desired.WithPullSecrets(account, n)
	if _, err = apply.Patch(ctx, t.remote, account, after); err != nil {
		return err
	}
	t.view.put(after)
	return nil
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
