package server_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/nautes-labs/deployment-runtime/internal/change"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/server"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// stalling does something while it is written to.
type stalling struct {
	*httptest.ResponseRecorder
	meanwhile func()
}

func (r *stalling) Write(data []byte) (int, error) {
	r.meanwhile()
	return r.ResponseRecorder.Write(data)
}

func refused(violations, length int) error {
	list := make(change.Violations, violations)
	for i := range list {
		list[i] = wire.Violation{Rule: "X", Message: strings.Repeat("x", length), Params: map[string]string{}}
	}
	return problem.New(problem.Invalid, problem.ReasonInvalid, "no").Because(list)
}

// Who reads a long refusal slowly holds a place with it, as with a long list.
func TestAPlaceIsHeldUntilAFailureIsWritten(t *testing.T) {
	w := newWorld(t, func(o *server.Options) { o.MaxConcurrent = 1 })
	w.service.err = refused(100, 10<<10)
	var statuses []int
	r := &stalling{httptest.NewRecorder(), func() {
		statuses = append(statuses, w.do(t, http.MethodGet, runtimes, "",
			header("Authorization", "Bearer glpat-another-0123456789")).StatusCode)
	}}
	asked := httptest.NewRequestWithContext(t.Context(), http.MethodPost, runtimes+"/x", strings.NewReader(guideBody))
	asked.Header.Set("Authorization", "Bearer "+canary)
	w.ServeHTTP(r, asked)
	if r.Code != http.StatusUnprocessableEntity || len(statuses) < 10 ||
		!slices.Equal(slices.Compact(statuses), []int{http.StatusTooManyRequests}) {
		t.Errorf("got %d; meanwhile others got %d", r.Code, statuses)
	}
	if got := w.do(t, http.MethodGet, runtimes, ""); got.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("the place is not free again: %d", got.StatusCode)
	}
	if n := len(w.audited.lines(t, "write")); n != 1 {
		t.Errorf("%d lines in the audit log", n)
	}
}

func TestLongFailuresCountAmongLongAnswers(t *testing.T) {
	w := newWorld(t)
	w.service.err = refused(100, 400<<10) // 40 MiB of 32
	got := w.do(t, http.MethodPost, runtimes+"/x", guideBody)
	if got.StatusCode != http.StatusTooManyRequests || got.problem(t).Reason != "RATE_LIMITED" {
		t.Errorf("got %d with %d bytes", got.StatusCode, len(got.body))
	}
}
