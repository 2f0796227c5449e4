package controllers

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/apply"
	"github.com/nautes-labs/deployment-runtime/internal/catalog"
	"github.com/nautes-labs/deployment-runtime/internal/desired"
	"github.com/nautes-labs/deployment-runtime/internal/kinds"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// holdOn keeps the Product until nothing needs it any more.
func (r *ProductReconciler) holdOn(ctx context.Context, s *productScope) error {
	before := s.product.DeepCopy()
	if !s.product.DeletionTimestamp.IsZero() || !controllerutil.AddFinalizer(s.product, api.Finalizer) {
		return nil
	}
	_, err := apply.Patch(ctx, r.Client, before, s.product)
	return err
}

// readRecords reads what is recorded of the product, from the annotations of the Applications: labels can be lost.
func (r *ProductReconciler) readRecords(ctx context.Context, s *productScope) error {
	var apps observed.ApplicationList
	if err := r.Client.List(ctx, &apps, client.InNamespace(r.ArgoCDNamespace), client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("listing the Applications: %w", err)
	}
	s.records, s.damaged = recordsIn(apps.Items, s.product.Name)
	return nil
}

// recordsIn returns the records of a product, and what is wrong with those that cannot be read and may be its own: also one that lost its labels.
func recordsIn(apps []observed.Application, product string) (records []*appRecord, damaged []*problem.Problem) {
	hint := fmt.Sprintf(`"product":%q`, product)
	for i := range apps {
		app := &apps[i]
		concerns := app.Labels[api.LabelProduct] == product || app.Spec.Project == desired.AppProjectName(product) ||
			strings.HasPrefix(app.Name, product+"-") || strings.Contains(app.Annotations[api.AnnotationPlacement], hint)
		if !concerns {
			continue
		}
		rec, p := readRecord(app)
		switch {
		case p == nil && rec.placement.Product == product:
			records = append(records, rec)
		case p != nil && p.Reason == api.ReasonRecordMismatch:
			damaged = append(damaged, p)
		}
	}
	return records, damaged
}

// prepareNamespace makes the namespace of the product in the management cluster.
func (r *ProductReconciler) prepareNamespace(ctx context.Context, s *productScope) error {
	var ns corev1.Namespace
	err := r.Client.Get(ctx, client.ObjectKey{Name: s.product.Name}, &ns)
	if apierrors.IsNotFound(err) {
		return r.createNamespace(ctx, s)
	}
	if err != nil {
		return fmt.Errorf("getting namespace %s: %w", s.product.Name, err)
	}
	if ns.Labels[api.LabelProduct] != s.product.Name {
		return problem.New(problem.Conflict, api.ReasonNamespaceNotOurs,
			"namespace %s exists and was not made for this product: remove it, or hand it over with the label %s=%s", ns.Name, api.LabelProduct, s.product.Name)
	}
	if !ns.DeletionTimestamp.IsZero() && s.product.DeletionTimestamp.IsZero() {
		return waiting(api.ReasonWaitingForTenancy, "namespace %s is being deleted; it is made again once it is gone", ns.Name)
	}
	return nil
}

func (r *ProductReconciler) createNamespace(ctx context.Context, s *productScope) error {
	if !s.product.DeletionTimestamp.IsZero() {
		return nil
	}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.product.Name, Labels: map[string]string{
		api.LabelProduct: s.product.Name, api.LabelInstance: r.Instance,
	}}}
	if err := r.Client.Create(ctx, ns); err != nil {
		return fmt.Errorf("creating namespace %s: %w", ns.Name, err)
	}
	return nil
}

// deleteUnused lets a Product go of which nothing stands any more, and removes what was made for it. While anything stands it is
// reconciled like any other.
func (r *ProductReconciler) deleteUnused(ctx context.Context, s *productScope) error {
	if s.product.DeletionTimestamp.IsZero() {
		return nil
	}
	if !controllerutil.ContainsFinalizer(s.product, api.Finalizer) {
		return errDone
	}
	standing, err := r.standing(ctx, s.product.Name)
	if err != nil || len(standing) > 0 {
		s.standing = standing
		s.again(problemRecheck)
		return err
	}
	if err := r.deleteOwn(ctx, s.product); err != nil {
		return err
	}
	before := s.product.DeepCopy()
	controllerutil.RemoveFinalizer(s.product, api.Finalizer)
	if _, err := apply.Patch(ctx, r.Client, before, s.product); client.IgnoreNotFound(err) != nil {
		return err
	}
	return errDone
}

// standing says, by the API server itself, what stands of a product, such as "2 DeploymentRuntimes".
func (r *ProductReconciler) standing(ctx context.Context, product string) ([]string, error) {
	var out []string
	for _, k := range kinds.OfScope(kinds.Product) {
		list := &metav1.PartialObjectMetadataList{}
		list.SetGroupVersionKind(api.GroupVersion.WithKind(k.Name + "List"))
		if err := r.Live.List(ctx, list, client.InNamespace(product), client.Limit(100)); err != nil {
			return nil, fmt.Errorf("listing %s: %w", k.Plural, err)
		}
		if n := len(list.Items); n > 0 {
			out = append(out, fmt.Sprintf("%d %s", n, k.Name))
		}
	}
	var apps observed.ApplicationList
	if err := r.Live.List(ctx, &apps, client.InNamespace(r.ArgoCDNamespace)); err != nil {
		return nil, fmt.Errorf("listing the Applications: %w", err)
	}
	n := 0
	for i := range apps.Items {
		app := &apps.Items[i]
		if app.Spec.Project == desired.AppProjectName(product) {
			n++
		}
	}
	if n > 0 {
		out = append(out, fmt.Sprintf("%d Applications", n))
	}
	return out, nil
}

// deleteOwn removes the stream, the AppProjects and the namespace, in this order: an AppProject must not go before its Applications.
func (r *ProductReconciler) deleteOwn(ctx context.Context, p *api.Product) error {
	stream := client.ObjectKey{Namespace: r.ArgoCDNamespace, Name: desired.StreamName(p.Name)}
	for _, own := range []struct {
		key client.ObjectKey
		obj client.Object
	}{
		{stream, &observed.Application{}},
		{stream, &observed.AppProject{}},
		{client.ObjectKey{Namespace: r.ArgoCDNamespace, Name: desired.AppProjectName(p.Name)}, &observed.AppProject{}},
	} {
		absent, err := catalog.IsAbsent(ctx, r.Live, own.key, own.obj)
		if err != nil {
			return err
		}
		if absent || own.obj.GetAnnotations()[api.AnnotationOwner] != desired.Owner(p.Name, r.Instance) {
			continue
		}
		if err := apply.Delete(ctx, r.Client, own.obj); client.IgnoreNotFound(err) != nil {
			return err
		}
	}
	secrets := argoSecrets{client: r.Client, live: r.Live, namespace: r.ArgoCDNamespace}
	if err := secrets.remove(ctx, desired.StreamName(p.Name), desired.Owner(p.Name, r.Instance)); err != nil {
		return err
	}
	var ns corev1.Namespace
	absent, err := catalog.IsAbsent(ctx, r.Live, client.ObjectKey{Name: p.Name}, &ns)
	if err != nil || absent || ns.Labels[api.LabelProduct] != p.Name || ns.Labels[api.LabelInstance] != r.Instance || !ns.DeletionTimestamp.IsZero() {
		return err
	}
	return client.IgnoreNotFound(apply.Delete(ctx, r.Client, &ns))
}
