package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"

	"k8s.io/client-go/rest"
)

// errDead is what a dead operator gets for its requests.
var errDead = errors.New("the operator is dead")

// life is one life of an operator, which ends right after its first write about one product to the management cluster:
// the API server has taken the write, and the operator never learns that. To die right before a write is the same as to
// die right after the one before it. Writes of status are not counted.
type life struct {
	about *regexp.Regexp
	dead  atomic.Bool
	died  chan struct{}
}

func newLife(product string) *life {
	return &life{about: regexp.MustCompile(product + `([^0-9]|$)`), died: make(chan struct{})}
}

// config returns the configuration with which the life is led.
func (l *life) config(cfg *rest.Config) *rest.Config {
	cfg = rest.CopyConfig(cfg)
	cfg.Wrap(func(next http.RoundTripper) http.RoundTripper { return mortal{life: l, next: next} })
	return cfg
}

// mortal is the transport of an operator that may die.
type mortal struct {
	life *life
	next http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (m mortal) RoundTrip(req *http.Request) (*http.Response, error) {
	counted, err := m.life.counts(req)
	if err != nil {
		return nil, err
	}
	if m.life.dead.Load() {
		return nil, errDead
	}
	if !counted {
		return m.next.RoundTrip(req)
	}
	if m.life.dead.Swap(true) {
		return nil, errDead // another write was the last one
	}
	resp, err := m.next.RoundTrip(req)
	if err == nil {
		err = resp.Body.Close()
	}
	close(m.life.died)
	return nil, errors.Join(errDead, err)
}

// counts says whether a request writes something about the product.
func (l *life) counts(req *http.Request) (bool, error) {
	path := req.URL.Path
	if req.Method == http.MethodGet || strings.HasSuffix(path, "/status") || strings.HasSuffix(path, "/events") {
		return false, nil
	}
	if req.Body == nil {
		return l.about.MatchString(path), nil
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return false, fmt.Errorf("reading a request: %w", err)
	}
	if err := req.Body.Close(); err != nil {
		return false, fmt.Errorf("reading a request: %w", err)
	}
	req.Body = io.NopCloser(bytes.NewReader(body))
	return l.about.MatchString(path) || l.about.Match(body), nil
}
