package toolchain

import (
	"fmt"
	"io"
	"sync"
	"time"
)

const progressEvery = 5 * time.Second

// progress says every few seconds what takes so long. Builds last minutes on a new machine, and silence reads as a
// hang, also in the log of a CI job.
type progress struct {
	w       io.Writer
	what    string
	started time.Time

	mu   sync.Mutex
	next time.Time
}

func newProgress(w io.Writer, what string) *progress {
	now := time.Now()
	return &progress{w: w, what: what, started: now, next: now.Add(progressEvery)}
}

// tick prints a line when one is due.
func (p *progress) tick() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if now.Before(p.next) {
		return
	}
	p.next = now.Add(progressEvery)
	say(p.w, "%s (%s so far)", p.what, p.elapsed(now))
}

// during prints lines until the work returns.
func (p *progress) during(work func() error) error {
	done := make(chan error, 1)
	go func() { done <- work() }()
	ticker := time.NewTicker(progressEvery / 2)
	defer ticker.Stop()
	for {
		select {
		case err := <-done:
			return err
		case <-ticker.C:
			p.tick()
		}
	}
}

func (p *progress) elapsed(now time.Time) time.Duration { return now.Sub(p.started).Round(time.Second) }

// say prints a line. There is nobody to tell when that fails.
func say(w io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(w, "devenv: "+format+"\n", args...)
}
