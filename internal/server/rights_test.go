package server_test

import (
	"net/http"
	"strings"
	"testing"

	gitlabclient "gitlab.com/gitlab-org/api/client-go"
)

// TestWhoMayDoWhat asks with tokens that lack something. Whatever is refused changes nothing.
func TestWhoMayDoWhat(t *testing.T) {
	l := newLab(t)
	w := l.replica()
	ada := l.person("ada", "api")
	l.product(w, ada, "nautes-labs")
	if got := w.do(t, http.MethodPost, runtimes+"/dr-dev", guideBody, as(ada)); got.StatusCode != http.StatusOK {
		t.Fatal(got.body)
	}
	_, before := l.main("nautes-labs")

	reader := l.member("rita", "nautes-labs", gitlabclient.ReporterPermissions, "api")
	developer := l.member("dan", "nautes-labs", gitlabclient.DeveloperPermissions, "api")
	maintainer := l.member("mia", "nautes-labs", gitlabclient.MaintainerPermissions, "api")
	scoped := func(scopes ...string) string {
		return l.token("mia", &gitlabclient.CreatePersonalAccessTokenOptions{Scopes: &scopes})
	}
	other := strings.Replace(guideBody, "development", "other", 1)
	const one, forbidden, unknown = runtimes + "/dr-dev", "FORBIDDEN", "UNAUTHENTICATED"
	for name, c := range map[string]struct {
		token              string
		method, path, body string
		status             int
		reason             string
		// words that the answer must have.
		words []string
	}{
		"a reader gets":              {reader, http.MethodGet, one, "", 200, "", nil},
		"a reader lists":             {reader, http.MethodGet, runtimes, "", 200, "", nil},
		"a reader saves":             {reader, http.MethodPost, one, other, 403, forbidden, []string{"main"}},
		"a reader saves nothing new": {reader, http.MethodPost, one, guideBody, 403, forbidden, nil},
		"a reader tries a dry run":   {reader, http.MethodPost, one + "?dry_run=true", other, 403, forbidden, nil},
		"a reader forces": {reader, http.MethodPost, one + "?insecure_skip_check=true", other,
			403, forbidden, nil},
		"a reader deletes":               {reader, http.MethodDelete, one, "", 403, forbidden, nil},
		"a reader deletes for a dry run": {reader, http.MethodDelete, one + "?dry_run=true", "", 403, forbidden, nil},
		"a reader deletes what is not":   {reader, http.MethodDelete, runtimes + "/nothing", "", 403, forbidden, nil},
		"a developer, main being protected": {developer, http.MethodPost, one, other, 403, forbidden,
			[]string{"may not push to branch main", "protection"}},
		"a maintainer": {maintainer, http.MethodPost, one + "?dry_run=true", other, 200, "", nil},
		"a token for nothing, read": {scoped("read_user"), http.MethodGet, one, "", 403, forbidden,
			[]string{"read_api"}},
		"a token for nothing, save": {scoped("read_user"), http.MethodPost, one, other, 403, forbidden,
			[]string{"api"}},
		"a token for the API only, read": {scoped("read_api"), http.MethodGet, one, "", 200, "", nil},
		"a token for the API only, save": {scoped("read_api"), http.MethodPost, one, other, 403, forbidden,
			[]string{"write_repository"}},
		"a token to read, read": {scoped("read_api", "read_repository"), http.MethodGet, one,
			"", 200, "", nil},
		"a token to read, dry run": {scoped("read_api", "read_repository"), http.MethodPost,
			one + "?dry_run=true", other, 403, forbidden, []string{"write_repository"}},
		"a token to read, save": {scoped("read_api", "read_repository"), http.MethodPost, one, other, 403,
			forbidden, []string{"write_repository"}},
		"nobody, read": {"glpat-of-nobody-at-all", http.MethodGet, one, "", 401, unknown, nil},
		"nobody, save": {"glpat-of-nobody-at-all", http.MethodPost, one, other, 401, unknown, nil},
		"nobody, in a product that is not": {"glpat-of-nobody-at-all", http.MethodGet,
			strings.Replace(one, "nautes-labs", "nowhere", 1), "", 401, unknown, nil},
	} {
		t.Run(name, func(t *testing.T) {
			// With a replica that has the snapshot in memory, and with one that has not.
			for _, w := range []*world{l.replica(), w} {
				got := w.do(t, c.method, c.path, c.body, as(c.token))
				if got.StatusCode != c.status || c.reason != "" && got.problem(t).Reason != c.reason {
					t.Errorf("got %d %s", got.StatusCode, got.body)
				}
				for _, word := range c.words {
					if !strings.Contains(got.body, word) {
						t.Errorf("no word of %s: %s", word, got.body)
					}
				}
			}
		})
	}
	if _, after := l.main("nautes-labs"); len(after) != len(before) {
		t.Errorf("%d commits, before %d", len(after), len(before))
	}
}

func TestATokenThatEndedIsUnknown(t *testing.T) {
	l := newLab(t)
	w := l.replica()
	ada := l.person("ada", "api")
	l.product(w, ada, "nautes-labs")
	if got := w.do(t, http.MethodGet, runtimes, "", as(ada)); got.StatusCode != http.StatusOK {
		t.Fatal(got.body)
	}
	l.later.Store(int64(400 * 24 * 3600)) // seconds: no token lives as long
	for method, path := range map[string]string{http.MethodGet: runtimes, http.MethodPost: runtimes + "/dr-dev",
		http.MethodDelete: runtimes + "/dr-dev"} {
		got := w.do(t, method, path, guideBody, as(ada))
		if got.StatusCode != http.StatusUnauthorized || got.problem(t).Reason != "UNAUTHENTICATED" ||
			!strings.HasPrefix(got.Header.Get("WWW-Authenticate"), "Bearer") {
			t.Errorf("%s: %d %s", method, got.StatusCode, got.body)
		}
	}
}

func TestAPushThatGitLabRefusesIsAnsweredInItsWords(t *testing.T) {
	l := newLab(t)
	w := l.replica()
	ada := l.person("ada", "api")
	l.product(w, ada, "nautes-labs")
	l.refusePushes("nautes-labs")
	_, before := l.main("nautes-labs")
	got := w.do(t, http.MethodPost, runtimes+"/dr-dev", guideBody, as(ada))
	if p := got.problem(t); got.StatusCode != http.StatusForbidden || p.Reason != "FORBIDDEN" ||
		!strings.Contains(p.Detail, "GitLab: Commit message does not follow the pattern") {
		t.Errorf("got %d %s", got.StatusCode, got.body)
	}
	if _, after := l.main("nautes-labs"); len(after) != len(before) {
		t.Error("it landed")
	}
}
