package gitrepo

import (
	"context"
	"fmt"

	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/secret"
)

// flight is one fetch that several callers wait for. The mutex of the store guards its fields. snapshot and err are
// written before done is closed.
type flight struct {
	token   secret.Token
	waiting int
	cancel  context.CancelFunc
	done    chan struct{}

	snapshot *Snapshot
	err      error
}

func (s *Store) snapshot(ctx context.Context, r Remote, k key) (*Snapshot, error) {
	told := false
	for {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("fetching repository %s: %w", r.URL, err)
		}
		s.mu.Lock()
		snapshot, kept := s.snapshots.Get(k)
		if s.options.Looked != nil && !told {
			told = true // a second look, after the fetch of another caller was refused, is no second read
			s.options.Looked(kept)
		}
		if kept {
			s.mu.Unlock()
			return snapshot, nil
		}
		f := s.flights[k]
		if f == nil {
			f = s.launch(ctx, r, k)
		}
		f.waiting++
		s.mu.Unlock()

		select {
		case <-f.done:
		case <-ctx.Done():
			s.leave(k, f)
			return nil, fmt.Errorf("fetching repository %s: %w", r.URL, ctx.Err())
		}
		if f.err == nil || f.token.Equal(r.Token) || !personal(f.err) {
			return f.snapshot, f.err
		}
	}
}

// personal says whether a failure may come from the rights or limits of the caller whose token was used.
func personal(err error) bool {
	for _, c := range []problem.Class{problem.Forbidden, problem.Missing, problem.RateLimited} {
		if problem.Is(err, c) {
			return true
		}
	}
	return false
}

// launch starts a fetch. The fetch ends early when no caller waits for it any more. The caller holds the mutex.
func (s *Store) launch(ctx context.Context, r Remote, k key) *flight {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.options.Timeout)
	f := &flight{token: r.Token, cancel: cancel, done: make(chan struct{})}
	s.flights[k] = f
	go func() {
		defer cancel()
		f.snapshot, f.err = s.load(ctx, r, k)
		if f.err == nil {
			s.keep(f.snapshot)
		}
		s.mu.Lock()
		if s.flights[k] == f {
			delete(s.flights, k)
		}
		s.mu.Unlock()
		close(f.done)
	}()
	return f
}

// leave takes a caller off a fetch, and stops the fetch when that was the last one.
func (s *Store) leave(k key, f *flight) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f.waiting--
	if f.waiting > 0 {
		return
	}
	f.cancel()
	if s.flights[k] == f {
		delete(s.flights, k)
	}
}

// load fetches one snapshot. A panic over a hostile answer or repository becomes an error.
func (s *Store) load(ctx context.Context, r Remote, k key) (snapshot *Snapshot, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			snapshot, err = nil, unreadable(r, fmt.Errorf("panic: %v", cause))
		}
	}()
	done, err := s.slot(ctx, r)
	if err != nil {
		return nil, err
	}
	defer done()
	p, err := s.fetch(ctx, r, k.head, wantFiles)
	if err != nil {
		return nil, err
	}
	return s.unpack(ctx, r, k.head, p)
}
