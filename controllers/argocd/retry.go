package argocd

import (
	"time"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
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
	case facts.Refusal() != "" && desired.AwaitsRefresh(app):
		return nil, 0 // the answer is an event
	case facts.Refusal() != "": // before it is accepted no sync helps
		return LookAgain(app, recent(desired.AttemptsOf(app, causeRefusal), now, t), now, t)
	case facts.Failed:
		attempts := desired.AttemptsOf(app, facts.Revision)
		return due(attempts, observed.OperationFinishedAt(app).Time, now, t, func() *observed.Application {
			return desired.WithSync(app, attempts, now)
		})
	case facts.Errors[observed.ErrorComparison] != "":
		return LookAgain(app, recent(desired.AttemptsOf(app, "refresh"), now, t), now, t)
	}
	return nil, 0
}

// recent starts to count anew where the last attempt was long ago, and so may have been about another error than there
// is now. Or nobody was there to ask: a refusal that was told stays told.
func recent(a desired.Attempts, now time.Time, t phases.Timing) desired.Attempts {
	if now.Sub(a.Last) <= 2*t.RetryLimit {
		return a
	}
	least := 0
	if a.Cause == causeRefusal {
		least = enoughLooks
	}
	a.Count = min(a.Count, least)
	return a
}

// causeRefusal is the cause of requests to look again at an Application that Argo CD refuses, and enoughLooks how many
// of them prove that it refuses the Application with the AppProject as it is now: it may see an Application a moment
// before the AppProject that permits it.
const causeRefusal, enoughLooks = "refusal", 2

// RefusedEarly says whether Argo CD refuses the Application and may not have seen yet what permits it. Once it looked
// often enough that is over, also while it is asked again.
func RefusedEarly(app *observed.Application) bool {
	looks := desired.AttemptsOf(app, causeRefusal).Count
	return observed.FactsOf(app).Refusal() != "" &&
		(looks < enoughLooks || looks == enoughLooks && desired.AwaitsRefresh(app))
}

// EarlyRefusal is what is told meanwhile.
const EarlyRefusal = "Argo CD is looking again at the Application, which it refused before it knew the AppProject"

// Changed returns an Application whose spec was changed with the request to look at it. A refusal of what it was before
// counts no more.
func Changed(app *observed.Application) *observed.Application {
	out := desired.WithRefresh(app)
	if desired.AttemptsOf(out, causeRefusal).Count > 0 {
		delete(out.Annotations, api.AnnotationSyncAttempts)
	}
	return out
}

// Pushed returns an Application with the request to look at its repository, where something changed: what failed is
// tried again at once. A refusal has nothing to do with the repository.
func Pushed(app *observed.Application) *observed.Application {
	out := desired.WithRefresh(app)
	if desired.AttemptsOf(out, causeRefusal).Count == 0 {
		delete(out.Annotations, api.AnnotationSyncAttempts)
	}
	return out
}

// refreshesPerRetry is how many times sooner Argo CD is asked to look again than to sync again: looking is cheap, and
// mostly it only looked before it had seen the AppProject.
const refreshesPerRetry = 8

// LookAgain returns the Application with the request to look at it again once that is due, or nil and how long that
// takes.
func LookAgain(app *observed.Application, a desired.Attempts, now time.Time, t phases.Timing) (*observed.Application,
	time.Duration) {
	t.RetryFirst /= refreshesPerRetry
	hard := observed.FactsOf(app).Remembered()
	return due(a, a.Last, now, t, func() *observed.Application { return desired.WithRefreshFor(app, a, now, hard) })
}

func due(a desired.Attempts, since, now time.Time, t phases.Timing,
	request func() *observed.Application) (*observed.Application, time.Duration) {
	at := since.Add(a.Backoff(t.RetryFirst, t.RetryLimit))
	if left := at.Sub(now); left > 0 {
		return nil, left
	}
	return request(), 0
}
