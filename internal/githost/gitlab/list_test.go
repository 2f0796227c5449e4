package gitlab_test

import (
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/githost/gitlab"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

func numbered(ids ...int) string {
	var all []string
	for _, id := range ids {
		all = append(all,
			fmt.Sprintf(`{"id":%d,"path":"b","path_with_namespace":"g%d/b","namespace":{"id":%d,"full_path":"g%d","kind":"group"}}`,
				id, id, id, id))
	}
	return "[" + strings.Join(all, ",") + "]"
}

type page struct {
	status int
	body   string
	header map[string]string
}

func ok(body string) page { return page{200, body, nil} }

type listCase struct {
	pages []page
	want  []int64
	class problem.Class
}

// check serves the pages one after the other and wants the ids, or a problem and nothing else.
func (c listCase) check(t *testing.T, list func(*gitlab.Host) ([]githost.Project, error)) {
	t.Helper()
	asked := 0
	host := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if asked >= len(c.pages) {
			t.Error("asked for a page too many")
			return
		}
		at := c.pages[asked]
		asked++
		for k, v := range at.header {
			w.Header().Set(k, v)
		}
		reply(w, at.status, at.body)
	})
	got, err := list(host)
	if c.class != "" {
		if !problem.Is(err, c.class) || got != nil {
			t.Errorf("got %+v, %v", got, err)
		}
		return
	}
	var ids []int64
	for _, p := range got {
		ids = append(ids, p.ID)
	}
	if err != nil || !slices.Equal(ids, c.want) || asked != len(c.pages) {
		t.Errorf("got %v after %d pages, %v", ids, asked, err)
	}
}

// Lists by page number: the header names the next page and the total.
func TestAListByPagesIsWholeOrAnError(t *testing.T) {
	next := map[string]string{"X-Next-Page": "2"}
	nextOf := func(n string) map[string]string { return map[string]string{"X-Next-Page": "2", "X-Total": n} }
	total := func(n string) map[string]string { return map[string]string{"X-Total": n} }
	for name, one := range map[string]listCase{
		"one page": {[]page{ok(numbered(1, 2))}, []int64{1, 2}, ""},
		"nothing":  {[]page{ok(`[]`)}, nil, ""},
		"several pages, sorted": {[]page{{200, numbered(3), next}, ok(numbered(1, 2))},
			[]int64{1, 2, 3}, ""},
		"a last page without entries": {[]page{{200, numbered(1), next}, ok(`[]`)}, []int64{1}, ""},
		"as many as were promised": {[]page{{200, numbered(1), nextOf("2")},
			{200, numbered(2), total("2")}}, []int64{1, 2}, ""},
		"fewer than were promised": {[]page{{200, numbered(1), nextOf("3")},
			{200, numbered(2), total("3")}}, nil, problem.Unavailable},
		"nothing, where something was promised": {[]page{{200, `[]`, total("3")}}, nil, problem.Unavailable},
		"the second page fails": {[]page{{200, numbered(1), next}, {500, `{}`, nil}}, nil,
			problem.Unavailable},
		"the second page is gone": {[]page{{200, numbered(1), next}, {404, `{}`, nil}},
			nil, problem.Missing},
		"the second page is over the limit": {[]page{{200, numbered(1), next}, {429, `{}`, nil}}, nil,
			problem.RateLimited},
		"the second page breaks off": {[]page{{200, numbered(1), next}, ok(numbered(2)[:40])}, nil,
			problem.Unavailable},
		"the second page is null": {[]page{{200, numbered(1), next}, ok(`null`)}, nil,
			problem.Unavailable},
		"the second page is empty text": {[]page{{200, numbered(1), next}, ok(``)}, nil, problem.Unavailable},
		"a page with a hole":            {[]page{ok(`[null]`)}, nil, problem.Unavailable},
		"a page with something else":    {[]page{ok(`[{}]`)}, nil, problem.Unavailable},
		"an entry comes twice": {[]page{{200, numbered(1, 2), next}, ok(numbered(2, 3))}, nil,
			problem.Unavailable},
		"an empty page that claims to go on": {[]page{{200, `[]`, next}}, nil, problem.Unavailable},
		"a header that nobody can read": {[]page{{200, numbered(1), map[string]string{"Link": "<x>; next"}}},
			nil, problem.Unavailable},
		"a page of a program in front of GitLab": {[]page{{200, numbered(1), next}, ok(`<html>`)}, nil,
			problem.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			one.check(t,
				func(h *gitlab.Host) ([]githost.Project, error) { return h.ProjectsOfGroup(t.Context(), token, 1) })
		})
	}
	for name, err := range map[string]func(*gitlab.Host) error{
		"of deploy tokens": func(h *gitlab.Host) error {
			return second(h.DeployTokens(t.Context(), token,
				githost.OfGroup(1)))
		},
		"of hooks": func(h *gitlab.Host) error {
			return h.EnsureHook(t.Context(), token, 1, githost.Hook{URL: "https://x/"})
		},
		"of groups": func(h *gitlab.Host) error { return second(h.SubgroupsOf(t.Context(), token, 1)) },
	} {
		t.Run(name, func(t *testing.T) {
			host := serve(t, func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, `[{"id":1},null]`) })
			if err := err(host); !problem.Is(err, problem.Unavailable) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// Lists by id: they end where nothing comes any more.
func TestAListByIDIsWholeOrAnError(t *testing.T) {
	for name, one := range map[string]listCase{
		"nothing": {[]page{ok(`[]`)}, nil, ""},
		"several pages": {[]page{ok(numbered(1, 2)), ok(numbered(3)), ok(`[]`)},
			[]int64{1, 2, 3}, ""},
		"the second page fails":             {[]page{ok(numbered(1)), {500, `{}`, nil}}, nil, problem.Unavailable},
		"the second page is over the limit": {[]page{ok(numbered(1)), {429, `{}`, nil}}, nil, problem.RateLimited},
		"the second page breaks off":        {[]page{ok(numbered(1)), ok(numbered(2)[:40])}, nil, problem.Unavailable},
		"the second page is null":           {[]page{ok(numbered(1)), ok(`null`)}, nil, problem.Unavailable},
		"a page with a hole":                {[]page{ok(`[null]`)}, nil, problem.Unavailable},
		"a page with something else":        {[]page{ok(`[{}]`)}, nil, problem.Unavailable},
		"pages that turn in a circle":       {[]page{ok(numbered(1)), ok(numbered(1))}, nil, problem.Unavailable},
		"pages out of order":                {[]page{ok(numbered(2)), ok(numbered(1))}, nil, problem.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			one.check(t,
				func(h *gitlab.Host) ([]githost.Project, error) { return h.ProjectsNamed(t.Context(), token, "b") })
		})
	}
}

func TestProjectsNamedAsksForStablePages(t *testing.T) {
	host := serve(t, func(w http.ResponseWriter, r *http.Request) {
		for key, want := range map[string]string{"search": "default.project", "order_by": "id", "sort": "asc",
			"pagination": "keyset", "per_page": "100"} {
			if got := r.URL.Query().Get(key); got != want {
				t.Errorf("%s is %q, want %q", key, got, want)
			}
		}
		reply(w, 200, `[]`)
	})
	if _, err := host.ProjectsNamed(t.Context(), token, "default.project"); err != nil {
		t.Error(err)
	}
}

func TestTheAddressOfAUserIsNeverEmpty(t *testing.T) {
	for body, want := range map[string]string{
		`{"id":5,"username":"ann","email":"ann@example.com","commit_email":"5-ann@users.noreply.example.com"}`: "5-ann@users.noreply.example.com",
		`{"id":5,"username":"ann","email":"ann@example.com","commit_email":null}`:                              "ann@example.com",
		`{"id":5,"username":"ann","email":""}`:                                                                 "5-ann@users.noreply.127.0.0.1",
	} {
		host := serve(t, func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, body) })
		got, err := host.CurrentUser(t.Context(), token)
		if err != nil || got.Email != want || got.Name != "ann" {
			t.Errorf("got %+v, %v, want %s", got, err, want)
		}
	}
}

func TestEveryCallIsObserved(t *testing.T) {
	var lock sync.Mutex
	got := map[string]int{}
	now := time.Now()
	host := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/branches/main") {
			reply(w, 403, `{}`)
			return
		}
		reply(w, 200, aProject)
	}, func(o *gitlab.Options) {
		o.Now = func() time.Time {
			lock.Lock()
			defer lock.Unlock()
			now = now.Add(time.Second)
			return now
		}
		o.Observe = func(c gitlab.Call) {
			lock.Lock()
			defer lock.Unlock()
			got[c.Operation+" "+c.Outcome]++
			if c.Took <= 0 {
				t.Errorf("%+v took no time", c)
			}
		}
	})
	if _, err := host.RepositoryAt(t.Context(), token, "a/b", "main"); err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got["GetProject OK"] != 1 || got["GetBranch Forbidden"] != 1 {
		t.Errorf("got %v", got)
	}
}

func TestTheURLOfGitLabIsChecked(t *testing.T) {
	for url, good := range map[string]bool{
		"https://gitlab.example.com": true, "https://gitlab.example.com/": true,
		"http://GitLab.example.com:8080/gitlab": true,
		"https://gitlab.example.com/api/v4/":    true, "": false, "gitlab.example.com": false,
		"ssh://gitlab.example.com": false, "https://": false,
		"https://user:glpat-Canary@gitlab.example.com": false, "https://gitlab.example.com/?private_token=x": false,
		"https://gitlab.example.com/#x": false,
		"https://glpat-Canary@a b":      false,
	} {
		host, err := gitlab.New(gitlab.Options{URL: url})
		if (err == nil) != good || (host != nil) != good {
			t.Errorf("%s: got %v", url, err)
		}
		if err != nil && strings.Contains(err.Error(), "glpat-Canary") {
			t.Errorf("shows a password: %v", err)
		}
	}
}

func TestAPrivateCAIsTrustedOnlyIfGiven(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter,
		_ *http.Request) {
		reply(w, 200, aProject)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // it complains of the one that does not trust it
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	trusting := connect(t, server.URL,
		func(o *gitlab.Options) { o.HTTP = &http.Client{Transport: gitlab.NewTransport(roots)} })
	if _, err := trusting.ProjectAt(t.Context(), token, "a/b"); err != nil {
		t.Error(err)
	}
	if _, err := connect(t, server.URL).ProjectAt(t.Context(), token, "a/b"); !problem.Is(err, problem.Unavailable) {
		t.Errorf("got %v", err)
	}
}
