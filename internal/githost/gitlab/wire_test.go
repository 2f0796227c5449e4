package gitlab_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/githost/gitlab"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/secret"
)

const canary = "glpat-Canary/1+2=3"

var token = secret.New(canary)

// serve returns a Host whose GitLab is the handler.
func serve(t *testing.T, handler http.HandlerFunc, options ...func(*gitlab.Options)) *gitlab.Host {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return connect(t, server.URL, options...)
}

func connect(t *testing.T, url string, options ...func(*gitlab.Options)) *gitlab.Host {
	t.Helper()
	o := gitlab.Options{URL: url, HTTP: &http.Client{Transport: gitlab.NewTransport(nil)}}
	for _, option := range options {
		option(&o)
	}
	host, err := gitlab.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return host
}

func reply(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

const aProject = `{"id":7,"path":"b","path_with_namespace":"a/b","http_url_to_repo":"https://git.example.com/a/b.git",
	"namespace":{"id":3,"full_path":"a","kind":"group"},"default_branch":"main","permissions":{"project_access":null,"group_access":{"access_level":30}}}`

func TestAnAnswerOfGitLabBecomesAProblem(t *testing.T) {
	date := "Wed, 25 Nov 2026 10:00:00 GMT"
	at := time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)
	for name, one := range map[string]struct {
		status int
		header map[string]string
		body   string
		class  problem.Class
		reason string
		after  time.Duration
		words  string
	}{
		"the token is not known": {401, nil, `{"message":"401 Unauthorized"}`, problem.Unauthenticated,
			problem.ReasonUnauthenticated, 0, "401 Unauthorized"},
		"the token was revoked": {401, nil, `{"error":"invalid_token","error_description":"Token was revoked."}`,
			problem.Unauthenticated, problem.ReasonUnauthenticated, 0, "Token was revoked."},
		"not allowed": {403, nil, `{"message":"403 Forbidden - Your account has been blocked."}`,
			problem.Forbidden, problem.ReasonForbidden, 0, "blocked"},
		"a scope lacks, says body": {403,
			nil, `{"error":"insufficient_scope","error_description":"more","scope":"api read_api"}`, problem.Forbidden,
			problem.ReasonInsufficientScope, 0, "api or read_api"},
		"a scope lacks, says header": {403, map[string]string{
			"WWW-Authenticate": `Bearer realm="x", error="insufficient_scope", scope="api read_user"`}, `{}`,
			problem.Forbidden, problem.ReasonInsufficientScope, 0, "api or read_user"},
		"a scope lacks, unnamed": {403, nil, `{"error":"insufficient_scope"}`, problem.Forbidden,
			problem.ReasonInsufficientScope, 0, "scope api"},
		"a fine-grained token": {403, nil, `{"error":"insufficient_granular_scope",` +
			`"error_description":"Access denied: the token lacks the permissions: read_branch"}`, problem.Forbidden,
			problem.ReasonInsufficientScope, 0, "fine-grained token do not cover it"},
		"archived": {403, nil, `{"message":"The project is archived"}`, problem.Forbidden,
			problem.ReasonArchived, 0, "archived"},
		"not there": {404, nil, `{"message":"404 Project Not Found"}`, problem.Missing,
			problem.ReasonMissing, 0, "a/b"},
		"moved": {301,
			map[string]string{"Location": "https://gitlab.example.com/api/v4/projects/42"}, `x`, problem.Missing,
			problem.ReasonMoved, 0, "project 42"},
		"moved, of a write": {405, nil, `{"message":"Non GET methods are not allowed for moved projects"}`,
			problem.Missing, problem.ReasonMoved, 0, "moved"},
		"a redirect to HTTPS": {301,
			map[string]string{"Location": "https://gitlab.example.com/api/v4/projects/a%2Fb"}, ``, problem.Unavailable,
			problem.ReasonBadAnswer, 5 * time.Second, "redirect"},
		"a redirect to a login page": {302, map[string]string{"Location": "https://sso.example.com/login"}, ``,
			problem.Unavailable, problem.ReasonBadAnswer, 5 * time.Second, "redirect"},
		"a redirect to nowhere": {302, nil, ``, problem.Unavailable, problem.ReasonBadAnswer,
			5 * time.Second, "redirect"},
		"the name is taken": {409, nil, `{"message":"409 Conflict"}`, problem.Conflict,
			problem.ReasonNameTaken, 0, "409 Conflict"},
		"the name is taken, 400": {400,
			nil, `{"message":{"path":["has already been taken"],"name":["has already been taken"]}}`, problem.Conflict,
			problem.ReasonNameTaken, 0, "path has already been taken"},
		"the group's name is taken": {400,
			nil, `{"message":"Failed to save group {:path=>[\"has already been taken\"]}"}`, problem.Conflict,
			problem.ReasonNameTaken, 0, ""},
		"bad values": {400,
			nil, `{"message":{"visibility_level":["private is not allowed","x"],"base":["y"]}}`, problem.Invalid,
			problem.ReasonInvalid, 0, "base y; visibility_level private is not allowed, x"},
		"bad values, by name": {422, nil, `{"error":"scopes is invalid"}`, problem.Invalid,
			problem.ReasonInvalid, 0, "scopes is invalid"},
		"bad values without a word": {422, nil, `<html>`, problem.Invalid, problem.ReasonInvalid, 0,
			"Unprocessable Entity"},
		"a namespace of others": {400, nil, `{"message":{"namespace":["is not valid"]}}`, problem.Forbidden,
			problem.ReasonForbidden, 0, "namespace is not valid"},
		"limited, in seconds": {429, map[string]string{"Retry-After": "17"}, `Retry later`, problem.RateLimited,
			problem.ReasonRateLimited, 17 * time.Second, "limits"},
		"limited, until a date": {429,
			map[string]string{"Retry-After": at.Add(40 * time.Second).Format(http.TimeFormat), "Date": date}, ``,
			problem.RateLimited, problem.ReasonRateLimited, 40 * time.Second, ""},
		"limited, until a reset": {429, map[string]string{"RateLimit-Reset": fmt.Sprint(at.Add(30 * time.Second).
			Unix()), "Date": date}, ``, problem.RateLimited, problem.ReasonRateLimited, 30 * time.Second, ""},
		"limited, reset is past": {429, map[string]string{"RateLimit-Reset": "1", "Date": date}, ``,
			problem.RateLimited, problem.ReasonRateLimited, time.Minute, ""},
		"limited, for a year": {429, map[string]string{"Retry-After": "31536000"}, ``, problem.RateLimited,
			problem.ReasonRateLimited, time.Hour, ""},
		"limited, unsaid": {429, nil, ``, problem.RateLimited, problem.ReasonRateLimited, time.Minute,
			"does not say for how long; wait a minute"},
		"broken": {500, nil, `{"message":"500 Internal Server Error"}`, problem.Unavailable,
			problem.ReasonUnavailable, 5 * time.Second, "500"},
		"down for a while": {503, map[string]string{"Retry-After": "120"}, ``, problem.Unavailable,
			problem.ReasonUnavailable, 2 * time.Minute, "503"},
		"a page instead of JSON": {200, nil, `<html>log in</html>`, problem.Unavailable, problem.ReasonBadAnswer,
			5 * time.Second, ""},
		"half an answer": {200, nil, aProject[:60], problem.Unavailable, problem.ReasonBadAnswer,
			5 * time.Second, ""},
		"nothing": {200, nil, `null`, problem.Unavailable, problem.ReasonBadAnswer,
			5 * time.Second, ""},
		"an empty object": {200, nil, `{}`, problem.Unavailable, problem.ReasonBadAnswer, 5 * time.Second, ""},
		"an empty body":   {200, nil, ``, problem.Unavailable, problem.ReasonBadAnswer, 5 * time.Second, ""},
		"the wrong project": {200, nil, strings.Replace(aProject, "a/b", "c/d", 1), problem.Missing,
			problem.ReasonMoved, 0, "moved"},
	} {
		t.Run(name, func(t *testing.T) {
			host := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				for k, v := range one.header {
					w.Header().Set(k, v)
				}
				reply(w, one.status, one.body)
			})
			_, err := host.ProjectAt(t.Context(), token, "a/b")
			p := problem.As(err)
			if p == nil || p.Class != one.class || p.Reason != one.reason || p.After != one.after ||
				!strings.Contains(p.Message, one.words) {
				t.Errorf("got %+v\nwant %s/%s after %s with %q", p, one.class, one.reason, one.after, one.words)
			}
		})
	}
}

// The limit on new projects counts by the day. GitLab does not say so.
func TestTheLimitOnNewProjectsIsNotOverInAMinute(t *testing.T) {
	host := serve(t, func(w http.ResponseWriter, _ *http.Request) { reply(w, 429, `Retry later`) })
	_, err := host.CreateProject(t.Context(), token, githost.NewProject{NamespaceID: 3, Path: "b"})
	if p := problem.As(err); p == nil || p.Class != problem.RateLimited || p.After != time.Hour ||
		!strings.Contains(p.Message, "wait an hour") {
		t.Errorf("got %+v", p)
	}
}

func TestARedirectToTheSamePathIsNoMove(t *testing.T) {
	host := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "https://gitlab.example.com"+r.URL.Path)
		reply(w, 301, "")
	})
	if _, err := host.ProjectByID(t.Context(), token, 7); !problem.Is(err, problem.Unavailable) {
		t.Errorf("got %v", err)
	}
}

func TestWhatIsInTheWayOfADeletionIsNoTakenName(t *testing.T) {
	host := serve(t, func(w http.ResponseWriter, _ *http.Request) { reply(w, 409, `{"message":"409 Conflict"}`) })
	if p := problem.As(host.DeleteProject(t.Context(), token, 7)); p == nil || p.Class != problem.Conflict ||
		p.Reason != problem.ReasonConflict {
		t.Errorf("got %+v", p)
	}
	host = serve(t, func(w http.ResponseWriter, _ *http.Request) {
		reply(w, 400, `{"message":"Group has been already marked for deletion"}`)
	})
	if err := host.DeleteGroup(t.Context(), token, 7); err != nil {
		t.Errorf("a second order to delete: %v", err)
	}
}

// hang waits until the client is gone; a server notices that only once the body is read.
func hang(r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

func TestASlowGitLabTimesOut(t *testing.T) {
	quick := func(o *gitlab.Options) { o.Timeout = 50 * time.Millisecond }
	for name, handler := range map[string]http.HandlerFunc{
		"before the answer": func(_ http.ResponseWriter, r *http.Request) { hang(r) },
		"within the answer": func(w http.ResponseWriter, r *http.Request) {
			reply(w, 200, `{"id":`)
			w.(http.Flusher).Flush()
			hang(r)
		},
	} {
		t.Run(name, func(t *testing.T) {
			host := serve(t, handler, quick)
			for operation, err := range map[string]error{
				"Project":       second(host.ProjectAt(t.Context(), token, "a/b")),
				"Repository":    second(host.RepositoryAt(t.Context(), token, "a/b", "main")),
				"CreateProject": second(host.CreateProject(t.Context(), token, githost.NewProject{Path: "b"})),
			} {
				p := problem.As(err)
				if p == nil || p.Class != problem.Unavailable || p.Reason != problem.ReasonTimedOut || p.After == 0 {
					t.Errorf("%s: got %v", operation, err)
				}
			}
		})
	}
}

func TestWhoGivesUpGetsTheContextsError(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var calls []string
	host := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		hang(r)
	}, func(o *gitlab.Options) {
		o.Observe = func(c gitlab.Call) { calls = append(calls, c.Operation+" "+c.Outcome) }
	})
	if _, err := host.ProjectAt(ctx, token, "a/b"); !errors.Is(err, context.Canceled) || problem.As(err) != nil {
		t.Errorf("got %v", err)
	}
	if len(calls) != 1 || calls[0] != "GetProject Canceled" {
		t.Errorf("got %v", calls)
	}
}

func TestAnUnreachableGitLabIsUnavailable(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	_, err := connect(t, server.URL).ProjectAt(t.Context(), token, "a/b")
	if p := problem.As(err); p == nil || p.Class != problem.Unavailable || p.Reason != problem.ReasonUnavailable ||
		p.After == 0 {
		t.Errorf("got %v", err)
	}
}

type failing struct{ err error }

func (f failing) RoundTrip(*http.Request) (*http.Response, error) { return nil, f.err }

func TestNobodyThereIsNotTheSameAsSlow(t *testing.T) {
	for operation, reason := range map[string]string{"dial": problem.ReasonUnavailable,
		"read": problem.ReasonTimedOut} {
		host := connect(t, "http://127.0.0.1:1", func(o *gitlab.Options) {
			o.HTTP = &http.Client{Transport: failing{
				&net.OpError{Op: operation, Net: "tcp", Err: os.ErrDeadlineExceeded}}}
		})
		_, err := host.ProjectAt(t.Context(), token, "a/b")
		if p := problem.As(err); p == nil || p.Class != problem.Unavailable || p.Reason != reason {
			t.Errorf("%s: got %v", operation, err)
		}
	}
}

// drop breaks the connection without an answer.
func drop(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

func TestOnlyReadsAreRepeatedAndOnce(t *testing.T) {
	create := func(h *gitlab.Host) error {
		return second(h.CreateProject(t.Context(), token, githost.NewProject{NamespaceID: 1, Path: "b"}))
	}
	read := func(h *gitlab.Host) error { return second(h.ProjectAt(t.Context(), token, "a/b")) }
	status := func(code int, header ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for _, h := range header {
				w.Header().Set(h, "1")
			}
			reply(w, code, `{}`)
		}
	}
	for name, one := range map[string]struct {
		handler http.HandlerFunc
		call    func(*gitlab.Host) error
		want    int32
	}{
		"a read whose connection breaks": {drop, read, 2}, "a write whose connection breaks": {drop, create, 1},
		"a read while a proxy waits for GitLab": {status(502), read, 2}, "a write meanwhile": {status(502), create, 1},
		"a read of a GitLab that names a time": {status(503, "Retry-After"), read, 1},
		"a bug of GitLab":                      {status(500), read, 1},
		"a read over the limit":                {status(429), read, 1},
		"a write over the limit":               {status(429, "Retry-After"), create, 1},
		"a refused token":                      {status(401), read, 1}, "nothing there": {status(404), read, 1},
	} {
		t.Run(name, func(t *testing.T) {
			var attempts atomic.Int32
			host := serve(t, func(w http.ResponseWriter, r *http.Request) {
				attempts.Add(1)
				one.handler(w, r)
			})
			if one.call(host) == nil {
				t.Error("no error")
			}
			if got := attempts.Load(); got != one.want {
				t.Errorf("%d attempts, want %d", got, one.want)
			}
		})
	}
	t.Run("a read that breaks once succeeds", func(t *testing.T) {
		var attempts atomic.Int32
		host := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if attempts.Add(1) == 1 {
				drop(w, r)
			}
			reply(w, 200, aProject)
		})
		if err := read(host); err != nil {
			t.Error(err)
		}
	})
}

func TestProjectAndBranchAreAskedForSideBySide(t *testing.T) {
	var both sync.WaitGroup
	both.Add(2)
	host := serve(t, func(w http.ResponseWriter, r *http.Request) {
		both.Done()
		both.Wait() // each answer waits for the other's request
		if strings.HasSuffix(r.URL.Path, "/branches/main") {
			reply(w, 200, `{"name":"main","can_push":true,"commit":{"id":"c0ffee"}}`)
			return
		}
		reply(w, 200, aProject)
	})
	got, err := host.RepositoryAt(t.Context(), token, "a/b", "main")
	if err != nil || got.Branch == nil || got.Branch.Head != "c0ffee" || !got.Branch.CanPush || !got.CodeReadable {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestABranchThatIsRefusedTellsWhetherTheCodeIsReadable(t *testing.T) {
	hidden := strings.Replace(aProject, `"default_branch":"main"`, `"default_branch":null`, 1)
	for name, one := range map[string]struct {
		project, branch string
		status          int
		readable        bool
		class           problem.Class
	}{
		"absent":                               {aProject, `{"message":"404 Branch Not Found"}`, 404, true, ""},
		"absent in an empty repository":        {hidden, `{"message":"404 Branch Not Found"}`, 404, true, ""},
		"the repository is switched off":       {hidden, `{"message":"404 Repository Not Found"}`, 404, false, ""},
		"no repository yet, code is shown":     {aProject, `{"message":"404 Not Found"}`, 404, true, ""},
		"no repository yet, code is not shown": {hidden, `{"message":"404 Not Found"}`, 404, false, ""},
		"a guest":                              {hidden, `{"message":"403 Forbidden"}`, 403, false, ""},
		"a token without the scope": {aProject, `{"error":"insufficient_scope","scope":"api"}`, 403, false,
			problem.Forbidden},
		"a token that ended meanwhile": {aProject, `{}`, 401, false, problem.Unauthenticated},
		"the limit is reached with it": {aProject, `{}`, 429, false, problem.RateLimited},
		"git's storage is down":        {aProject, `{}`, 503, false, problem.Unavailable},
		"another branch is answered": {aProject, `{"name":"maintenance","commit":{"id":"c0ffee"}}`, 200,
			false, problem.Unavailable},
		"a branch without a commit is no branch": {aProject, `{"name":"main","commit":null}`, 200, false,
			problem.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			host := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, "/branches/main") {
					reply(w, one.status, one.branch)
					return
				}
				reply(w, 200, one.project)
			})
			got, err := host.RepositoryAt(t.Context(), token, "a/b", "main")
			if one.class != "" {
				if !problem.Is(err, one.class) {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil || got.CodeReadable != one.readable || got.Branch != nil || got.Project.ID != 7 {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func second[T any](_ T, err error) error { return err }

// GitLab disables a hook whose deliveries fail, and a change does not enable it again.
func TestAHookThatGitLabDisabledIsReplaced(t *testing.T) {
	var lock sync.Mutex
	var got []string
	host := serve(t, func(w http.ResponseWriter, r *http.Request) {
		lock.Lock()
		defer lock.Unlock()
		got = append(got, r.Method+" "+strings.TrimPrefix(r.URL.Path, "/api/v4/projects/1/"))
		switch r.Method {
		case http.MethodGet:
			reply(w, 200, `[{"id":5,"url":"https://x/","alert_status":"disabled"},`+
				`{"id":6,"url":"https://y/","alert_status":"disabled"}]`)
		case http.MethodPost:
			reply(w, 201, `{"id":7,"url":"https://x/"}`)
		default:
			w.WriteHeader(http.StatusNoContent)
		}
	})
	if err := host.EnsureHook(t.Context(), token, 1, githost.Hook{URL: "https://x/"}); err != nil {
		t.Fatal(err)
	}
	if want := []string{"GET hooks", "POST hooks", "DELETE hooks/5"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
