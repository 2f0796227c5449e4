package gitlab_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/githost/gitlab"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/secret"
)

func TestATokenIsInNoErrorThatGitLabProvokes(t *testing.T) {
	hookSecret := "hook-Canary"
	for name, handler := range map[string]http.HandlerFunc{
		"GitLab repeats it": func(w http.ResponseWriter, r *http.Request) { reply(w, 400, echo(r)) },
		"GitLab repeats it, escaped": func(w http.ResponseWriter, _ *http.Request) {
			reply(w, 422, `{"message":"`+url.QueryEscape(canary)+`"}`)
		},
		"a scope that is the token": func(w http.ResponseWriter, _ *http.Request) {
			reply(w, 403, `{"error":"insufficient_scope","scope":"`+canary+`"}`)
		},
		"an unauthorized echo": func(w http.ResponseWriter, r *http.Request) { reply(w, 401, echo(r)) },
		"an error page with it": func(w http.ResponseWriter,
			r *http.Request) {
			reply(w, 500, r.Header.Get("Authorization"))
		},
		"a redirect with it": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/x?"+canary)
			reply(w, 302, "")
		},
		"a broken redirect with it": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://a b/%zz"+canary)
			reply(w, 302, "")
		},
		"a success that is no JSON": func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, canary) },
		"a success with a wrong type": func(w http.ResponseWriter,
			_ *http.Request) {
			reply(w, 200, `{"id":"`+canary+hookSecret+`"}`)
		},
		"no answer": drop,
	} {
		t.Run(name, func(t *testing.T) {
			host := serve(t, handler)
			hook := githost.Hook{URL: "https://nautes.example.com/", Secret: secret.New(hookSecret)}
			for operation, err := range map[string]error{
				"Project":       second(host.ProjectAt(t.Context(), token, "a/b")),
				"ProjectsNamed": second(host.ProjectsNamed(t.Context(), token, "b")),
				"CreateProject": second(host.CreateProject(t.Context(), token, githost.NewProject{Path: "b"})),
				"CurrentUser":   second(host.CurrentUser(t.Context(), token)),
				"CreateDeployToken": second(host.CreateDeployToken(t.Context(), token, githost.OfProject(1),
					githost.DeployTokenRequest{Name: "a"})),
				"EnsureHook": host.EnsureHook(t.Context(), token, 1, hook),
			} {
				if err == nil {
					t.Fatalf("%s: no error", operation)
				}
				for form, text := range forms(t, err) {
					for _, hidden := range []string{canary, url.QueryEscape(canary), url.PathEscape(canary),
						hookSecret} {
						// nobody else knows that it is a secret
						ours := hidden != hookSecret || operation == "EnsureHook"
						if ours && strings.Contains(text, hidden) {
							t.Errorf("%s: %s shows a secret: %s", operation, form, text)
						}
					}
				}
			}
		})
	}
}

// forms are the ways in which an error ends in a log or an answer, for every error of its chain.
func forms(t *testing.T, err error) map[string]string {
	t.Helper()
	all := map[string]string{}
	for depth := 0; err != nil; depth, err = depth+1, errors.Unwrap(err) {
		var log bytes.Buffer
		slog.New(slog.NewJSONHandler(&log, nil)).Error("x", "error", err)
		asJSON, _ := json.Marshal(err) //nolint:errchkjson // what cannot be encoded cannot leak
		for form, text := range map[string]string{
			"%v": fmt.Sprintf("%v", err), "%+v": fmt.Sprintf("%+v", err), "%#v": fmt.Sprintf("%#v", err),
			"log": log.String(), "JSON": string(asJSON),
		} {
			all[fmt.Sprintf("%s at depth %d", form, depth)] = text
		}
	}
	return all
}

func echo(r *http.Request) string {
	body, _ := io.ReadAll(r.Body)
	said, _ := json.Marshal(map[string]string{"message": r.Header.Get("Authorization") + string(body) + " hook-Canary"})
	return string(said)
}

func TestForeignWordsAreBounded(t *testing.T) {
	long := strings.Repeat("wörd ", 1000) + canary
	host := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		said, _ := json.Marshal(map[string]string{"message": "line\r\nbreak\x1b[31m" + long})
		reply(w, 400, string(said))
	})
	_, err := host.ProjectAt(t.Context(), token, "a/b")
	p := problem.As(err)
	if p == nil || p.Class != problem.Invalid || len(p.Message) > 1200 || len(p.Cause.Error()) > 1200 {
		t.Fatalf("got %d bytes: %v", len(err.Error()), err)
	}
	if strings.ContainsAny(p.Message, "\r\n\x1b") || strings.ContainsRune(p.Message, '\uFFFD') {
		t.Errorf("got %q", p.Message)
	}
}

func TestAnAnswerWithoutEndIsNotReadToTheEnd(t *testing.T) {
	chunk := []byte(strings.Repeat(" ", 1<<20))
	for _, status := range []int{200, 500} {
		host := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			for {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		})
		if _, err := host.ProjectAt(t.Context(), token, "a/b"); !problem.Is(err, problem.Unavailable) {
			t.Errorf("%d: got %v", status, err)
		}
	}
}

// Two people use one Host at the same time. What each is told must be what GitLab tells the owner of the token.
func TestNoRequestActsWithAnothersToken(t *testing.T) {
	host := serve(t, func(w http.ResponseWriter, r *http.Request) {
		bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer token-of-")
		if !ok || r.Header.Get("Private-Token") != "" || strings.Contains(r.URL.String(), "token-of") {
			reply(w, 401, `{}`)
			return
		}
		id := strings.TrimPrefix(bearer, "user-")
		switch {
		case strings.HasSuffix(r.URL.Path, "/user"):
			reply(w, 200, fmt.Sprintf(`{"id":%s,"username":%q}`, id, bearer))
		case strings.HasSuffix(r.URL.Path, "/branches/main"):
			reply(w, 200, fmt.Sprintf(`{"name":"main","commit":{"id":%q}}`, bearer))
		default:
			reply(w, 200,
				strings.Replace(aProject, `"path":"b"`, fmt.Sprintf(`"path":"b","description":%q`, bearer), 1))
		}
	})
	var all sync.WaitGroup
	for i := 1; i <= 8; i++ {
		name := fmt.Sprintf("user-%d", i)
		own := secret.New("token-of-" + name)
		all.Go(func() {
			for range 40 {
				user, err := host.CurrentUser(t.Context(), own)
				if err != nil || user.Username != name {
					t.Errorf("%s is told to be %+v, %v", name, user, err)
				}
				r, err := host.RepositoryAt(t.Context(), own, "a/b", "main")
				if err != nil || r.Project.Description != name || r.Branch == nil || r.Branch.Head != name {
					t.Errorf("%s is told %+v, %v", name, r, err)
				}
			}
		})
	}
	all.Wait()
}

// The token goes to the configured host, whatever an answer says.
func TestATokenGoesToTheConfiguredHostOnly(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("%s %s was sent elsewhere, with %q", r.Method, r.URL, r.Header.Get("Authorization"))
	}))
	t.Cleanup(elsewhere.Close)
	host := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/groups/3/projects") && r.URL.Query().Get("page") == "":
			w.Header().Set("Link", `<`+elsewhere.URL+`/api/v4/groups/3/projects?page=2>; rel="next"`)
			reply(w, 200, "["+aProject+"]")
		case strings.HasSuffix(r.URL.Path, "/groups/3/projects"):
			reply(w, 200, "[]")
		case strings.Contains(r.URL.EscapedPath(), "moved"):
			w.Header().Set("Location", elsewhere.URL+"/api/v4/projects/7")
			reply(w, 301, "")
		default:
			reply(w, 200, strings.Replace(aProject, "https://git.example.com", elsewhere.URL, 1))
		}
	}, func(o *gitlab.Options) { o.URL += "/gitlab/" })

	listed, err := host.ProjectsOfGroup(t.Context(), token, 3)
	if err != nil || len(listed) != 1 {
		t.Fatalf("got %+v, %v", listed, err)
	}
	if _, err := host.ProjectAt(t.Context(), token, "a/moved"); !problem.Is(err, problem.Missing) {
		t.Errorf("got %v", err)
	}
	p, err := host.ProjectAt(t.Context(), token, "a/b")
	if err != nil || strings.HasPrefix(p.HTTPURL, elsewhere.URL) || !strings.HasSuffix(p.HTTPURL, "/gitlab/a/b.git") ||
		p.PublicURL != elsewhere.URL+"/a/b.git" {
		t.Errorf("got %q and %q, %v", p.HTTPURL, p.PublicURL, err)
	}
}
