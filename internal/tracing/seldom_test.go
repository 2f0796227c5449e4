package tracing

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"
)

// A collector that is away for a day must not fill the log.
func TestLostTracesAreLoggedSeldom(t *testing.T) {
	var log bytes.Buffer
	clock := clocktesting.NewFakePassiveClock(time.Now())
	s := &seldom{log: slog.New(slog.NewTextHandler(&log, nil)), now: clock.Now}
	for range 100 {
		s.Handle(errors.New("connection refused"))
	}
	clock.SetTime(clock.Now().Add(silence))
	s.Handle(errors.New("no such host"))
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d lines:\n%s", len(lines), log.String())
	}
	for i, want := range []string{`error="connection refused" not_logged_since_the_last_warning=0`,
		`error="no such host" not_logged_since_the_last_warning=99`} {
		if !strings.Contains(lines[i], want) {
			t.Errorf("line %d is %s, want %s in it", i, lines[i], want)
		}
	}
}
