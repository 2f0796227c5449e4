package deploymentruntime

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"slices"
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/log"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/phases"
	"github.com/nautes-labs/deployment-runtime/internal/desired"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/prune"
	"github.com/nautes-labs/deployment-runtime/internal/reposerver"
	"github.com/nautes-labs/deployment-runtime/internal/turns"
)

// ManifestFiles reads files of a repository as Argo CD does.
type ManifestFiles interface {
	Files(ctx context.Context, repo reposerver.Repository, revision, pattern string) (map[string][]byte, error)
	// Commit returns who made a commit, and when.
	Commit(ctx context.Context, repo reposerver.Repository, revision string) (reposerver.Commit, error)
}

const (
	// judgementTime bounds one judgement: it may read several revisions.
	judgementTime = 20 * time.Second
	// judgementsAtOnce bounds the memory and the workers that judgements take: a repository that is slow or large must
	// not hold up others. One product has one of these places.
	judgementsAtOnce = 2
	// judgementRecheck is how soon to look again whether there is room for one more.
	judgementRecheck = 500 * time.Millisecond
)

// judgements hands out the places. Who finds none comes back: a worker that waits is a worker less for others.
type judgements struct {
	once   sync.Once
	places turns.Queue
}

// enter takes a place for a product, if there is one. Who got in leaves.
func (j *judgements) enter(ctx context.Context, product string) (leave func(), err error) {
	j.once.Do(func() { j.places.Places = judgementsAtOnce })
	leave, _, err = j.places.Enter(ctx, turns.Share{Key: product, Most: 1})
	return leave, err
}

// removeWhatWent has Argo CD remove what the compared revision does not hold any more, where the removal of the file
// says so. Argo CD removes nothing of a runtime by itself.
func (r *Reconciler) removeWhatWent(ctx context.Context, s *scope) error {
	facts := observed.FactsOf(s.record.App)
	switch {
	case !s.record.Automated() || s.unsettled != nil:
		return nil //nolint:nilerr // it is for the condition, and stops nothing
	case len(facts.Prunes.Objects) == 0 && facts.Compared && !facts.Running && facts.Sync != "Unknown":
		return r.write(ctx, s, desired.WithMemory(s.record.App, ""))
	case !facts.Removable():
		return nil
	case facts.Prunes.All:
		s.unsettled = phases.Waiting(api.ReasonPathEmpty,
			"path %s holds no manifest at revision %s, and what was deployed runs on: revert the commit, correct "+
				"spec.manifestSource (a path that is a link is not followed), or delete the runtime to remove it",
			s.record.Placement.Path, facts.Revision)
		return nil
	}
	verdict, asked, err := r.judgeRemovals(ctx, s, facts)
	if err != nil || !asked {
		return err
	}
	app := desired.WithMemory(s.record.App, prune.Memory(verdict.Held))
	given := slices.DeleteFunc(slices.Clone(verdict.Free), func(o placement.Object) bool { return !s.outlives(o) })
	free := slices.DeleteFunc(verdict.Free,
		func(o placement.Object) bool { return slices.Contains(facts.Prunes.Kept, o) || s.outlives(o) })
	app = r.requestRemoval(s, app, facts, free, len(verdict.Held)+len(given) == 0)
	if !facts.Failed {
		s.tellStaying(facts, given, verdict.Held, len(free))
	}
	return r.write(ctx, s, app)
}

// tellStaying says why objects stay that the revision does not hold.
func (s *scope) tellStaying(facts observed.Facts, given []placement.Object, held []prune.Held, going int) {
	switch {
	case len(given) > 0:
		s.unsettled = s.givenUp(given)
	case len(held) > 0:
		s.unsettled = s.heldBack(facts.Revision, held)
	case going == 0:
		s.unsettled = s.keptBack(facts)
	}
}

// outlives says whether an object stays until a person approves that its namespace goes, which the runtime does not
// name any more: the file is there, and only the place changed. A typo in one line must not take a volume. Workloads
// move, as the runtime says: two of one would be worse.
func (s *scope) outlives(o placement.Object) bool {
	if o.Namespace == "" || slices.Contains(s.resolution.Placement.Namespaces, o.Namespace) ||
		s.record.Approves(o.Namespace) {
		return false
	}
	return o.Group == "" && o.Kind == "PersistentVolumeClaim"
}

// givenUp says what stays in a namespace that the runtime does not name any more, and how a person lets it go.
func (s *scope) givenUp(objects []placement.Object) *problem.Problem {
	namespace := objects[0].Namespace
	return phases.Waiting(api.ReasonPruneHeld,
		"%s; name namespace %s in spec.namespaces again, or approve that it goes with all that is in it: %s",
		s.staying("spec.namespaces does not name its namespace any more", objects...), namespace,
		s.record.Approval(namespace, s.record.Placement.Runtime.UID))
}

// requestRemoval returns app with Argo CD asked to remove what may go, which is everything or not, or app itself where
// that is not due. One that failed is tried again with backoff, and so is one that left objects behind.
func (r *Reconciler) requestRemoval(
	s *scope, app *observed.Application, facts observed.Facts, free []placement.Object, everything bool,
) *observed.Application {
	if len(free) == 0 {
		return app
	}
	if !facts.Failed {
		s.unsettled = phases.Waiting(api.ReasonSyncing, "%d objects that revision %s does not hold are being removed",
			len(free), facts.Revision)
	}
	attempts := desired.AttemptsOf(app, removalOf(facts.Revision, free))
	if attempts.Count > 0 && facts.Current && !facts.Failed {
		s.unsettled = s.notRemoved(app, facts, free)
	}
	if left := r.notBefore(attempts); left > 0 {
		s.LookAgain(left)
		return app
	}
	// Argo CD has not synced a revision that only removes: it is the whole sync that was due, with its hooks and its
	// place in the history.
	if everything && !facts.Applied && len(facts.Prunes.Objects) < observed.MaxPrunes {
		free = nil
	}
	return desired.WithSync(app, attempts, r.Clock.Now(), desired.Removing(free...))
}

// notBefore returns how long to wait before asking again; the first time it is at once.
func (r *Reconciler) notBefore(a desired.Attempts) time.Duration {
	if a.Count == 0 {
		return 0
	}
	return a.Last.Add(a.Backoff(r.Timing.RetryFirst, r.Timing.RetryLimit)).Sub(r.Clock.Now())
}

// removalOf names the removal of objects, to count attempts by.
func removalOf(revision string, objects []placement.Object) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %q", revision, objects))
	return "removal-" + hex.EncodeToString(sum[:8])
}

// judgeRemovals asks the repository why objects are to go, and says whether it got an answer. Without one nothing is
// removed, and the question is asked again with backoff.
func (r *Reconciler) judgeRemovals(ctx context.Context, s *scope, facts observed.Facts) (verdict prune.Verdict,
	answered bool, err error) {
	attempts := desired.AttemptsOf(s.record.App, "files-"+facts.Revision)
	if left := r.notBefore(attempts); left > 0 {
		s.unsettled = unread(facts, nil)
		s.LookAgain(left)
		return verdict, false, nil
	}
	leave, full := r.judging.enter(ctx, s.runtime.Namespace)
	if full != nil {
		s.unsettled = phases.Waiting(api.ReasonSyncing, "%d objects that revision %s does not hold wait to be removed",
			len(facts.Prunes.Objects), facts.Revision)
		s.LookAgain(judgementRecheck)
		return verdict, false, nil
	}
	defer leave()
	ctx, cancel := context.WithTimeout(ctx, judgementTime)
	defer cancel()
	repo, err := r.repository(ctx, s.record.Placement)
	if err != nil {
		return verdict, false, err
	}
	p := s.record.Placement
	now := prune.Revision{RepoURL: p.RepoURL, ID: facts.Revision, Path: p.Path}
	verdict, err = prune.Judge(ctx, prune.Case{
		Objects: facts.Prunes.Objects, Namespace: s.record.App.Spec.Destination.Namespace,
		Generated: facts.Prunes.Generated,
		Now:       now, Past: append(prune.Remembered(s.record.App.Annotations[api.AnnotationHeldRemovals]),
			deployedBefore(s.record.App)...),
	}, func(ctx context.Context, at prune.Revision) (prune.Files, error) {
		files, err := r.Files.Files(ctx, repo, at.ID, prune.Pattern(at.Path, facts.Prunes.Generated))
		return prune.Within(at.Path, files), err
	})
	if err == nil {
		return verdict, true, nil
	}
	log.FromContext(ctx).Info("what is to be removed could not be judged", "revision", facts.Revision,
		"cause", err.Error())
	s.unsettled = unread(facts, err)
	s.LookAgain(attempts.Backoff(r.Timing.RetryFirst, r.Timing.RetryLimit))
	return verdict, false, r.write(ctx, s, desired.WithAttempt(s.record.App, attempts, r.Clock.Now()))
}

// deployedBefore returns the revisions that Argo CD deployed, the newest first.
func deployedBefore(app *observed.Application) []prune.Revision {
	var out []prune.Revision
	for _, h := range slices.Backward(app.Status.History) {
		out = append(out, prune.Revision{RepoURL: h.Source.RepoURL, ID: h.Revision, Path: h.Source.Path})
	}
	return out
}

// staying notes that objects run on although the revision does not hold them, and why, and names the first.
func (s *scope) staying(why string, objects ...placement.Object) string {
	for _, o := range objects {
		s.stays(o, why)
	}
	return observed.Tell(observed.InQuestion(s.objects))
}

func (s *scope) stays(o placement.Object, why string) {
	s.objects = append(s.objects, api.ResourceStatus{Group: o.Group, Kind: o.Kind, Namespace: o.Namespace, Name: o.Name,
		State: observed.StateHeld, Message: why})
}

// heldBack says which objects run on although they are not in the repository any more, and why.
func (s *scope) heldBack(revision string, held []prune.Held) *problem.Problem {
	for _, h := range held {
		s.stays(h.Object, fmt.Sprintf("file %.200s %s", path.Join(s.record.Placement.Path, h.File), h.Because))
	}
	return phases.Waiting(api.ReasonPruneHeld, "not in revision %s any more, but kept running: %s; restore the file, or "+
		"remove it if what it held is to go", revision, observed.Tell(observed.InQuestion(s.objects)))
}

// keptBack says which objects Argo CD does not remove because their own annotation forbids it; nil without any.
func (s *scope) keptBack(facts observed.Facts) *problem.Problem {
	kept := slices.DeleteFunc(slices.Clone(facts.Prunes.Kept),
		func(o placement.Object) bool { return !slices.Contains(facts.Prunes.Objects, o) })
	if len(kept) == 0 {
		return nil
	}
	return phases.Waiting(api.ReasonPruneHeld,
		"not in revision %s any more, but kept running: %s; put it back into the manifests, or delete it on the cluster "+
			"by hand", facts.Revision,
		s.staying("its annotation argocd.argoproj.io/sync-options holds Prune=false", kept...))
}

// notRemoved says which objects Argo CD did not remove although it was asked to. It does not say why not: its wait for a
// confirmation ends after a moment, and the sync counts as a success.
func (s *scope) notRemoved(app *observed.Application, facts observed.Facts,
	objects []placement.Object) *problem.Problem {
	return phases.Waiting(api.ReasonPruneHeld,
		"not in revision %s any more: %s; where its annotation argocd.argoproj.io/sync-options holds Prune=confirm, put "+
			"it back into the manifests, or confirm that it goes: %s",
		facts.Revision, s.staying("Argo CD did not remove it when it was asked to", objects...),
		observed.Confirmation(app))
}

// unread says that it is not known yet whether objects may go.
func unread(facts observed.Facts, err error) *problem.Problem {
	objects := facts.Prunes.Objects
	wait := fmt.Sprintf("%d objects that revision %s does not hold wait to be removed, such as %s", len(objects),
		facts.Revision, objects[0])
	var past *prune.UnknownPastError
	if errors.As(err, &past) {
		return phases.Waiting(api.ReasonPruneHeld, "%s: file %.200s holds no object, and what it held before cannot "+
			"be read; restore the file, or remove it if what it held is to go",
			wait, past.Suspects[0])
	}
	return phases.Waiting(api.ReasonPruneHeld, "%s: Argo CD's repo-server did not say which files are there; it is "+
		"asked again, and the operator's log has the details", wait)
}
