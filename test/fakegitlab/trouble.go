package fakegitlab

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Fault is one way in which an instance doesn't work well. Conditions that are empty hold for every request; several
// effects add up.
type Fault struct {
	// Method, a part of the path as it is sent ("/api/", "git-receive-pack", "/projects/3/"), and parameters of the
	// query ("page=2").
	Method string
	Path   string
	Query  string
	// Times is the number of requests that it hits; 0: all, until it is removed.
	Times int
	// Skip lets so many matching requests pass first.
	Skip int

	// Delay comes before everything else. A client that goes away ends it.
	Delay time.Duration
	// Status answers without doing anything. 429 and 503 carry RetryAfter.
	Status     int
	RetryAfter time.Duration
	// Drop closes the connection before anything is done. Go's client sends a GET again by itself when that happens on
	// a connection that it used before.
	Drop bool
	// LoseAnswer closes the connection after the request was carried out.
	LoseAnswer bool
	// Partial leaves out the second half of a list's page, and cuts any other answer in its middle.
	Partial bool
}

// Trouble holds the faults of a Server.
type Trouble struct {
	mu     sync.Mutex
	faults []*Fault
}

// Add makes a fault happen from now on. Calling remove ends it.
func (t *Trouble) Add(f Fault) (remove func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fault := &f
	t.faults = append(t.faults, fault)
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.faults = slices.DeleteFunc(t.faults, func(other *Fault) bool { return other == fault })
	}
}

// Clear ends all faults.
func (t *Trouble) Clear() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.faults = nil
}

// LosePushAnswers carries out the next pushes, whose pushers then see a closed connection.
func (t *Trouble) LosePushAnswers(times int) (remove func()) {
	return t.Add(Fault{Method: http.MethodPost, Path: "/git-receive-pack", Times: times, LoseAnswer: true})
}

func (f *Fault) hits(r *http.Request) bool {
	wanted, _ := url.ParseQuery(f.Query)
	query := r.URL.Query()
	for name, values := range wanted {
		if !slices.Equal(values, query[name]) {
			return false
		}
	}
	return (f.Method == "" || f.Method == r.Method) && strings.Contains(r.URL.EscapedPath(), f.Path)
}

// take finds the fault of a request and counts it.
func (t *Trouble) take(r *http.Request) (Fault, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, f := range t.faults {
		if !f.hits(r) {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			continue
		}
		taken := *f
		if f.Times > 0 {
			f.Times--
			if f.Times == 0 {
				t.faults = slices.Delete(t.faults, i, i+1)
			}
		}
		return taken, true
	}
	return Fault{}, false
}

func (t *Trouble) serve(w http.ResponseWriter, r *http.Request, next http.HandlerFunc) {
	f, ok := t.take(r)
	if !ok {
		next(w, r)
		return
	}
	if f.Delay > 0 {
		timer := time.NewTimer(f.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
			return
		}
	}
	switch {
	case f.Drop:
		panic(http.ErrAbortHandler)
	case f.Status != 0:
		refuse(w, f)
	case f.LoseAnswer:
		next(newSink(), r)
		panic(http.ErrAbortHandler)
	case f.Partial:
		answerHalf(w, r, next)
	default:
		next(w, r)
	}
}

func refuse(w http.ResponseWriter, f Fault) {
	if f.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(f.RetryAfter.Round(time.Second)/time.Second)))
	}
	w.Header().Set("Content-Type", "text/plain")
	w.WriteHeader(f.Status)
	if f.Status == http.StatusTooManyRequests {
		_, _ = w.Write([]byte("Retry later\n"))
		return
	}
	_, _ = w.Write([]byte("GitLab is not responding\n"))
}

func answerHalf(w http.ResponseWriter, r *http.Request, next http.HandlerFunc) {
	whole := newSink()
	next(whole, r)
	for name, values := range whole.header {
		w.Header()[name] = values
	}
	if half, ok := halfOfList(whole.body.Bytes()); ok {
		w.Header().Del("Content-Length")
		w.WriteHeader(whole.code())
		_, _ = w.Write(half)
		return
	}
	w.Header().Set("Content-Length", strconv.Itoa(whole.body.Len()))
	w.WriteHeader(whole.code())
	_, _ = w.Write(whole.body.Bytes()[:whole.body.Len()/2])
	panic(http.ErrAbortHandler)
}
