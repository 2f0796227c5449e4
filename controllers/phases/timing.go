package phases

import (
	"time"
)

// Timing are the waits of the operator.
type Timing struct {
	// Grace is how long a deleted runtime keeps running, in case it comes back. Default 10 s.
	Grace time.Duration
	// RetryFirst and RetryLimit bound the backoff with which Argo CD is asked for another sync. Default 10 s to 5 min.
	RetryFirst, RetryLimit time.Duration
	// Dwell is how long a runtime that was ready may be degraded before Ready turns False. Default 15 s.
	Dwell time.Duration
	// Patience is how long a runtime may wait for the operator's own work before its status says so. Most waits end
	// within it, and then nobody is told of them. Default 2 s.
	Patience time.Duration
	// Arrival is how long a new runtime may lack what it refers to, while Argo CD still applies default.project, before
	// its status says so. Default 30 s.
	Arrival time.Duration
	// Doubt is how long passes over an object may fail for a reason that says nothing about it, such as an API server
	// that does not answer, before its Ready turns Unknown. Default 15 s.
	Doubt time.Duration
	// Silence is how long Argo CD may take to begin with what it is asked for, before it is reminded. Default 15 s.
	Silence time.Duration
}

// DefaultTiming returns the defaults.
func DefaultTiming() Timing {
	return Timing{Grace: 10 * time.Second, RetryFirst: 10 * time.Second, RetryLimit: 5 * time.Minute,
		Dwell: 15 * time.Second, Patience: 2 * time.Second, Arrival: 30 * time.Second, Doubt: 15 * time.Second,
		Silence: 15 * time.Second}
}
