package deploymentruntime

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/clock"
	clocktesting "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/record"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
	"github.com/nautes-labs/deployment-runtime/internal/reposerver"
)

// slowHost is a repo-server that answers when it is let.
type slowHost struct {
	ManifestFiles
	answers chan error
	asked   int
}

func (h *slowHost) Commit(ctx context.Context, _ reposerver.Repository, _ string) (reposerver.Commit, error) {
	h.asked++
	select {
	case err := <-h.answers:
		return reposerver.Commit{Author: "Ann <ann@example.com>"}, err
	case <-ctx.Done():
		return reposerver.Commit{}, ctx.Err()
	}
}

// aPass names the author of a rollout as a pass does that sees its outcome, and returns it with when to look again.
func aPass(t *testing.T, r *Reconciler, outcome, before api.RolloutOutcome) (string, time.Duration) {
	t.Helper()
	at := &metav1.Time{Time: r.Clock.Now()}
	rollout := api.DeployedRevision{Revision: "abc", Outcome: outcome, StartedAt: at, FinishedAt: at}
	var told []api.DeployedRevision // an empty outcome is a rollout of which no status tells
	if before != "" {
		told = []api.DeployedRevision{rollout}
		told[0].Outcome = before
	}
	s := &scope{runtime: &api.DeploymentRuntime{}, record: &record.Record{App: &observed.Application{},
		Placement: placement.Placement{RepoURL: "https://gitlab.example.com/a.git"}}}
	s.runtime.Status.History = []api.DeployedRevision{rollout}
	r.endRollout(t.Context(), s, told)
	return s.runtime.Status.History[0].Author, s.Sooner(ctrl.Result{}).RequeueAfter
}

func asking(t *testing.T, h *slowHost) *Reconciler {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	c := fake.NewClientBuilder().WithScheme(scheme).Build()
	return &Reconciler{Client: c, Live: c, Files: h, Clock: clock.RealClock{}}
}

// The clock of a bubble stands still while anything runs: a pass that waited would be seen.
func TestNoPassWaitsForTheRepoServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := &slowHost{answers: make(chan error)}
		r, began := asking(t, host), time.Now()
		if author, again := aPass(t, r, api.RolloutDeployed, api.RolloutDeploying); author != "" || again != answerLook {
			t.Errorf("before the answer: author %q, looks again after %s", author, again)
		}
		if waited := time.Since(began); waited != 0 {
			t.Errorf("the pass waited %s for a repo-server that hangs", waited)
		}
		host.answers <- nil
		synctest.Wait()
		if author, _ := aPass(t, r, api.RolloutDeployed, api.RolloutDeployed); author != "Ann <ann@example.com>" {
			t.Errorf("after the answer: author %q", author)
		}
	})
}

func TestTheAuthorIsThereWhenTheRolloutEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := &slowHost{answers: make(chan error, 1)}
		host.answers <- nil
		r := asking(t, host)
		if author, again := aPass(t, r, api.RolloutDeploying, ""); author != "" || again != 0 {
			t.Errorf("while it deploys: author %q, looks again after %s", author, again)
		}
		synctest.Wait()
		author, again := aPass(t, r, api.RolloutDeployed, api.RolloutDeploying)
		if author == "" || again != 0 || host.asked != 1 {
			t.Errorf("at the end: author %q, looks again after %s, asked %d times", author, again, host.asked)
		}
	})
}

func TestARepoServerThatIsAwayIsLeftAloneForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := &slowHost{answers: make(chan error, 2)}
		host.answers <- errAway
		r, now := asking(t, host), clocktesting.NewFakeClock(time.Now())
		r.Clock = now
		aPass(t, r, api.RolloutDeploying, "")
		synctest.Wait()
		aPass(t, r, api.RolloutDeploying, "")
		synctest.Wait()
		if host.asked != 1 {
			t.Errorf("asked %d times at once, wanted once", host.asked)
		}
		now.Step(time.Minute)
		host.answers <- nil
		aPass(t, r, api.RolloutDeploying, "")
		synctest.Wait()
		if author, _ := aPass(t, r, api.RolloutDeployed, api.RolloutDeploying); author == "" {
			t.Error("nobody asked again after the rest")
		}
	})
}

func TestEveryEndOfARolloutIsCountedOnce(t *testing.T) {
	long := metav1.NewTime(time.Now().Add(-3 * time.Hour))
	ended := metav1.Now()
	rollout := func(o api.RolloutOutcome) api.DeployedRevision {
		return api.DeployedRevision{Revision: "abc", Outcome: o, StartedAt: &long, FinishedAt: &ended}
	}
	type rollouts = []api.DeployedRevision
	deployed := rollout(api.RolloutDeployed)
	for name, c := range map[string]struct {
		before rollouts
		now    api.DeployedRevision
		want   bool
	}{
		"after hours":                    {rollouts{rollout(api.RolloutDeploying)}, deployed, true},
		"it failed, and works now":       {rollouts{rollout(api.RolloutFailed)}, deployed, true},
		"it is told already":             {rollouts{deployed}, deployed, false},
		"it deploys":                     {nil, rollout(api.RolloutDeploying), false},
		"nobody knows when it began":     {nil, api.DeployedRevision{Outcome: api.RolloutDeployed}, false},
		"it was there before the answer": {rollouts{rollout("")}, deployed, false},
	} {
		s := &scope{runtime: &api.DeploymentRuntime{}, record: &record.Record{App: &observed.Application{}}}
		s.runtime.Status.History = []api.DeployedRevision{c.now}
		(&Reconciler{Clock: clock.RealClock{}}).endRollout(t.Context(), s, c.before)
		if got := s.ended != nil; got != c.want {
			t.Errorf("%s: counted %t, want %t", name, got, c.want)
		}
	}
}

var errAway = errors.New("connection refused")
