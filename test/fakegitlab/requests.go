package fakegitlab

import (
	"net/http"
	"slices"
	"sync"
)

// Request is one request that the instance answered.
type Request struct {
	Method string
	// Path as it was sent, with its escapes and without the query.
	Path  string
	Query string
	// Status of the answer; 0: no answer.
	Status int
}

type requestLog struct {
	mu         sync.Mutex
	all        []*Request
	violations []string
}

func (l *requestLog) begin(r *http.Request) *Request {
	entry := &Request{Method: r.Method, Path: r.URL.EscapedPath(), Query: r.URL.RawQuery}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, entry)
	return entry
}

func (l *requestLog) end(entry *Request, status int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	entry.Status = status
}

func (l *requestLog) violated(what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.violations = append(l.violations, what)
}

// Requests returns the requests so far, in the order of their arrival. Those under way have no status yet.
func (s *Server) Requests() []Request {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	all := make([]Request, 0, len(s.log.all))
	for _, r := range s.log.all {
		all = append(all, *r)
	}
	return all
}

// ForgetRequests empties what Requests returns.
func (s *Server) ForgetRequests() {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	s.log.all = nil
}

// Violations returns what clients sent, or what this package answered, against the description of GitLab's API: a
// parameter that GitLab doesn't have, a value of the wrong type, an answer without a member. A test that uses the
// stand-in expects none.
func (s *Server) Violations() []string {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	return slices.Clone(s.log.violations)
}

// statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Flush implements http.Flusher.
func (w *statusWriter) Flush() {
	if f, ok := w.ResponseWriter.(http.Flusher); ok {
		f.Flush()
	}
}
