package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nautes-labs/deployment-runtime/internal/change"
	"github.com/nautes-labs/deployment-runtime/internal/githost/gitlab"
	"github.com/nautes-labs/deployment-runtime/internal/server"
	"github.com/nautes-labs/deployment-runtime/test/fakegitlab"
)

// Whatever GitLab does, the caller is told what it was and when to come back, nothing is half done, and the next
// request works.
func TestATroubledGitLabIsToldAndSurvived(t *testing.T) {
	const api, fetch, push = "/api/v4/projects/", "/git-upload-pack", "/git-receive-pack"
	l := newLab(t)
	ada := l.person("ada", "api")
	l.product(l.replica(), ada, "nautes-labs")
	type want struct {
		status int
		reason string
		retry  string
	}
	limited, down, noGit := want{429, "RATE_LIMITED", "7"}, want{503, "GITLAB_UNAVAILABLE", "5"},
		want{503, "GITLAB_UNAVAILABLE", "1"}
	for name, c := range map[string]struct {
		fault fakegitlab.Fault
		read  *want // nil: it succeeds
		write *want
	}{
		"a limit of the API": {fakegitlab.Fault{Path: api, Status: 429, RetryAfter: 7 * time.Second},
			&limited, &limited},
		"a limit without a time": {fakegitlab.Fault{Path: api, Status: 429}, &want{429, "RATE_LIMITED", "60"},
			&want{429, "RATE_LIMITED", "60"}},
		"an error of the API": {fakegitlab.Fault{Path: api, Status: 500}, &down, &down},
		"a gateway":           {fakegitlab.Fault{Path: api, Status: 502}, &down, &down},
		"maintenance": {fakegitlab.Fault{Path: api, Status: 503, RetryAfter: 9 * time.Second},
			&want{503, "GITLAB_UNAVAILABLE", "9"}, &want{503, "GITLAB_UNAVAILABLE", "9"}},
		"connections that drop": {fakegitlab.Fault{Path: api, Drop: true}, &down, &down},
		"half an answer":        {fakegitlab.Fault{Path: api, Partial: true}, &down, &down},
		"one gateway error":     {fakegitlab.Fault{Path: api, Status: 502, Times: 1}, nil, nil},
		"one connection drops":  {fakegitlab.Fault{Path: api, Drop: true, Times: 1}, nil, nil},
		"a limit of fetches": {fakegitlab.Fault{Path: fetch, Status: 429, RetryAfter: 7 * time.Second},
			&limited, &limited},
		"an error of a fetch": {fakegitlab.Fault{Path: fetch, Status: 500}, &noGit, &noGit},
		"a fetch that drops":  {fakegitlab.Fault{Path: fetch, Drop: true}, &noGit, &noGit},
		"half a fetch":        {fakegitlab.Fault{Path: fetch, Partial: true}, &noGit, &noGit},
		"a limit of pushes": {fakegitlab.Fault{Path: push, Status: 429, RetryAfter: 7 * time.Second},
			nil, &limited},
		"a push during upkeep": {fakegitlab.Fault{Path: push, Status: 503, RetryAfter: 9 * time.Second}, nil,
			&want{503, "GITLAB_UNAVAILABLE", "9"}},
		"pushes that drop":         {fakegitlab.Fault{Path: push, Drop: true}, nil, &noGit},
		"an error of every push":   {fakegitlab.Fault{Path: push, Status: 500}, nil, &noGit},
		"one push drops":           {fakegitlab.Fault{Path: push, Drop: true, Times: 1}, nil, nil},
		"an answer to a push lost": {fakegitlab.Fault{Path: push, LoseAnswer: true}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := l.replica() // with nothing in memory
			label := "dr-" + strings.ToLower(strings.ReplaceAll(name, " ", "-"))
			path := runtimes + "/" + label
			body := strings.Replace(guideBody, "development", label, 1)
			check := func(method string, got reply, wanted *want) {
				switch {
				case wanted == nil && got.StatusCode != http.StatusOK:
					t.Errorf("%s: %d %s", method, got.StatusCode, got.body)
				case wanted != nil:
					if is := (want{got.StatusCode, got.problem(t).Reason,
						got.Header.Get("Retry-After")}); is != *wanted {
						t.Errorf("%s: %+v, want %+v: %s", method, is, *wanted, got.body)
					}
				}
			}
			remove := l.Trouble().Add(c.fault)
			check("read", w.do(t, http.MethodGet, runtimes, "", as(ada)), c.read)
			remove()
			w = l.replica()
			remove = l.Trouble().Add(c.fault)
			check("write", w.do(t, http.MethodPost, path, body, as(ada)), c.write)
			remove()

			files, commits := l.main("nautes-labs")
			if landed := files["runtimes/"+label+".yaml"] != ""; landed != (c.write == nil) {
				t.Errorf("on main: %t", landed)
			}
			if got := w.do(t, http.MethodGet, runtimes, "", as(ada)); got.StatusCode != http.StatusOK {
				t.Errorf("the next read: %d %s", got.StatusCode, got.body)
			}
			got := w.do(t, http.MethodPost, path, body, as(ada))
			if got.StatusCode != http.StatusOK || strings.Contains(got.body, `"changed":false`) != (c.write == nil) {
				t.Errorf("the next write: %d %s", got.StatusCode, got.body)
			}
			if _, now := l.main("nautes-labs"); len(now) != len(commits)+count(c.write != nil) {
				t.Errorf("%d commits, before the last write %d", len(now), len(commits))
			}
		})
	}
}

func TestAGitLabThatIsTooSlowIsGivenUp(t *testing.T) {
	l := newLab(t)
	ada := l.person("ada", "api")
	l.product(l.replica(), ada, "nautes-labs")
	hasty, err := gitlab.New(gitlab.Options{URL: l.url, Timeout: time.Nanosecond})
	l.must(err)
	w := l.replica(func(c *change.Options, _ *server.Options) { c.Host = hasty })
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
		got := w.do(t, method, runtimes+"/dr-dev", guideBody, as(ada))
		if got.StatusCode != http.StatusGatewayTimeout || got.problem(t).Reason != "GITLAB_UNAVAILABLE" ||
			got.Header.Get("Retry-After") == "" {
			t.Errorf("%s: %d %s", method, got.StatusCode, got.body)
		}
	}
}

// The push took effect, its answer was lost, and GitLab does not say what main is now: the caller is told that nobody
// knows.
func TestAPushOfWhichNothingIsKnownIsNotCalledAFailure(t *testing.T) {
	l := newLab(t)
	w := l.replica()
	ada := l.person("ada", "api")
	l.product(w, ada, "nautes-labs")
	l.Trouble().LosePushAnswers(0)
	f := func(r *http.Request) {
		if isPush(r) {
			l.Trouble().Add(fakegitlab.Fault{Path: "/api/v4/projects/", Status: 500})
		}
	}
	l.before.Store(&f)
	got := w.do(t, http.MethodPost, runtimes+"/dr-dev", guideBody, as(ada))
	if p := got.problem(t); got.StatusCode != http.StatusServiceUnavailable ||
		!strings.Contains(p.Detail, "not known whether") || !strings.Contains(p.Detail, "look there") {
		t.Errorf("got %d %s", got.StatusCode, got.body)
	}
	l.before.Store(nil)
	l.Trouble().Clear()
	if got := w.do(t, http.MethodPost, runtimes+"/dr-dev", guideBody, as(ada)); got.StatusCode != http.StatusOK ||
		!strings.Contains(got.body, `"changed":false`) {
		t.Errorf("the same again: %d %s", got.StatusCode, got.body)
	}
}

// Two replicas know nothing of each other. Fifty writers use both at once, and every tenth wants what another one wants
// as well.
func TestFiftyWritersOnTwoReplicasLoseNothing(t *testing.T) {
	const writers = 50
	l := newLab(t)
	replicas := []*world{l.replica(), l.replica()}
	ada := l.person("ada", "api")
	l.product(replicas[0], ada, "nautes-labs")
	answers := make([]reply, writers)
	l.together(writers, func(i int) {
		answers[i] = replicas[i/2%2].do(t, http.MethodPost, fmt.Sprintf("%s/dr-%d", runtimes, i),
			strings.Replace(guideBody, "development", pathOf(i), 1), as(ada))
	})
	files, commits := l.main("nautes-labs")
	landed := 0
	for i, got := range answers {
		there := files[fmt.Sprintf("runtimes/dr-%d.yaml", i)] != ""
		switch {
		case got.StatusCode == http.StatusOK:
			landed++
		case got.StatusCode == http.StatusConflict && got.problem(t).Reason == "CONFLICT":
			t.Logf("writer %d lost too many races", i)
		case got.StatusCode != http.StatusUnprocessableEntity || got.problem(t).Violations[0].Rule != "TwinRuntime" ||
			i%10 > 1:
			t.Errorf("writer %d: %d %s", i, got.StatusCode, got.body)
		}
		if there != (got.StatusCode == http.StatusOK) {
			t.Errorf("writer %d was answered with %d; on main: %t", i, got.StatusCode, there)
		}
	}
	if landed < writers/2 || len(commits) < landed {
		t.Errorf("%d landed, in %d commits", landed, len(commits))
	}
	l.everyTreeIsValid("nautes-labs")
}

// pathOf makes twins of the first two of every ten.
func pathOf(i int) string {
	if i%10 == 1 {
		i--
	}
	return fmt.Sprint("path-", i)
}

func TestFiftyWritersOfOneProductAllSucceed(t *testing.T) {
	const writers = 50
	l := newLab(t)
	w := l.replica()
	ada := l.person("ada", "api")
	l.product(w, ada, "nautes-labs")
	l.together(writers, func(i int) {
		body := strings.Replace(guideBody, "development", fmt.Sprint("path-", i), 1)
		if got := w.do(t, http.MethodPost, fmt.Sprintf("%s/dr-%d", runtimes, i), body,
			as(ada)); got.StatusCode != http.StatusOK {
			t.Errorf("writer %d: %d %s", i, got.StatusCode, got.body)
		}
	})
	if files, _ := l.main("nautes-labs"); len(files) < writers {
		t.Errorf("%d files", len(files))
	}
}
