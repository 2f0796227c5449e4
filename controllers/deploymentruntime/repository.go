package deploymentruntime

import (
	"context"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/argocd"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
	"github.com/nautes-labs/deployment-runtime/internal/reposerver"
	"github.com/nautes-labs/deployment-runtime/internal/text"
)

const (
	// commitAge is how old a rollout may be: of what was there before the operator, nobody asks all at once. commitLate
	// is how long after its end an answer is still told.
	commitAge, commitLate = time.Hour, time.Minute
	// maxAuthor is the bound of the schema, in bytes.
	maxAuthor = 256
)

// endRollout is for the newest rollout: it counts its end, and adds who wrote its commit. That is asked when the rollout
// begins, beside the passes, and told with the outcome. Where nobody tells soon, the rollout stays without.
func (r *Reconciler) endRollout(ctx context.Context, s *scope, before []api.DeployedRevision) {
	history := s.runtime.Status.History
	if len(history) == 0 || s.record == nil || history[0].StartedAt == nil {
		return
	}
	newest, now := &history[0], r.Clock.Now()
	toldBefore, ended := isTold(before, newest), hasEnded(newest)
	id := s.record.Placement.RepoURL + "@" + newest.Revision
	isNew := !toldBefore && now.Sub(newest.StartedAt.Time) <= commitAge
	if isNew && newest.Author == "" && r.Files != nil {
		r.commits.Ask(ctx, r.Clock, id, r.commitOf(s.record.Placement, newest.Revision))
	}
	if ended && !toldBefore {
		s.ended = &rolledOut{outcome: string(newest.Outcome), took: newest.FinishedAt.Sub(newest.StartedAt.Time)}
	}
	if ended && (isNew || now.Sub(newest.FinishedAt.Time) <= commitLate) {
		r.tellCommit(s, newest, id)
	}
}

// isTold says whether a status told the same of the rollout already.
func isTold(before []api.DeployedRevision, r *api.DeployedRevision) bool {
	return len(before) > 0 && before[0].StartedAt.Equal(r.StartedAt) &&
		(before[0].Outcome == r.Outcome || before[0].Outcome == "")
}

func hasEnded(r *api.DeployedRevision) bool {
	return r.FinishedAt != nil && (r.Outcome == api.RolloutDeployed || r.Outcome == api.RolloutFailed)
}

// tellCommit adds the author of the commit to a rollout that ended.
func (r *Reconciler) tellCommit(s *scope, newest *api.DeployedRevision, id string) {
	commit, asked := r.commits.Of(id)
	isTold := newest.Author != ""
	if !isTold {
		newest.Author = text.Cut(text.OneLine(commit.Author), maxAuthor, "...")
		if asked {
			s.LookAgain(answerLook)
		}
	}
	becomesReady := s.ended != nil || !isTold && newest.Author != ""
	if becomesReady && newest.Outcome == api.RolloutDeployed && !commit.At.IsZero() {
		s.sinceCommit = newest.FinishedAt.Sub(commit.At)
	}
}

// rolledOut is a rollout whose end is seen in this pass.
type rolledOut struct {
	outcome string
	took    time.Duration
}

// count tells the metrics of a rollout that ended, once the status says so.
func (r *Reconciler) count(s *scope) {
	if s.ended != nil && r.RolledOut != nil {
		r.RolledOut(s.ended.outcome, s.ended.took)
	}
	if s.sinceCommit > 0 && r.Delivered != nil {
		r.Delivered(s.sinceCommit)
	}
}

// commitOf returns the question for a commit.
func (r *Reconciler) commitOf(p placement.Placement, revision string) func(context.Context) (reposerver.Commit, error) {
	return func(ctx context.Context) (reposerver.Commit, error) {
		repo, err := r.repository(ctx, p)
		if err != nil {
			return reposerver.Commit{}, err
		}
		return r.Files.Commit(ctx, repo, revision)
	}
}

// repository returns how Argo CD reads a code repo: with the Secret for this URL and this AppProject, else with one for
// all, else with one for all repositories below an address.
func (r *Reconciler) repository(ctx context.Context, p placement.Placement) (reposerver.Repository, error) {
	secrets := argocd.Secrets{Client: r.Client, Live: r.Live, Namespace: r.ArgoCDNamespace}
	repo := reposerver.Repository{URL: p.RepoURL}
	found, err := secrets.List(ctx, r.Client, argocd.SecretOfRepository)
	if err != nil {
		return repo, err
	}
	for _, project := range []string{identity.AppProject(p.Product), ""} {
		for i := range found {
			if data := found[i].Data; string(data["url"]) == p.RepoURL && string(data["project"]) == project {
				repo.Data = data
				return repo, nil
			}
		}
	}
	if found, err = secrets.List(ctx, r.Client, argocd.SecretOfRepositories); err != nil {
		return repo, err
	}
	found = slices.DeleteFunc(found, func(secret corev1.Secret) bool {
		url := string(secret.Data["url"])
		return url == "" || !strings.HasPrefix(p.RepoURL, url)
	})
	if len(found) > 0 {
		repo.Data = slices.MaxFunc(found,
			func(a, b corev1.Secret) int { return len(a.Data["url"]) - len(b.Data["url"]) }).Data
	}
	return repo, nil
}
