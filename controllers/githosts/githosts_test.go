package githosts

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/phases"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

func TestWhatTroubleWithAGitHostMeans(t *testing.T) {
	type verdict struct {
		Reason string
		After  time.Duration
	}
	for sentence, c := range map[string]struct {
		class problem.Class
		after time.Duration
		want  verdict
	}{
		"a token that is not known may be replaced soon": {problem.Unauthenticated, 0,
			verdict{api.ReasonCredentialsInvalid, 30 * time.Second}},
		"a permission that is missing is given by a person": {problem.Forbidden, 0,
			verdict{api.ReasonCredentialsInvalid, 5 * time.Minute}},
		"a git host that is down is asked soon": {problem.Unavailable, time.Second,
			verdict{api.ReasonUnreachable, 30 * time.Second}},
		"a git host says how long it limits us": {problem.RateLimited, 7 * time.Minute,
			verdict{api.ReasonUnreachable, 7 * time.Minute}},
		"an address without a GitLab": {problem.Missing, 0,
			verdict{api.ReasonUnreachable, 5 * time.Minute}},
		"values that are refused": {problem.Invalid, 0,
			verdict{api.ReasonWriteRefused, 5 * time.Minute}},
		"something in the way": {problem.Conflict, 0,
			verdict{api.ReasonWriteRefused, 5 * time.Minute}},
	} {
		t.Run(sentence, func(t *testing.T) {
			p := problem.As(Trouble(problem.New(c.class, problem.ReasonInvalid, "why").RetryAfter(c.after), "gitlab"))
			if diff := cmp.Diff(c.want, verdict{p.Reason, p.After}); diff != "" {
				t.Error(diff)
			}
			if result, err := phases.Outcome(t.Context(), p); err != nil || result.RequeueAfter != c.want.After {
				t.Errorf("outcome %v %v", result, err)
			}
		})
	}
}
