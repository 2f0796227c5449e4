package server_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/change"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// refusal is what the change package returns where rules are broken: a problem with the violations in its chain.
func refusal(class problem.Class, reason string, violations ...wire.Violation) error {
	return fmt.Errorf("judging: %w", problem.New(class, reason, "the change breaks %d rules",
		len(violations)).Because(change.Violations(violations)))
}

func TestEveryProblemHasItsStatusAndCode(t *testing.T) {
	type want struct {
		status int
		code   string
		retry  string
	}
	for name, c := range map[string]struct {
		err  error
		want want
	}{
		"what cannot be read": {problem.New(problem.Invalid, problem.ReasonBadRequest,
			"x"), want{400, "BAD_REQUEST", ""}},
		"a broken rule": {refusal(problem.Invalid, problem.ReasonInvalid, wire.Violation{Rule: "NoTwin"}),
			want{422, "INVALID", ""}},
		"a field that GitLab refuses": {problem.New(problem.Invalid, problem.ReasonInvalid,
			"x").At("git.gitlab.path"), want{422, "INVALID", ""}},
		"a bad token": {problem.New(problem.Unauthenticated, problem.ReasonUnauthenticated,
			"x"), want{401, "UNAUTHENTICATED", ""}},
		"a scope that is missing": {problem.New(problem.Forbidden, problem.ReasonInsufficientScope,
			"x"), want{403, "FORBIDDEN", ""}},
		"a push that is refused": {problem.New(problem.Forbidden, "PushRefused", "x"), want{403, "FORBIDDEN", ""}},
		"an archived project": {problem.New(problem.Forbidden, problem.ReasonArchived,
			"x"), want{403, "ARCHIVED", ""}},
		"an unknown product": {problem.New(problem.Missing, api.ReasonProductNotFound, "x"),
			want{404, "PRODUCT_NOT_FOUND", ""}},
		"no default.project": {problem.New(problem.Missing, problem.ReasonDefaultProjectNotFound,
			"x"), want{404, "DEFAULT_PROJECT_NOT_FOUND", ""}},
		"no main": {problem.New(problem.Missing, problem.ReasonMainNotFound,
			"x"), want{404, "MAIN_NOT_FOUND", ""}},
		"an absent resource": {problem.New(problem.Missing, problem.ReasonResourceNotFound,
			"x"), want{404, "RESOURCE_NOT_FOUND", ""}},
		"what is still in use": {refusal(problem.Conflict, api.ReasonInUse, wire.Violation{Rule: "InUse"}),
			want{409, "IN_USE", ""}},
		"a duplicate": {problem.New(problem.Conflict, problem.ReasonDuplicate,
			"x"), want{409, "DUPLICATE", ""}},
		"a precondition": {problem.New(problem.Conflict, problem.ReasonPreconditionFailed,
			"x"), want{412, "PRECONDITION_FAILED", ""}},
		"a race lost too often": {problem.New(problem.Conflict, problem.ReasonConflict,
			"x"), want{409, "CONFLICT", ""}},
		"a name that is taken": {problem.New(problem.Conflict, problem.ReasonNameTaken,
			"x"), want{409, "CONFLICT", ""}},
		"GitLab's limit": {problem.New(problem.RateLimited, problem.ReasonRateLimited,
			"x").RetryAfter(90 * time.Second), want{429, "RATE_LIMITED", "90"}},
		"GitLab down": {problem.New(problem.Unavailable, problem.ReasonUnavailable,
			"x").RetryAfter(1500 * time.Millisecond), want{503, "GITLAB_UNAVAILABLE", "2"}},
		"GitLab down without a time": {problem.New(problem.Unavailable, problem.ReasonUnavailable,
			"x"), want{503, "GITLAB_UNAVAILABLE", "1"}},
		"GitLab too slow": {problem.New(problem.Unavailable, problem.ReasonTimedOut,
			"x"), want{504, "GITLAB_UNAVAILABLE", "1"}},
		"no management cluster": {problem.New(problem.Unavailable, problem.ReasonNoManagementCluster,
			"x"), want{503, "MANAGEMENT_CLUSTER_UNAVAILABLE", "1"}},
		"a request that took too long": {fmt.Errorf("reading: %w", context.DeadlineExceeded),
			want{504, "GITLAB_UNAVAILABLE", "1"}},
		"a caller that hung up": {fmt.Errorf("reading: %w", context.Canceled),
			want{504, "GITLAB_UNAVAILABLE", "1"}},
		"a bug that says so": {problem.New(problem.Internal, "Internal", "internals"),
			want{500, "INTERNAL", ""}},
		"any other error": {errors.New("internals"), want{500, "INTERNAL", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.err = c.err
			w.outcome = nil
			for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
				body := ""
				if method == http.MethodPost {
					body = guideBody
				}
				got := w.do(t, method, runtimes+"/x", body)
				p := got.problem(t)
				if diff := cmp.Diff(c.want, want{got.StatusCode, p.Reason, got.Header.Get("Retry-After")},
					cmp.AllowUnexported(want{})); diff != "" {
					t.Errorf("%s: %s", method, diff)
				}
				if p.Status != got.StatusCode || p.Title == "" || p.Detail == "" || p.Type != "/docs#"+p.Reason ||
					p.Instance != runtimes+"/x" ||
					p.RequestID == "" || p.RequestID != got.Header.Get("X-Request-Id") {
					t.Errorf("incomplete: %s", got.body)
				}
				if strings.Contains(got.body, "internals") {
					t.Errorf("internals are told: %s", got.body)
				}
				if got.StatusCode == http.StatusUnauthorized &&
					!strings.HasPrefix(got.Header.Get("WWW-Authenticate"), "Bearer") {
					t.Error("no WWW-Authenticate: Bearer")
				}
			}
		})
	}
}

func TestAllViolationsAreToldInTheirOrder(t *testing.T) {
	w := newWorld(t)
	list := []wire.Violation{
		{Rule: "NoTwin", Field: "", Message: "a twin", Params: map[string]string{"name": "dr-2"}},
		{Rule: "EnvironmentExists", Field: "destination", Message: "no environment", Params: map[string]string{}},
	}
	w.err = refusal(problem.Invalid, problem.ReasonInvalid, list...)
	p := w.do(t, http.MethodPost, runtimes+"/x", guideBody).problem(t)
	if diff := cmp.Diff(list, p.Violations); diff != "" {
		t.Error(diff)
	}
}

func TestIgnoredMembersAndParametersAreToldWithARefusal(t *testing.T) {
	w := newWorld(t)
	w.err = refusal(problem.Invalid, problem.ReasonInvalid, wire.Violation{Rule: "EnvironmentExists"})
	w.outcome = &change.Outcome{Ignored: []string{"UNKNOWN_MEMBER: destinationn is not known and was ignored"}}
	p := w.do(t, http.MethodPost, runtimes+"/x?force=true", guideBody).problem(t)
	want := []string{"UNKNOWN_PARAMETER: the query parameter force means nothing here and is ignored",
		"UNKNOWN_MEMBER: destinationn is not known and was ignored"}
	if diff := cmp.Diff(want, p.Warnings); diff != "" {
		t.Error(diff)
	}
}

func TestWhatWentWrongInsideIsLoggedUnderTheRequest(t *testing.T) {
	w := newWorld(t)
	w.err = errors.New("internals")
	p := w.do(t, http.MethodGet, runtimes+"/x", "").problem(t)
	lines := w.log.lines(t, "internal error")
	if len(lines) != 1 || lines[0]["error"] != "internals" || lines[0]["request_id"] != p.RequestID {
		t.Errorf("got %v", lines)
	}
}

func TestAPanicIsSurvivedAndLogged(t *testing.T) {
	w := newWorld(t)
	w.during = func(context.Context) { panic("boom " + canary) }
	got := w.do(t, http.MethodPost, runtimes+"/x", guideBody)
	p := got.problem(t)
	if got.StatusCode != http.StatusInternalServerError || p.Reason != "INTERNAL" ||
		strings.Contains(got.body, "boom") {
		t.Errorf("got %d %s", got.StatusCode, got.body)
	}
	lines := w.log.lines(t, "panic")
	if len(lines) != 1 || lines[0]["request_id"] != p.RequestID ||
		!strings.Contains(fmt.Sprint(lines[0]["stack"]), "failure_test.go") {
		t.Errorf("got %v", lines)
	}
	if audit := w.audited.lines(t, "write"); len(audit) != 1 || audit[0]["verdict"] != "INTERNAL" {
		t.Errorf("the write is not in the audit log: %v", audit)
	}
	w.during = nil
	if got := w.do(t, http.MethodGet, runtimes+"/x", ""); got.StatusCode != http.StatusOK {
		t.Errorf("the server does not go on: %d", got.StatusCode)
	}
}
