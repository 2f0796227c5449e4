package product

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/argocd"
	"github.com/nautes-labs/deployment-runtime/controllers/phases"
	"github.com/nautes-labs/deployment-runtime/controllers/record"
	"github.com/nautes-labs/deployment-runtime/internal/apply"
	"github.com/nautes-labs/deployment-runtime/internal/catalog"
	"github.com/nautes-labs/deployment-runtime/internal/desired"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/kinds"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/resolve"
)

// holdOn keeps the Product until nothing needs it any more.
func (r *Reconciler) holdOn(ctx context.Context, s *scope) error {
	before := s.product.DeepCopy()
	if !s.product.DeletionTimestamp.IsZero() || !controllerutil.AddFinalizer(s.product, api.Finalizer) {
		return nil
	}
	_, err := apply.Patch(ctx, r.Client, before, s.product)
	return err
}

// readRecords reads what is recorded of the product, from the annotations of the Applications: labels can be lost.
func (r *Reconciler) readRecords(ctx context.Context, s *scope) error {
	var apps observed.ApplicationList
	if err := r.Client.List(ctx, &apps, client.InNamespace(r.ArgoCDNamespace),
		client.MatchingFields{record.FieldProduct: s.product.Name}, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("listing the Applications: %w", err)
	}
	s.apps = apps.Items
	s.records, s.damaged = recordsIn(apps.Items, s.product.Name)
	return nil
}

// recordsIn returns the records of a product, and what is wrong with those that cannot be read and may be its own: also
// one that lost its labels.
func recordsIn(apps []observed.Application, product string) (records []*record.Record, damaged []*problem.Problem) {
	hint := fmt.Sprintf(`"product":%q`, product)
	for i := range apps {
		app := &apps[i]
		concerns := app.Labels[api.LabelProduct] == product || app.Spec.Project == identity.AppProject(product) ||
			strings.HasPrefix(app.Name, product+"-") || strings.Contains(app.Annotations[api.AnnotationPlacement], hint)
		if !concerns {
			continue
		}
		rec, p := record.Read(app)
		switch {
		case p == nil && rec.Placement.Product == product:
			records = append(records, rec)
		case p != nil && p.Reason == api.ReasonRecordMismatch:
			damaged = append(damaged, p)
		}
	}
	return records, damaged
}

// prepareNamespace makes the namespace of the product in the management cluster.
func (r *Reconciler) prepareNamespace(ctx context.Context, s *scope) error {
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
			"namespace %s exists and was not made for this product: remove it, or hand it over with the label %s=%s",
			ns.Name, api.LabelProduct, s.product.Name)
	}
	if !ns.DeletionTimestamp.IsZero() && s.product.DeletionTimestamp.IsZero() {
		return phases.Waiting(api.ReasonWaitingForTenancy,
			"namespace %s is being deleted; it is made again once it is gone", ns.Name)
	}
	return nil
}

func (r *Reconciler) createNamespace(ctx context.Context, s *scope) error {
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

// deleteUnused lets a Product go of which nothing stands any more, and removes what was made for it. While anything
// stands it is reconciled like any other.
func (r *Reconciler) deleteUnused(ctx context.Context, s *scope) error {
	if s.product.DeletionTimestamp.IsZero() {
		return nil
	}
	if !controllerutil.ContainsFinalizer(s.product, api.Finalizer) {
		return phases.ErrDone
	}
	standing, err := r.standing(ctx, r.Client, s.product.Name)
	if err == nil && len(standing) == 0 { // only the API server itself says that nothing stands
		standing, err = r.standing(ctx, r.Live, s.product.Name)
	}
	if err != nil || len(standing) > 0 {
		s.standing = standing
		s.LookAgain(problemRecheck)
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
	return phases.ErrDone
}

// standing says what stands of a product, such as "2 DeploymentRuntimes".
func (r *Reconciler) standing(ctx context.Context, from client.Reader, product string) ([]string, error) {
	var out []string
	for _, k := range kinds.OfScope(kinds.Product) {
		list := k.NewList()
		if err := from.List(ctx, list, client.InNamespace(product), client.Limit(100),
			client.UnsafeDisableDeepCopy); err != nil {
			return nil, fmt.Errorf("listing %s: %w", k.Plural, err)
		}
		if n := meta.LenList(list); n > 0 {
			out = append(out, fmt.Sprintf("%d %s", n, k.Name))
		}
	}
	apps, err := r.applicationsOf(ctx, from, identity.AppProject(product))
	if err != nil {
		return nil, err
	}
	if n := len(apps); n > 0 {
		out = append(out, fmt.Sprintf("%d Applications", n))
	}
	return out, nil
}

// applicationsOf returns the names of all Applications of an AppProject, whoever made them.
func (r *Reconciler) applicationsOf(ctx context.Context, from client.Reader, project string) ([]string, error) {
	var apps observed.ApplicationList
	if err := from.List(ctx, &apps, client.InNamespace(r.ArgoCDNamespace), client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing the Applications: %w", err)
	}
	var names []string
	for i := range apps.Items {
		if app := &apps.Items[i]; app.Spec.Project == project {
			names = append(names, app.Name)
		}
	}
	return names, nil
}

// deleteOwn removes the stream, the AppProjects and the namespace, in this order. Each waits until the one before is
// gone: Argo CD does nothing to an Application without its AppProject, not even let it go.
func (r *Reconciler) deleteOwn(ctx context.Context, p *api.Product) error {
	if err := r.deleteStream(ctx, p); err != nil {
		return err
	}
	for _, name := range []string{identity.Stream(p.Name), identity.AppProject(p.Name)} {
		if err := r.deleteProject(ctx, p, name); err != nil {
			return err
		}
	}
	secrets := argocd.Secrets{Client: r.Client, Live: r.Live, Namespace: r.ArgoCDNamespace}
	if err := secrets.Remove(ctx, identity.Stream(p.Name), desired.Owner(p.Name, r.Instance)); err != nil {
		return err
	}
	var ns corev1.Namespace
	absent, err := catalog.IsAbsent(ctx, r.Live, client.ObjectKey{Name: p.Name}, &ns)
	if err != nil || absent || ns.Labels[api.LabelProduct] != p.Name || ns.Labels[api.LabelInstance] != r.Instance ||
		!ns.DeletionTimestamp.IsZero() {
		return err
	}
	return client.IgnoreNotFound(apply.Delete(ctx, r.Client, &ns))
}

// deleteStream disarms the Application of default.project, deletes it as it is then, and waits until it is gone. What
// it synced is not touched.
func (r *Reconciler) deleteStream(ctx context.Context, p *api.Product) error {
	key := client.ObjectKey{Namespace: r.ArgoCDNamespace, Name: identity.Stream(p.Name)}
	var live observed.Application
	absent, err := catalog.IsAbsent(ctx, r.Live, key, &live)
	if err != nil || absent || live.Annotations[api.AnnotationOwner] != desired.Owner(p.Name, r.Instance) {
		return err
	}
	disarmed := desired.Disarmed(&live)
	if _, err := apply.Patch(ctx, r.Client, &live, disarmed); client.IgnoreNotFound(err) != nil {
		return err
	}
	if disarmed.DeletionTimestamp.IsZero() {
		if err := apply.Delete(ctx, r.Client, disarmed); client.IgnoreNotFound(err) != nil {
			return err
		}
	}
	if absent, err = catalog.IsAbsent(ctx, r.Live, key, &live); err != nil || absent {
		return err
	}
	return phases.Waiting(api.ReasonInUse,
		"the Product is being deleted and waits until the Application %s is gone: its finalizers are %s",
		key.Name, strings.Join(live.Finalizers, ", ")).RetryAfter(problemRecheck)
}

// deleteProject deletes an AppProject of the product once no Application needs it.
func (r *Reconciler) deleteProject(ctx context.Context, p *api.Product, name string) error {
	var live observed.AppProject
	absent, err := catalog.IsAbsent(ctx, r.Live, client.ObjectKey{Namespace: r.ArgoCDNamespace, Name: name}, &live)
	if err != nil || absent || argocd.ForeignProject(&live, p.Name, r.Instance) != nil {
		return err
	}
	users, err := r.applicationsOf(ctx, r.Live, name)
	if err != nil {
		return err
	}
	if len(users) > 0 {
		return phases.Waiting(api.ReasonInUse,
			"the Product is being deleted and waits until no Application needs the AppProject %s: %s",
			name, strings.Join(users[:min(len(users), 3)], ", ")).RetryAfter(problemRecheck)
	}
	return client.IgnoreNotFound(apply.Delete(ctx, r.Client, &live))
}

// findGroup notes whether the git host does not show the group of the product. Only the ProductProvider that looks after
// the product says so, and only it takes that back: where it is gone, what it said last counts no more.
func (r *Reconciler) findGroup(ctx context.Context, s *scope) error {
	label := s.product.Labels[api.LabelProvider]
	if s.product.Annotations[api.AnnotationGroupGone] == "" || label == "" {
		return nil
	}
	provider, err := resolve.Get[api.ProductProvider](ctx, r.Lookup, "", label)
	s.groupGone = provider != nil
	return err
}

// lostAt says whether the git host of a ProductProvider does not show the group of the product.
func lostAt(p *api.Product, provider client.Object) bool {
	return p.Annotations[api.AnnotationGroupGone] != "" && p.Labels[api.LabelProvider] == provider.GetName()
}

// +kubebuilder:rbac:groups="",resources=resourcequotas,verbs=get;list;watch;create;patch

// limitObjects keeps a quota on the objects of the product. What is there above it stays; nothing more is accepted. It
// is the last phase: a quota that cannot be written holds nothing else up.
func (r *Reconciler) limitObjects(ctx context.Context, s *scope) error {
	if len(r.MaxObjects) == 0 || !s.product.DeletionTimestamp.IsZero() {
		return nil
	}
	want := desired.ProductQuota(s.product.Name, r.Instance, r.MaxObjects)
	var have corev1.ResourceQuota
	err := r.Client.Get(ctx, client.ObjectKeyFromObject(want), &have)
	if apierrors.IsNotFound(err) {
		if err = r.Client.Create(ctx, want); !apierrors.IsAlreadyExists(err) {
			return phases.Refused(err)
		}
		// Without its label the cache does not hold it.
		err = r.Live.Get(ctx, client.ObjectKeyFromObject(want), &have)
	}
	if err != nil {
		return fmt.Errorf("getting the quota of %s: %w", s.product.Name, err)
	}
	if equality.Semantic.DeepEqual(have.Spec, want.Spec) && equality.Semantic.DeepEqual(have.Labels, want.Labels) {
		return nil
	}
	after := have.DeepCopy()
	after.Spec, after.Labels = want.Spec, want.Labels
	_, err = apply.Patch(ctx, r.Client, &have, after)
	return phases.Refused(err)
}
