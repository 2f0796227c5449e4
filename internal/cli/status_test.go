package cli

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// clock moves when somebody waits.
type clock struct {
	now   time.Time
	waits []time.Duration
	stop  int // after so many waits the user stops; 0 never
}

func (c *clock) set(s *Surroundings) {
	s.Now = func() time.Time { return c.now }
	s.Wait = func(_ context.Context, d time.Duration) error {
		c.waits = append(c.waits, d)
		c.now = c.now.Add(d)
		if c.stop > 0 && len(c.waits) >= c.stop {
			return context.Canceled
		}
		return nil
	}
}

func being(ready bool, reason, message string) wire.DeploymentRuntime {
	return runtimeItem("dr-dev", func(r *wire.DeploymentRuntime) {
		r.Status = &wire.Status{Ready: ready, Reason: reason, Message: message, Cluster: "worker-1"}
	})
}

func TestStatusWait(t *testing.T) {
	unknown := runtimeItem("dr-dev", func(r *wire.DeploymentRuntime) { r.Status = nil })
	syncing := being(false, "Syncing", "Argo CD is comparing or syncing")
	ready := being(true, "Ready", "revision 01234567 runs and is healthy")
	refused := being(false, "PermissionDenied", "add a CodeRepoBinding")
	busy := later(refuse(http.StatusTooManyRequests, "RATE_LIMITED", "slow down"), "60")
	repeat := func(n int, a any) []any {
		var all []any
		for range n {
			all = append(all, a)
		}
		return all
	}
	tests := map[string]struct {
		answers []any
		args    []string
		code    int
		golden  string
		waited  time.Duration
	}{
		"until it is ready": {answers: []any{unknown, syncing, syncing, ready},
			golden: "wait-ready", waited: 15 * time.Second},
		"it is ready already": {answers: []any{ready}, golden: "wait-already"},
		"it fails, once the reason has stood": {answers: []any{refused}, code: 2, golden: "wait-failed",
			waited: 30 * time.Second},
		"a reason that passes is no failure": {answers: append(repeat(4, refused), ready), golden: "wait-passed",
			waited: 20 * time.Second},
		"progress is no failure, but has a limit": {answers: []any{syncing}, args: []string{"--timeout", "42s"},
			code: 6, golden: "wait-timeout", waited: 42 * time.Second},
		"trouble on the way is told and outlived": {answers: []any{syncing, busy, ready}, golden: "wait-trouble",
			waited: 65 * time.Second},
		"it does not exist": {answers: []any{refuse(http.StatusNotFound, "RESOURCE_NOT_FOUND",
			"there is no dr-dev")}, code: 4, golden: "wait-absent"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := newServer(t).on("GET products/nautes-labs/deploymentruntimes/dr-dev", test.answers...)
			c := &clock{}
			r := nautes(t, s, append([]string{"status", "dr", "dr-dev", "--wait"}, test.args...), c.set)
			expect(t, r, test.code)
			golden(t, test.golden, r.stdout+"-- stderr --\n"+r.stderr)
			var waited time.Duration
			for _, d := range c.waits {
				waited += d
			}
			same(t, "waited", test.waited, waited)
		})
	}
}

func TestStatusWaitForAll(t *testing.T) {
	late := runtimeItem("dr-b", func(r *wire.DeploymentRuntime) {
		r.Status = &wire.Status{Reason: "Progressing", Message: "resources are starting"}
	})
	s := newServer(t).on("GET products/nautes-labs/deploymentruntimes",
		items(runtimeItem("dr-a"), late, runtimeItem("dr-c")), items(runtimeItem("dr-a"), late),
		items(runtimeItem("dr-a"), runtimeItem("dr-b")))
	r := nautes(t, s, []string{"status", "drs", "--wait"}, (&clock{}).set)
	expect(t, r, 0)
	golden(t, "wait-all", r.stdout+"-- stderr --\n"+r.stderr)
}

func TestWaitingForNothingIsNoSuccess(t *testing.T) {
	none := items()
	for name, answers := range map[string][]any{
		"a product without runtimes":      {none},
		"all runtimes go while one waits": {items(being(false, "Syncing", "m")), none},
		"a product that nobody can see at all": {refuse(http.StatusNotFound, "PRODUCT_NOT_FOUND",
			"there is no deployment runtime to be seen")},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t).on("GET products/nautes-labs/deploymentruntimes", answers...)
			r := nautes(t, s, []string{"status", "dr", "--wait"}, (&clock{}).set)
			expect(t, r, 4)
			same(t, "stdout", "", r.stdout)
			if !strings.Contains(r.stderr, "no deployment runtime") {
				t.Errorf("stderr: %s", r.stderr)
			}
		})
	}
}

func TestStatusWatchEndsWhenTheUserStops(t *testing.T) {
	s := newServer(t).on("GET products/nautes-labs/deploymentruntimes/dr-dev", being(false, "Syncing", "m"),
		being(true, "Ready", "m"), being(false, "Degraded", "m"))
	c := &clock{stop: 4}
	r := nautes(t, s, []string{"status", "dr", "dr-dev", "--watch"}, c.set)
	expect(t, r, 0)
	golden(t, "watch", r.stderr)
}

func TestPollingIsSpread(t *testing.T) {
	for random, want := range map[float64]time.Duration{0: 4 * time.Second, 0.5: 5 * time.Second, 1: 6 * time.Second} {
		o := &statusOptions{global: &global{Surroundings: &Surroundings{Random: func() float64 { return random }}}}
		same(t, "pause", want, o.pause())
	}
}

func TestStoppingAWaitIsNoSuccess(t *testing.T) {
	s := newServer(t).on("GET products/nautes-labs/deploymentruntimes/dr-dev", being(false, "Syncing", "m"))
	r := nautes(t, s, []string{"status", "dr", "dr-dev", "--wait"}, (&clock{stop: 1}).set)
	expect(t, r, 6)
	if !strings.Contains(r.stderr, "stopped") {
		t.Errorf("stderr: %s", r.stderr)
	}
}

func TestReasonsThatPass(t *testing.T) {
	for reason, want := range map[string]bool{
		"": true, "NotReached": true, "Syncing": true, "Progressing": true, "WaitingForTenancy": true,
		"WaitingForTeardown": true, "OutOfSync": true,
		"PermissionDenied": false, "DestinationImmutable": false, "SyncFailed": false, "ManifestError": false,
		"Degraded": false, "NothingDeployed": false,
		"EnvironmentNotFound": false, "Suspended": false, "TeardownHeld": false,
	} {
		if passes(reason) != want {
			t.Errorf("%q passes: %v, want %v", reason, !want, want)
		}
	}
}

func TestExitCodeOfAStop(t *testing.T) {
	same(t, "code", problem.ExitUnavailable, ExitCode(errors.Join(errors.New("x"), context.Canceled)))
}

func TestStatusWaitsForARevision(t *testing.T) {
	at := func(revision string) wire.DeploymentRuntime {
		r := being(true, "Ready", "revision "+revision+" runs and is healthy")
		r.Status.Revision = revision
		return r
	}
	const old, next = "0123456789abcdef0123456789abcdef01234567", "89abcdef0123456789abcdef0123456789abcdef"
	for sentence, test := range map[string]struct {
		answers  []any
		revision string
		code     int
		asked    int
	}{
		"Ready at an earlier revision is not the end": {[]any{at(old), at(old), at(next)}, next, 0, 3},
		"the beginning of an id":                      {[]any{at(old), at(next)}, next[:8], 0, 2},
		"a revision that never comes":                 {[]any{at(old)}, next, 6, 3},
		"a branch is no commit":                       {nil, "main", 1, 0},
	} {
		s := newServer(t).on("GET products/nautes-labs/deploymentruntimes/dr-dev", test.answers...)
		r := nautes(t, s, []string{"status", "dr", "dr-dev", "--wait", "--timeout", "10s", "--revision", test.revision},
			(&clock{}).set)
		expect(t, r, test.code)
		if got := len(s.asked()); got != test.asked {
			t.Errorf("%s: asked %d times, want %d; %s", sentence, got, test.asked, r.stderr)
		}
	}
}
