package argocd

import (
	"time"

	"github.com/nautes-labs/deployment-runtime/controllers/phases"
	"github.com/nautes-labs/deployment-runtime/internal/desired"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
)

// TerminationPoll is how soon to look again whether Argo CD ended an operation.
const TerminationPoll = time.Second

// Retry decides whether Argo CD is to be asked again, as it does not retry by itself. It returns the Application with
// the request, or nil and when to look again (0: never).
func Retry(app *observed.Application, now time.Time, t phases.Timing) (*observed.Application, time.Duration) {
	facts := observed.FactsOf(app)
	if facts.Running {
		return nil, 0
	}
	switch {
	case facts.Failed:
		attempts := desired.AttemptsOf(app, facts.Revision)
		return due(attempts, observed.OperationFinishedAt(app).Time, now, t, func() *observed.Application {
			return desired.WithSync(app, attempts, now)
		})
	case facts.Errors[observed.ErrorInvalidSpec] != "" || facts.Errors[observed.ErrorComparison] != "":
		attempts := desired.AttemptsOf(app, "refresh")
		if now.Sub(attempts.Last) > 2*t.RetryLimit {
			attempts.Count = 0 // another error than the one that was counted
		}
		return LookAgain(app, attempts, now, t)
	}
	return nil, 0
}

// refreshesPerRetry is how many times sooner Argo CD is asked to look again than to sync again: looking is cheap, and
// mostly it only looked before it had seen the AppProject.
const refreshesPerRetry = 8

// LookAgain returns the Application with the request to look at it again once that is due, or nil and how long that
// takes.
func LookAgain(app *observed.Application, a desired.Attempts, now time.Time, t phases.Timing) (*observed.Application,
	time.Duration) {
	t.RetryFirst /= refreshesPerRetry
	return due(a, a.Last, now, t, func() *observed.Application { return desired.WithRefreshFor(app, a, now) })
}

func due(a desired.Attempts, since, now time.Time, t phases.Timing,
	request func() *observed.Application) (*observed.Application, time.Duration) {
	at := since.Add(a.Backoff(t.RetryFirst, t.RetryLimit))
	if left := at.Sub(now); left > 0 {
		return nil, left
	}
	return request(), 0
}
