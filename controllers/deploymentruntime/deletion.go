package deploymentruntime

import (
	"context"
	"fmt"

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
	"github.com/nautes-labs/deployment-runtime/internal/observed"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
	"github.com/nautes-labs/deployment-runtime/internal/resolve"
)

// runtimeCRD is the CustomResourceDefinition whose deletion must not be mistaken for the deletion of every runtime.
const runtimeCRD = "deploymentruntimes." + api.Group

// requestTeardown turns a deletion of the runtime into an intent that stands in its Application, and lets the runtime
// go. That is all that the runtime is held for: nothing may hold up the sync of default.project. The removal itself
// works from the record.
func (r *Reconciler) requestTeardown(ctx context.Context, s *scope) error {
	if s.runtime.DeletionTimestamp.IsZero() {
		return nil
	}
	if !controllerutil.ContainsFinalizer(s.runtime, api.Finalizer) {
		return phases.ErrDone
	}
	var app observed.Application
	absent, err := r.applicationAbsent(ctx, r.Live, s.runtime, &app)
	if err != nil {
		return err
	}
	if absent {
		err = r.recordLost(ctx, s)
	} else {
		err = r.writeIntent(ctx, s, &app)
	}
	if err != nil {
		return err
	}
	before := s.runtime.DeepCopy()
	controllerutil.RemoveFinalizer(s.runtime, api.Finalizer)
	if _, err := apply.Patch(ctx, r.Client, before, s.runtime); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("letting the runtime go: %w", err)
	}
	return phases.ErrDone
}

// writeIntent asks for the teardown of what this life of the runtime deployed. What is not its own is left alone.
func (r *Reconciler) writeIntent(ctx context.Context, s *scope, app *observed.Application) error {
	rec, p := record.Read(app)
	if p != nil || rec.Placement.Runtime.UID != string(s.runtime.UID) || rec.Teardown != nil {
		return nil //nolint:nilerr // what is damaged or somebody else's is not touched; the product says so
	}
	if !app.DeletionTimestamp.IsZero() {
		// Deleted by hand a moment ago, without the cascade: it has to go and come back before it can cascade.
		return phases.Waiting(api.ReasonApplicationDeleted,
			"the Application was deleted by hand").RetryAfter(argocd.TerminationPoll)
	}
	placed := rec.Placement
	placed.Switches = placement.SwitchesOf(s.runtime)
	intent, err := r.intent(ctx, s.runtime)
	if err != nil {
		return err
	}
	after := desired.WithRecord(app, placed.Encode())
	metav1.SetMetaDataAnnotation(&after.ObjectMeta, api.AnnotationTeardown, intent.Encode())
	if intent.Hold != placement.HoldNone {
		after = desired.WithoutAutomation(after)
	}
	_, err = apply.Patch(ctx, r.Client, app, after)
	return err
}

// recordLost handles a runtime that was deployed, as its status says, but whose Application is gone: it is written
// again, with the intent, so that Argo CD finds what it deployed and removes it.
func (r *Reconciler) recordLost(ctx context.Context, s *scope) error {
	was := s.runtime.Status.Placement
	if was == nil {
		return nil // nothing was ever recorded
	}
	cluster, err := resolve.Get[api.Cluster](ctx, r.Lookup, "", was.Cluster)
	if err != nil {
		return err
	}
	owner, codeRepo := s.runtime.CodeRepoRef()
	if codeRepo == s.runtime.Spec.ManifestSource.CodeRepo {
		owner = "" // mostly the product itself, but the name may be older than the product in it
	}
	p := placement.Placement{
		Runtime: placement.RuntimeRef{Namespace: s.runtime.Namespace, Name: s.runtime.Name,
			UID: string(s.runtime.UID)},
		Product:     s.runtime.Namespace,
		Destination: placement.Destination{Environment: was.Environment, Cluster: was.Cluster},
		Namespaces:  was.Namespaces,
		CodeRepo:    codeRepo,
		RepoProduct: owner,
		RepoURL:     was.RepoURL,
		Revision:    s.runtime.Spec.ManifestSource.TargetRevision,
		Path:        s.runtime.Spec.ManifestSource.Path,
		Server:      was.Server,
		Switches:    placement.SwitchesOf(s.runtime),
		Instance:    r.Instance,
	}
	if cluster != nil {
		p.ClusterUID = cluster.Status.UID
	}
	intent, err := r.intent(ctx, s.runtime)
	if err != nil {
		return err
	}
	app := desired.Application(p, r.ArgoCDNamespace, false)
	app.Name = r.applicationKey(s.runtime).Name
	app.Annotations[api.AnnotationTeardown] = intent.Encode()
	if err := r.Client.Create(ctx, app); err != nil {
		return fmt.Errorf("writing the lost Application again: %w", err)
	}
	return nil
}

// intent returns what to ask for. A deletion that came with a greater one, which may well be a mistake, is held at
// once.
func (r *Reconciler) intent(ctx context.Context, runtime *api.DeploymentRuntime) (placement.Teardown, error) {
	t := placement.Teardown{
		RuntimeUID:  string(runtime.UID),
		Policy:      placement.SwitchesOf(runtime).DeletionPolicy,
		RequestedAt: r.Clock.Now().UTC(),
	}
	kind, err := catalog.KindStands(ctx, r.Live, runtimeCRD)
	if err != nil {
		return t, err
	}
	namespace, err := catalog.NamespaceStands(ctx, r.Live, runtime.Namespace)
	if err != nil {
		return t, err
	}
	product, err := resolve.Get[api.Product](ctx, r.Lookup, "", runtime.Namespace)
	if err != nil {
		return t, err
	}
	switch {
	case !kind:
		t.Hold = placement.HoldKindDeleted
	case !namespace:
		t.Hold = placement.HoldNamespaceDeleted
	case product == nil || !product.DeletionTimestamp.IsZero():
		t.Hold = placement.HoldProductDeleted
	case placement.SwitchesOf(runtime).Protect:
		t.Hold = placement.HoldProtected
	}
	return t, nil
}
