package tracing

import (
	"log/slog"
	"sync"
	"time"
)

// silence is how long nothing is logged after a failure was.
const silence = time.Minute

// seldom logs that traces cannot be sent, at most once within a while: a collector that is away fails every few seconds.
type seldom struct {
	log *slog.Logger
	now func() time.Time

	mu sync.Mutex
	// told is when a failure was logged, untold how many were not since then.
	told   time.Time
	untold int
}

// Handle implements the error handler of OpenTelemetry.
func (s *seldom) Handle(err error) {
	untold, due := s.due()
	if !due {
		return
	}
	s.log.Warn("traces are lost: see that --otlp-endpoint names a collector that takes OTLP over HTTP, and that it is "+
		"reached from here", slog.String("error", err.Error()), slog.Int("not_logged_since_the_last_warning", untold))
}

func (s *seldom) due() (untold int, due bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if !s.told.IsZero() && now.Sub(s.told) < silence {
		s.untold++
		return 0, false
	}
	untold, s.untold, s.told = s.untold, 0, now
	return untold, true
}
