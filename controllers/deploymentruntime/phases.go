package deploymentruntime

import (
	"context"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
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
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/resolve"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
)

// rivalRetry is how soon to look again at a runtime that only the claim of another one stands in the way of, and at one
// that is newly refused.
const rivalRetry = 5 * time.Second

// readRecord finds out what stands under the runtime's name.
func (r *Reconciler) readRecord(ctx context.Context, s *scope) error {
	var app observed.Application
	absent, err := r.applicationAbsent(ctx, r.Client, s.runtime, &app)
	if err != nil || absent {
		return err
	}
	rec, p := record.Of(&app, s.runtime)
	if p != nil && s.runtime.DeletionTimestamp.IsZero() {
		return p
	}
	if rec != nil {
		r.claims.Seen(rec.Placement.Runtime)
	}
	s.record = rec
	return nil
}

// resolve finds what the runtime refers to. That something is missing is not the end yet: what is deployed is looked at
// first.
func (r *Reconciler) resolve(ctx context.Context, s *scope) (err error) {
	s.resolution, err = resolve.DeploymentRuntime(ctx, r.Lookup, s.runtime, r.Instance)
	return err
}

// meetRecord acts on what stands under the runtime's name from an earlier life.
func (r *Reconciler) meetRecord(ctx context.Context, s *scope) error {
	if s.record == nil {
		return nil
	}
	switch placement.Meet(string(s.runtime.UID), s.resolution.Placement.Destination, s.record.Situation()) {
	case placement.Adopt:
		if _, err := r.holdOn(ctx, s); err != nil {
			return err
		}
		return r.adopt(ctx, s)
	case placement.AwaitTeardown:
		return phases.Waiting(api.ReasonWaitingForTeardown,
			"an earlier runtime of this name is still deployed to %q: this one is deployed once that is removed; if "+
				"it is not being removed, set spec.destination back to %q first",
			s.record.Placement.Destination.Environment, s.record.Placement.Destination.Environment)
	case placement.TeardownRuns:
		return phases.Waiting(api.ReasonTeardownInProgress,
			"an earlier runtime of this name is being removed from %q: this one is deployed once it is gone",
			s.record.Placement.Destination.Environment)
	case placement.DeletedByHand:
		return phases.Waiting(api.ReasonApplicationDeleted,
			"the Application was deleted by hand: the workloads stay, and it is written again as soon as it is gone")
	case placement.Record, placement.Keep, placement.DestinationChanged, placement.ClusterChanged:
	}
	_, err := r.holdOn(ctx, s)
	return err
}

// holdOn puts our finalizer on a runtime that is recorded or about to be, also where somebody took it off: without it
// the runtime's deletion would go unseen. It says whether it did.
func (r *Reconciler) holdOn(ctx context.Context, s *scope) (bool, error) {
	if controllerutil.ContainsFinalizer(s.runtime, api.Finalizer) {
		return false, nil
	}
	before := s.runtime.DeepCopy()
	controllerutil.AddFinalizer(s.runtime, api.Finalizer)
	if _, err := apply.Patch(ctx, r.Client, before, s.runtime); err != nil {
		return false, fmt.Errorf("holding on to the runtime: %w", err)
	}
	return true, nil
}

// stayWhereItWas refuses another destination also while the Application is gone, as when it was deleted by hand.
func (r *Reconciler) stayWhereItWas(_ context.Context, s *scope) error {
	if s.record != nil {
		return nil
	}
	was, want := s.runtime.Status.Placement, s.resolution.Placement.Destination
	if was == nil || was.Environment == want.Environment && (want.Cluster == "" || was.Cluster == want.Cluster) {
		return nil
	}
	return problem.New(problem.Invalid, api.ReasonDestinationImmutable,
		"the runtime is deployed to %q on cluster %q and stays there: set the destination back, or delete the "+
			"runtime, wait until it is gone, and create it anew",
		was.Environment, was.Cluster)
}

// adopt takes over the record of an earlier life: its teardown is cancelled, and nothing is restarted.
func (r *Reconciler) adopt(ctx context.Context, s *scope) error {
	p := s.record.Placement
	p.Runtime.UID = string(s.runtime.UID)
	app := desired.WithRecord(s.record.App, p.Encode())
	delete(app.Annotations, api.AnnotationTeardown)
	delete(app.Annotations, api.AnnotationApproveTeardown)
	return r.write(ctx, s, app)
}

// followSwitches copies deletionPolicy, suspend and protection into the record, also when the rules refuse the runtime:
// a person must be able to say "keep the workloads" at any time.
func (r *Reconciler) followSwitches(ctx context.Context, s *scope) error {
	wanted := placement.SwitchesOf(s.runtime)
	if s.record == nil {
		return nil
	}
	p := s.record.Placement
	p.Switches = wanted
	// No removal goes unjudged, also where the rules refuse the runtime: an earlier version left removals to Argo CD.
	app := desired.WithoutRemovals(s.record.App)
	if s.record.Placement.Switches != wanted {
		app = desired.WithRecord(app, p.Encode())
	}
	if wanted.Suspend {
		app = desired.WithoutAutomation(app)
	}
	return r.write(ctx, s, app)
}

// judge applies the rules. A runtime that is refused keeps running as it is; one that lost a permission gets nothing
// new.
func (r *Reconciler) judge(ctx context.Context, s *scope) error { return r.judgeBy(ctx, r.Lookup, s) }

func (r *Reconciler) judgeBy(ctx context.Context, lookup rules.Lookup, s *scope) (err error) {
	if s.violations, err = rules.DeploymentRuntime(ctx, lookup, s.runtime, s.resolution,
		r.SystemNamespaces); err != nil {
		return err
	}
	if s.illegal, err = rules.IllegalProjects(ctx, lookup, s.runtime, s.resolution.CodeRepo); err != nil {
		return err
	}
	s.lookOutside()
	if err := r.halt(ctx, s); err != nil {
		return err
	}
	s.judged = true
	if len(s.violations) > 0 {
		return s.violations[0]
	}
	return nil
}

// findAll ends the pass of a runtime that refers to something that is missing.
func (r *Reconciler) findAll(_ context.Context, s *scope) error {
	if s.resolution.Missing != nil {
		return s.resolution.Missing
	}
	return nil
}

// writeRecord makes the record before anything else exists: the Application, without automated sync.
func (r *Reconciler) writeRecord(ctx context.Context, s *scope) error {
	if s.record != nil {
		return nil
	}
	held, err := r.holdOn(ctx, s)
	if err != nil {
		return err
	}
	p := s.resolution.Placement.Follow(placement.Placement{}, placement.Sight{}) // nobody has looked yet
	if was := s.runtime.Status.Placement; was != nil && was.Cluster == p.Destination.Cluster {
		p = p.Widen(was.Namespaces) // the Application was deleted by hand: what it gave up is not forgotten
	}
	drop, err := r.claims.Take(r.Clock.Now(), r.Lookup, p,
		func(withClaims rules.Lookup) error { return r.judgeAgain(ctx, withClaims, s) })
	if err != nil {
		return err
	}
	if !held { // else the finalizer that was written a moment ago proves it
		if err := r.stillThere(ctx, s.runtime); err != nil {
			drop()
			return err
		}
	}
	app := desired.Application(p, r.ArgoCDNamespace, false)
	app.Name = r.applicationKey(s.runtime).Name
	if err := r.Client.Create(ctx, app); err != nil {
		why := r.creating(ctx, s, err)
		if problem.As(why) != nil { // after any other error the record may be there all the same
			drop()
		}
		return why
	}
	rec, foreign := record.Read(app)
	if foreign != nil {
		return foreign
	}
	s.record = rec
	return nil
}

// judgeAgain applies the rules beside the claims of others. A runtime that only a claim stands in the way of is looked
// at again: the claim may come to nothing.
func (r *Reconciler) judgeAgain(ctx context.Context, withClaims rules.Lookup, s *scope) error {
	err := phases.Run(ctx, s,
		phases.About(api.ConditionAccepted,
			func(ctx context.Context, s *scope) error { return r.judgeBy(ctx, withClaims, s) }),
		phases.About(api.ConditionResolved, r.findAll))
	if p := problem.As(err); p != nil {
		p.After = rivalRetry
	}
	return err
}

// stillThere keeps a runtime from being recorded that was deleted after the cache last saw it.
func (r *Reconciler) stillThere(ctx context.Context, runtime *api.DeploymentRuntime) error {
	var live api.DeploymentRuntime
	absent, err := catalog.IsAbsent(ctx, r.Live, client.ObjectKeyFromObject(runtime), &live)
	if err != nil {
		return err
	}
	if absent || live.UID != runtime.UID || !live.DeletionTimestamp.IsZero() {
		return phases.Waiting(api.ReasonDeleting, "the runtime is being deleted").RetryAfter(phases.ConflictRetry)
	}
	return nil
}

// creating explains why a Create failed: what exists under the name is read from the API server itself.
func (r *Reconciler) creating(ctx context.Context, s *scope, err error) error {
	if !apierrors.IsAlreadyExists(err) {
		return phases.Refused(err)
	}
	var live observed.Application
	if err := r.Live.Get(ctx, r.applicationKey(s.runtime), &live); err != nil {
		return fmt.Errorf("getting the Application that exists: %w", err)
	}
	if _, p := record.Of(&live, s.runtime); p != nil {
		return p
	}
	return err // ours: the cache has not seen it yet
}

// deploy brings the Application to what is wanted once its AppProject permits that. Until then only the record is
// widened.
func (r *Reconciler) deploy(ctx context.Context, s *scope) error {
	p := s.resolution.Placement.Follow(s.record.Placement, observed.FactsOf(s.record.App).Sight)
	p = p.Widen(s.record.Placement.Namespaces)
	p.Leaving, p.Departures = s.record.Placement.Leaving, s.record.Placement.Departures
	p = p.Staying()
	if s.outside != nil {
		p.Halted = s.outside.Reason
	}
	want := desired.Merge(s.record.App, desired.Application(p, r.ArgoCDNamespace, !p.Suspend && s.outside == nil))
	endApprovals(want, p, s.resolution.Placement.Namespaces)
	if observed.SameSpec(s.record.App.Spec, want.Spec) {
		return r.write(ctx, s, want) // at most the record, labels or a finalizer
	}
	// Only what is wanted counts: a namespace that is given up before it could be prepared never will be.
	permitted, err := r.permitted(ctx, s.record.App.Name, s.resolution.Placement)
	if err != nil {
		return err
	}
	if !permitted {
		if err := r.onlyRecord(ctx, s, p); err != nil {
			return err
		}
		return r.explainTenancy(s)
	}
	if s.waitsForALoan() {
		if err := r.onlyRecord(ctx, s, p); err != nil {
			return err
		}
		return phases.Waiting(api.ReasonWaitingForCredentials,
			"code repo %q of another product cannot be read yet, because there is no deploy token of its project: "+
				"wait, or ask its owner to look at the conditions of the CodeRepo",
			p.CodeRepo)
	}
	return r.write(ctx, s, argocd.Changed(want))
}

// onlyRecord writes what is wanted into the record alone. Where that is another repository, what Argo CD still has is
// halted: from now on the record speaks of the new one.
func (r *Reconciler) onlyRecord(ctx context.Context, s *scope, p placement.Placement) error {
	moves := !s.record.DeploysFrom(p.RepoURL)
	if moves {
		p.Halted = placement.HaltedMoving
	}
	app := desired.WithRecord(s.record.App, p.Encode())
	if moves {
		app = desired.WithoutAutomation(app)
	}
	endApprovals(app, p, s.resolution.Placement.Namespaces)
	return r.write(ctx, s, app)
}

// waitsForALoan says whether the runtime would begin to be deployed from a code repo of another product that it cannot
// read yet.
func (s *scope) waitsForALoan() bool {
	p := s.resolution.Placement
	begins := !s.record.Automated() || !s.record.DeploysFrom(p.RepoURL)
	return begins && p.RepoProduct != p.Product && cannotBeRead(s.resolution.CodeRepo)
}

// cannotBeRead says whether products that a code repo is lent to wait for a credential.
func cannotBeRead(repo *api.CodeRepo) bool {
	return apimeta.IsStatusConditionFalse(repo.Status.Conditions, api.ConditionLent)
}

// permitted says whether the AppProject permits what is wanted: Argo CD takes minutes to recover from an Application
// that came before its AppProject. An AppProject permits what a record names until the record gives it up, so one that
// the cache has is not too old.
func (r *Reconciler) permitted(ctx context.Context, app string, p placement.Placement) (bool, error) {
	project, err := argocd.OwnProject(ctx, r.Client, r.ArgoCDNamespace, p)
	return project != nil &&
		desired.KnowsApplication(project, app) && desired.Permits(project, p.RepoURL, record.Destinations(p)), err
}

// explainTenancy says what the product's tenancy waits for.
func (r *Reconciler) explainTenancy(s *scope) error {
	p := s.resolution.Placement
	for _, np := range s.resolution.Product.Status.NamespaceProblems {
		if np.Cluster == p.Destination.Cluster && slices.Contains(p.Namespaces, np.Namespace) {
			return phases.Waiting(np.Reason, "%s", np.Message)
		}
	}
	return phases.Waiting(api.ReasonWaitingForTenancy,
		"the namespaces on cluster %q and the AppProject are being prepared", p.Destination.Cluster)
}

// write patches the Application, if it differs, and stores what came back. An Application that is being deleted is
// never written.
func (r *Reconciler) write(ctx context.Context, s *scope, app *observed.Application) error {
	if !s.record.App.DeletionTimestamp.IsZero() {
		return phases.Waiting(api.ReasonApplicationDeleted,
			"the Application is being deleted").RetryAfter(phases.ConflictRetry)
	}
	written, err := apply.Patch(ctx, r.Client, s.record.App, app)
	if err != nil {
		return phases.Refused(err)
	}
	if !written {
		return nil
	}
	rec, p := record.Read(app)
	if p != nil {
		return p
	}
	s.record = rec
	return nil
}
