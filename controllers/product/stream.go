package product

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/argocd"
	"github.com/nautes-labs/deployment-runtime/controllers/githosts"
	"github.com/nautes-labs/deployment-runtime/internal/apply"
	"github.com/nautes-labs/deployment-runtime/internal/desired"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
)

// wipeOut is how Argo CD says that it refuses to prune everything that an Application has.
const wipeOut = "auto-sync will wipe out all resources"

// syncStream keeps default.project flowing into the product's namespace, and says whether it does.
func (r *Reconciler) syncStream(ctx context.Context, s *scope) error {
	live, err := r.liveStream(ctx, s.product)
	if err != nil {
		return err
	}
	if live != nil && !live.DeletionTimestamp.IsZero() {
		// Before its AppProject is looked after: Argo CD can act on it as soon as that is there.
		s.synced = unsynced(api.ReasonApplicationDeleted,
			"the Application of default.project was deleted by hand: it is written again once it is gone")
		_, err := apply.Patch(ctx, r.Client, live, desired.Disarmed(live))
		return client.IgnoreNotFound(err)
	}
	if why := pausedBecause(s.product, live); why != nil {
		s.synced = *why
		return r.pauseStream(ctx, live)
	}
	stream := desired.Stream{Product: s.product.Name, RepoURL: s.product.Spec.MetaDataPath, Hub: r.HubClusterName,
		Instance: r.Instance}
	if p, err := r.streamProject(ctx, stream); p != nil || err != nil {
		return s.unsynced(p, err)
	}
	if p, err := r.streamCredentials(ctx, stream); p != nil || err != nil {
		return s.unsynced(p, err)
	}
	app, p, err := r.streamApplication(ctx, stream)
	if p != nil || err != nil {
		return s.unsynced(p, err)
	}
	if app, err = r.askStream(ctx, s, app); err != nil {
		return err
	}
	s.synced, s.product.Status.Revision = streamCondition(app)
	return nil
}

// liveStream returns the Application of the product's default.project; nil when there is none, or somebody else's.
func (r *Reconciler) liveStream(ctx context.Context, product *api.Product) (*observed.Application, error) {
	var live observed.Application
	err := r.Client.Get(ctx, client.ObjectKey{Namespace: r.ArgoCDNamespace, Name: identity.Stream(product.Name)}, &live)
	if err != nil || live.Annotations[api.AnnotationOwner] != desired.Owner(product.Name, r.Instance) {
		return nil, client.IgnoreNotFound(err)
	}
	return &live, nil
}

// pausedBecause says why nothing may be synced from the product's default.project now, or returns nil.
func pausedBecause(product *api.Product, live *observed.Application) *metav1.Condition {
	var c metav1.Condition
	switch url := product.Spec.MetaDataPath; {
	case url == "":
		c = metav1.Condition{Type: api.ConditionSynced, Status: metav1.ConditionTrue, Reason: api.ReasonNotConfigured,
			Message: "spec.metaDataPath is empty: the product's resources are applied by other means"}
		if live != nil {
			c.Message += "; nothing more is synced from the default.project that it named before, and what was " +
				"applied from there stays"
		}
	case strings.ContainsAny(url, "*?[]{}!"):
		c = unsynced(api.ReasonInvalid, "spec.metaDataPath must not contain glob characters: nothing is synced until "+
			"it is corrected, and what was applied stays")
	case rules.Detached(product) != nil:
		why, next := rules.Detached(product), "give the group its path back, or delete the Product if it is to go"
		if why.Reason == api.ReasonGroupMoved {
			next = "the ProductProvider says why; give the group its path back, or set spec.name and " +
				"spec.metaDataPath to where it is now"
		}
		c = unsynced(why.Reason, why.Message+": nothing is synced from there; "+next)
	default:
		return nil
	}
	return &c
}

// pauseStream stops what Argo CD would sync, and what it would do when somebody deletes the Application. What was
// synced stays.
func (r *Reconciler) pauseStream(ctx context.Context, live *observed.Application) error {
	if live == nil {
		return nil
	}
	_, err := apply.Patch(ctx, r.Client, live, desired.Disarmed(desired.WithoutAutomation(live)))
	return err
}

func (s *scope) unsynced(p *problem.Problem, err error) error {
	if err != nil {
		return err
	}
	s.synced = unsynced(p.Reason, p.Message)
	return nil
}

func unsynced(reason, message string) metav1.Condition {
	return metav1.Condition{Type: api.ConditionSynced, Status: metav1.ConditionFalse, Reason: reason, Message: message}
}

func (r *Reconciler) streamProject(ctx context.Context, stream desired.Stream) (*problem.Problem, error) {
	want := desired.StreamProject(stream, r.ArgoCDNamespace)
	var live observed.AppProject
	err := r.Client.Get(ctx, client.ObjectKeyFromObject(want), &live)
	if apierrors.IsNotFound(err) {
		return nil, r.Client.Create(ctx, want)
	}
	if err != nil {
		return nil, fmt.Errorf("getting AppProject %s: %w", want.Name, err)
	}
	if p := argocd.ForeignProject(&live, stream.Product, r.Instance); p != nil {
		return p, nil
	}
	_, err = apply.Patch(ctx, r.Client, &live, desired.MergeProject(&live, want))
	return nil, err
}

// streamCredentials gives Argo CD the read credentials of default.project, for the stream's AppProject alone: those of
// the Secret "<product>-git" in the system namespace, where it exists and is labelled with the product.
func (r *Reconciler) streamCredentials(ctx context.Context, stream desired.Stream) (*problem.Problem, error) {
	var source corev1.Secret
	err := r.Client.Get(ctx, client.ObjectKey{Namespace: r.SystemNamespace, Name: identity.Credentials(stream.Product)},
		&source)
	if apierrors.IsNotFound(err) || err == nil && source.Labels[api.LabelProduct] != stream.Product {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the credentials of default.project: %w", err)
	}
	credentials, p := githosts.CredentialsFor(stream.RepoURL, &source)
	if p != nil {
		return p, nil
	}
	secrets := argocd.Secrets{Client: r.Client, Live: r.Live, Namespace: r.ArgoCDNamespace}
	secret := secrets.New(identity.Stream(stream.Product), argocd.SecretOfRepository,
		desired.Owner(stream.Product, r.Instance))
	secret.Labels[api.LabelProduct], secret.Labels[api.LabelInstance] = stream.Product, r.Instance
	secret.Data = credentials
	secret.Data["type"], secret.Data["url"] = []byte("git"), []byte(stream.RepoURL)
	secret.Data["project"] = []byte(identity.Stream(stream.Product))
	err = secrets.Write(ctx, secret)
	if p := problem.As(err); p != nil {
		return p, nil
	}
	return nil, err
}

func (r *Reconciler) streamApplication(ctx context.Context, stream desired.Stream) (*observed.Application,
	*problem.Problem, error) {
	want := desired.StreamApplication(stream, r.ArgoCDNamespace)
	var live observed.Application
	err := r.Client.Get(ctx, client.ObjectKeyFromObject(want), &live)
	if apierrors.IsNotFound(err) {
		return want, nil, r.Client.Create(ctx, want)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("getting Application %s: %w", want.Name, err)
	}
	if live.Annotations[api.AnnotationOwner] != desired.Owner(stream.Product, r.Instance) {
		return nil, argocd.Foreign("Application", want.Name), nil
	}
	merged := desired.Merge(&live, want)
	_, err = apply.Patch(ctx, r.Client, &live, merged)
	return merged, nil, err
}

// askStream asks Argo CD for what it does not do by itself: another sync when the last one failed for a reason that may
// have passed, and the one that prunes everything, where a person approved that.
func (r *Reconciler) askStream(ctx context.Context, s *scope,
	app *observed.Application) (*observed.Application, error) {
	facts := observed.FactsOf(app)
	request, after := argocd.Retry(app, r.Clock.Now(), r.Timing)
	if after > 0 {
		s.LookAgain(after)
	}
	approved := s.product.Annotations[api.AnnotationApproveEmpty]
	if isEmptied(facts) && approved != "" && approved == facts.Revision && !facts.Running {
		request = desired.WithSync(app, desired.AttemptsOf(app, facts.Revision), r.Clock.Now())
	}
	if request == nil {
		return app, nil
	}
	_, err := apply.Patch(ctx, r.Client, app, request)
	return request, err
}

func isEmptied(f observed.Facts) bool { return strings.Contains(f.Errors[observed.ErrorSync], wipeOut) }

// streamCondition tells the truth about the stream, and the revision that is applied.
func streamCondition(app *observed.Application) (metav1.Condition, string) {
	f := observed.FactsOf(app)
	switch {
	case argocd.RefusedEarly(app):
		return unsynced(api.ReasonSyncing, argocd.EarlyRefusal), f.Deployed
	case f.Refusal() != "":
		return unsynced(api.ReasonSpecRefused, "Argo CD refuses the Application of default.project: "+f.Refusal()),
			f.Deployed
	case f.Errors[observed.ErrorComparison] != "":
		return unsynced(api.ReasonManifestError, "default.project cannot be read, nothing of it is applied until "+
			"this is fixed: "+f.Errors[observed.ErrorComparison]), f.Deployed
	case f.SourceType != "" && f.SourceType != "Directory":
		return unsynced(api.ReasonManifestError,
			fmt.Sprintf("Argo CD reads default.project as %s instead of file by file, "+
				"because a file .argocd-source*.yaml in its root says so: delete that file", f.SourceType)), f.Deployed
	case isEmptied(f):
		return unsynced(api.ReasonLastResource,
			fmt.Sprintf("default.project is empty at revision %s and nothing was removed: "+
				"revert the commit, or approve it with the annotation %s=%s on the Product", f.Revision,
				api.AnnotationApproveEmpty, f.Revision)), f.Deployed
	case f.Running || !f.Compared:
		return unsynced(api.ReasonSyncing, "Argo CD is comparing or syncing default.project"), f.Deployed
	case f.Sync == "Synced":
		return metav1.Condition{Type: api.ConditionSynced, Status: metav1.ConditionTrue, Reason: api.ReasonSynced,
			Message: "revision " + f.Revision + " of default.project is applied"}, f.Revision
	case f.Failed:
		return unsynced(api.ReasonSyncFailed, fmt.Sprintf("revision %s of default.project could not be applied as a "+
			"whole and is tried again: %s", f.Revision, f.Failure)), f.Deployed
	case f.Sync == "Unknown":
		return unsynced(api.ReasonSyncUnknown, "Argo CD cannot compare: the repository does not answer"), f.Deployed
	}
	return unsynced(api.ReasonOutOfSync, "what is applied differs from revision "+f.Revision+" of default.project"),
		f.Deployed
}
