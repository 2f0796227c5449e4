package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/nautes-labs/deployment-runtime/test/bench/figures"
	"github.com/nautes-labs/deployment-runtime/test/fakegitlab"
)

// What the process of GitLab is started with, and how it is controlled.
const (
	gitLabCommand = "gitlab"
	latencyPath   = "/-/bench/latency"
	tripsPath     = "/-/bench/trips"
)

// trips are requests that GitLab answered.
type trips struct {
	Requests int
	// InARow is how many of them came one after the other.
	InARow int
	// Busy is for how long GitLab worked on at least one, latency included.
	Busy time.Duration
}

// String is for the report.
func (t trips) String() string {
	return fmt.Sprintf("round trips to GitLab: %d (requests: %d)", t.InARow, t.Requests)
}

// standIn serves GitLab, and notes when requests begin and end.
type standIn struct {
	lab *fakegitlab.Server

	mu    sync.Mutex
	spans []figures.Span
	calm  func()
}

// serveGitLab is the process of GitLab. It ends with its input.
func serveGitLab(ctx context.Context, dir string) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	first := hello{URL: "http://" + listener.Addr().String()}
	lab, err := fakegitlab.New(fakegitlab.Options{Dir: dir, ExternalURL: first.URL, RequestsPerMinute: -1})
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	first.RootToken = lab.RootToken()
	web := &http.Server{Handler: &standIn{lab: lab, calm: func() {}}, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = web.Serve(listener) }() // it ends with Close
	if err := json.NewEncoder(os.Stdout).Encode(first); err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	err = errors.Join(web.Close(), lab.Close())
	if v := lab.Violations(); len(v) > 0 {
		err = errors.Join(err, fmt.Errorf("requests that GitLab would not know: %v", v))
	}
	return err
}

// ServeHTTP implements http.Handler.
func (s *standIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case latencyPath:
		latency, err := time.ParseDuration(r.URL.Query().Get("of"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		s.wait(latency)
	case tripsPath:
		_ = json.NewEncoder(w).Encode(s.trips())
	default:
		began := time.Now()
		defer func() { s.note(figures.Span{Began: began, Ended: time.Now()}) }()
		s.lab.ServeHTTP(w, r)
	}
}

func (s *standIn) note(span figures.Span) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spans = append(s.spans, span)
}

func (s *standIn) wait(latency time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calm()
	s.calm = func() {}
	if latency > 0 {
		s.calm = s.lab.Trouble().Add(fakegitlab.Fault{Delay: latency})
	}
}

func (s *standIn) trips() trips {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := trips{Requests: len(s.spans), InARow: figures.InARow(s.spans), Busy: figures.Busy(s.spans)}
	s.spans = nil
	s.lab.ForgetRequests()
	return t
}
