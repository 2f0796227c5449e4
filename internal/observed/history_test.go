package observed_test

import (
	"fmt"
	"strings"
	"testing"

	argo "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	synccommon "github.com/argoproj/gitops-engine/pkg/sync/common"
	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
)

// told is what one pass sees of an Application.
type told struct {
	app   argo.Application
	ready metav1.Condition
	facts observed.Facts
}

// story drives an Application through rollouts, and keeps the history as the status does.
type story struct {
	t       *testing.T
	clock   int
	is      told
	history []api.DeployedRevision
}

func newStory(t *testing.T) *story { return &story{t: t} }

func (s *story) tick() metav1.Time {
	s.clock++
	return *at(s.clock)
}

// pass looks twice: a second look at the same facts must change nothing.
func (s *story) pass() {
	s.t.Helper()
	s.clock++
	look := func(before []api.DeployedRevision) []api.DeployedRevision {
		return observed.History(before, observed.RolloutsOf(&s.is.app), s.is.ready, s.is.facts, *at(s.clock))
	}
	s.history = look(s.history)
	s.clock++
	if diff := cmp.Diff(s.history, look(s.history)); diff != "" {
		s.t.Errorf("a pass in which nothing happened changes the history:\n%s", diff)
	}
}

func (s *story) begins(revision string) {
	source := argo.ApplicationSource{Path: "p", TargetRevision: "main"}
	s.is.app.Status.OperationState = &argo.OperationState{
		Phase: synccommon.OperationRunning, StartedAt: s.tick(),
		SyncResult: &argo.SyncOperationResult{Revision: revision, Source: source},
	}
	s.is.facts.Revision = revision
	s.is.ready = metav1.Condition{Status: metav1.ConditionFalse, Reason: api.ReasonSyncing}
}

func (s *story) succeeds() {
	op, ended := s.is.app.Status.OperationState, s.tick()
	op.Phase, op.FinishedAt = synccommon.OperationSucceeded, &ended
	s.is.app.Status.History = append(s.is.app.Status.History, argo.RevisionHistory{Revision: op.SyncResult.Revision,
		Source: op.SyncResult.Source, DeployStartedAt: op.StartedAt.DeepCopy(), DeployedAt: ended})
	s.is.facts.Deployed = op.SyncResult.Revision
	s.is.ready.Reason = api.ReasonProgressing
}

// deploys is a rollout that becomes ready before anybody looks.
func (s *story) deploys(revision string) {
	s.t.Helper()
	s.begins(revision)
	s.succeeds()
	s.isReady()
	s.pass()
}

func (s *story) fails(message string) {
	op, ended := s.is.app.Status.OperationState, s.tick()
	op.Phase, op.FinishedAt = synccommon.OperationFailed, &ended
	s.is.ready = metav1.Condition{Status: metav1.ConditionFalse, Reason: api.ReasonSyncFailed, Message: message}
}

func (s *story) isReady(images ...string) {
	s.is.facts.Images = images
	s.is.ready = metav1.Condition{Status: metav1.ConditionTrue, Reason: api.ReasonReady}
}

func (s *story) says(want ...string) {
	s.t.Helper()
	var got []string
	for _, r := range s.history {
		line := r.Revision + " " + string(r.Outcome)
		if r.FinishedAt != nil && r.FinishedAt.Before(r.StartedAt) {
			line += " ended before it began"
		}
		if (r.FinishedAt == nil) != (r.Outcome == api.RolloutDeploying) {
			line += fmt.Sprintf(" ended at %v", r.FinishedAt)
		}
		got = append(got, strings.TrimSpace(line+" "+strings.Join(append(r.Images, r.Message), ",")))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		s.t.Error(diff)
	}
}

func TestARolloutIsToldFromItsStartToItsOutcome(t *testing.T) {
	s := newStory(t)
	s.begins("r1")
	s.pass()
	s.says("r1 Deploying")
	s.succeeds()
	s.pass()
	s.says("r1 Deploying")
	s.isReady("web:1")
	s.pass()
	s.says("r1 Deployed web:1,")
	began, ended := s.history[0].StartedAt, s.history[0].FinishedAt

	s.is.ready = metav1.Condition{Status: metav1.ConditionFalse, Reason: api.ReasonDegraded}
	s.pass()
	s.isReady("web:1", "autoscaled:1")
	s.pass()
	s.says("r1 Deployed web:1,")
	if s.history[0].StartedAt != began || s.history[0].FinishedAt != ended {
		t.Error("what happens to it later changes when it was deployed")
	}
}

func TestARolloutThatFailsIsTriedAgainAndIsStillTheSame(t *testing.T) {
	s := newStory(t)
	s.deploys("r1")
	s.begins("r2")
	s.pass()
	s.fails("Deployment x/y: " + strings.Repeat("no ", 200))
	s.pass()
	if got := s.history[0]; got.Outcome != api.RolloutFailed || len(got.Message) > 256 {
		t.Errorf("got %+v", got)
	}
	s.begins("r2")
	s.pass()
	if len(s.history) != 2 || s.history[0].Outcome != api.RolloutFailed {
		t.Errorf("while it is tried again: %+v", s.history)
	}
	s.succeeds()
	s.isReady("web:2")
	s.pass()
	s.says("r2 Deployed web:2,", "r1 Deployed")
}

func TestARolloutThatTheNextOneOvertakes(t *testing.T) {
	s := newStory(t)
	s.begins("r1")
	s.pass()
	s.begins("r2")
	s.pass()
	s.says("r2 Deploying", "r1 Replaced")
	s.succeeds()
	s.isReady()
	s.pass()
	s.deploys("r1")
	s.says("r1 Deployed", "r2 Deployed", "r1 Replaced")
}

// The author of a failed commit takes it back: what runs is the revision of before, and the failure stays a failure.
func TestAFailedRolloutThatIsTakenBackStaysFailed(t *testing.T) {
	s := newStory(t)
	s.deploys("r1")
	s.begins("r2")
	s.fails("no")
	s.pass()
	s.is.facts.Revision, s.is.facts.Deployed = "r3", "r3" // equal to what runs: Argo CD has nothing to sync
	s.isReady()
	s.pass()
	s.says("r2 Failed no", "r1 Deployed")
}

func TestACommitThatChangesNoManifestIsNoRollout(t *testing.T) {
	s := newStory(t)
	s.begins("r1")
	s.pass()
	s.succeeds()
	s.is.facts.Revision, s.is.facts.Deployed = "r2", "r2"
	s.isReady()
	s.pass()
	s.says("r1 Deployed")
}

func TestASelfHealIsNoRollout(t *testing.T) {
	s := newStory(t)
	s.deploys("r1")
	s.begins("r1")
	s.is.app.Status.OperationState.Operation.Sync = &argo.SyncOperation{Resources: []argo.SyncOperationResource{{}}}
	s.pass()
	s.says("r1 Deployed")
}

func TestWhatEndedWhileNoOperatorLookedComesFromArgoCD(t *testing.T) {
	s := newStory(t)
	s.history = []api.DeployedRevision{{Revision: "r0"}} // by an operator that kept no times
	for i := range 25 {
		s.begins(fmt.Sprintf("r%d", i+1))
		s.succeeds()
	}
	s.is.app.Status.History = s.is.app.Status.History[15:]
	s.isReady()
	s.pass()
	if len(s.history) != 10 || s.history[0].Outcome != api.RolloutDeployed || s.history[1].Outcome != "" ||
		s.history[1].FinishedAt == nil {
		t.Errorf("%+v", s.history)
	}
	for i := range 30 {
		s.begins(fmt.Sprintf("s%d", i))
		s.pass()
	}
	if len(s.history) != 20 || s.history[0].Revision != "s29" || s.history[19].Outcome != api.RolloutReplaced {
		t.Errorf("%d: %+v", len(s.history), s.history)
	}
}

func TestImagesOfTheHistoryAreBounded(t *testing.T) {
	s := newStory(t)
	s.begins("r1")
	s.succeeds()
	images := []string{strings.Repeat("x", 300)}
	for i := range 30 {
		images = append(images, fmt.Sprint("image:", i))
	}
	s.isReady(images...)
	s.pass()
	if got := s.history[0].Images; len(got) != 10 || got[0] != "image:0" {
		t.Errorf("%v", got)
	}
}
