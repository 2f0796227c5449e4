package deploymentruntime

import (
	"bufio"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
	clocktesting "k8s.io/utils/clock/testing"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/phases"
	records "github.com/nautes-labs/deployment-runtime/controllers/record"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
)

// replay is what became of a runtime while its Application went through states.
type replay struct {
	r        *Reconciler
	recorder *record.FakeRecorder
	runtime  *api.DeploymentRuntime
	now      time.Time
	healthy  map[string]bool // the revisions that were judged healthy
	events   int
}

func newReplay() *replay {
	recorder := record.NewFakeRecorder(10)
	return &replay{r: &Reconciler{Recorder: recorder, Clock: clocktesting.NewFakeClock(time.Now()),
		Timing: phases.DefaultTiming()}, recorder: recorder, healthy: map[string]bool{},
		runtime: &api.DeploymentRuntime{ObjectMeta: metav1.ObjectMeta{Generation: 1}},
		now:     time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)}
}

// step shows the runtime the next state, and returns Ready.
func (p *replay) step(t *testing.T, app *observed.Application) *metav1.Condition {
	t.Helper()
	rec, foreign := records.Read(app)
	if foreign != nil {
		t.Fatal(foreign)
	}
	p.now = p.now.Add(time.Second)
	p.runtime.UID = types.UID(rec.Placement.Runtime.UID)
	s := scope{record: rec, runtime: p.runtime, judged: true}
	p.remove(&s)
	after := p.runtime.DeepCopy()
	after.Status = s.status(p.runtime, nil, p.now, time.Second)
	phases.Pass{Stored: p.runtime, Object: after, Conditions: &after.Status.Conditions, Recorder: p.recorder}.Announce()
	for len(p.recorder.Events) > 0 {
		<-p.recorder.Events
		p.events++
	}
	p.runtime = after
	return meta.FindStatusCondition(after.Status.Conditions, api.ConditionReady)
}

// remove says what is to be removed, as the pass does where the files permit all of it.
func (p *replay) remove(s *scope) {
	f := observed.FactsOf(s.record.App)
	if !f.Removable() || f.Prunes.All {
		return
	}
	free := slices.DeleteFunc(slices.Clone(f.Prunes.Objects),
		func(o placement.Object) bool { return slices.Contains(f.Prunes.Kept, o) })
	p.r.requestRemoval(s, s.record.App, f, free, true)
	if !f.Failed {
		s.tellStaying(f, nil, nil, len(free))
	}
}

// judge fails the test where a runtime is ready that must not be.
func (p *replay) judge(t *testing.T, app *observed.Application, ready *metav1.Condition) {
	t.Helper()
	f := observed.FactsOf(app)
	good := f.Sync == "Synced" && f.Current && !hookFailed(app) && !f.Running &&
		(f.Health == "Healthy" || f.Health == "Suspended")
	switch {
	case good:
		p.healthy[f.Deployed] = true
	case ready.Status != metav1.ConditionTrue:
	case hookFailed(app), ready.Reason == api.ReasonReady, !p.healthy[f.Deployed]:
		t.Errorf("ready, for the reason %s, with revision %q: sync %s, health %s, failed %v, current %v",
			ready.Reason, f.Deployed, f.Sync, f.Health, f.Failed, f.Current)
	}
}

// hookFailed says, in Argo CD's own words, whether a hook of the compared revision failed.
func hookFailed(app *observed.Application) bool {
	op := app.Status.OperationState
	if op == nil || op.SyncResult == nil || op.SyncResult.Revision != app.Status.Sync.Revision || !op.Phase.Failed() {
		return false
	}
	for _, r := range op.SyncResult.Resources {
		if r.HookPhase.Failed() {
			return true
		}
	}
	return false
}

func historyOf(t *testing.T, name string) []*observed.Application {
	t.Helper()
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	var out []*observed.Application
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		app := &observed.Application{}
		if err := json.Unmarshal(lines.Bytes(), app); err != nil {
			t.Fatal(err)
		}
		out = append(out, app)
	}
	if lines.Err() != nil || len(out) == 0 {
		t.Fatalf("%d states: %v", len(out), lines.Err())
	}
	return out
}

// TestRecordedHistories replays what Argo CD 2.14 and 3.2 wrote into Applications in scenarios of test/e2e (recorded
// with NAUTES_E2E_RECORD): as it was, and with states in another order or left out, as a watch that was interrupted
// shows them.
func TestRecordedHistories(t *testing.T) {
	var files []string
	for _, argoCD := range []string{"v2", "v3"} { // both ends of what is supported
		of, err := filepath.Glob("testdata/histories/" + argoCD + "-*.jsonl")
		if err != nil || len(of) == 0 {
			t.Fatalf("%d histories of %s: %v", len(of), argoCD, err)
		}
		files = append(files, of...)
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			history := historyOf(t, name)
			p, turns, revision := newReplay(), 1, ""
			flips, was := 0, metav1.ConditionFalse
			for _, app := range history {
				ready := p.step(t, app)
				p.judge(t, app, ready)
				if ready.Status != was {
					flips, was = flips+1, ready.Status
				}
				if f := observed.FactsOf(app); f.Revision != revision {
					revision = f.Revision
					turns++
				}
			}
			if p.events > 2*turns || flips > 2*turns {
				t.Errorf("%d Events, and Ready changed %d times, in %d turns", p.events, flips, turns)
			}
			random := rand.New(rand.NewPCG(1, 2))
			for range 50 {
				p := newReplay()
				for _, i := range random.Perm(len(history)) {
					if random.IntN(4) > 0 {
						p.judge(t, history[i], p.step(t, history[i]))
					}
				}
			}
		})
	}
}
