package fakegitlab_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/nautes-labs/deployment-runtime/test/fakegitlab"
)

// What GitLab ignores in silence is loud here. The real client cannot send most of it, so these requests are plain.
func TestRequestsThatGitLabDoesNotKnow(t *testing.T) {
	tests := map[string]struct {
		method, path, body string
		status             int
		says               string
		violation          bool
	}{
		"a parameter that doesn't exist": {"GET", "/projects?serach=x", "", 400,
			`GitLab has no parameter \"serach\" here`, true},
		"a member that doesn't exist": {"POST", "/groups", `{"name":"a","path":"a","parentId":3}`, 400,
			`GitLab has no member \"parentId\" in this body`, true},
		"a token in the address":    {"GET", "/user?private_token=x", "", 400, "into a header", true},
		"a body where none belongs": {"GET", "/user", `{"a":1}`, 400, "has no body", true},
		"a parameter of a body in the address": {"POST", "/groups?name=a", `{"path":"a"}`, 400,
			"belongs into the body", true},
		"an operation that isn't here": {"GET", "/runners", "", 404, `{"error":"404 Not Found"}`, true},
		"a method that isn't there":    {"PATCH", "/groups", "", 405, `{"error":"405 Not Allowed"}`, false},
		"a value that isn't one": {"GET", "/projects?visibility=secret", "", 400,
			`{"error":"visibility does not have a valid value"}`, false},
		"a number that isn't one": {"GET", "/projects?per_page=many", "", 400,
			`{"error":"per_page is invalid"}`, false},
		"what is missing": {"POST", "/groups", `{"name":"a"}`, 400,
			`{"error":"path is missing"}`, false},
		"null is as good as missing": {"POST", "/groups", `{"name":"a","path":null}`, 400,
			`{"error":"path is missing"}`, false},
		"an id that isn't one":  {"GET", "/users/me", "", 400, `{"error":"id is invalid"}`, false},
		"a raw slash in a path": {"GET", "/groups/a/b", "", 404, `{"error":"404 Not Found"}`, true},
		"nobody": {"GET", "/projects/1", "", 404,
			`{"message":"404 Project Not Found"}`, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s, err := fakegitlab.New(fakegitlab.Options{Dir: t.TempDir()})
			must(t, err)
			url, err := s.Start(t.Context())
			must(t, err)
			defer func() { must(t, s.Close()) }()
			r, err := http.NewRequestWithContext(t.Context(), test.method, url+"/api/v4"+test.path,
				bytes.NewBufferString(test.body))
			must(t, err)
			r.Header.Set("Private-Token", s.RootToken())
			if test.body != "" {
				r.Header.Set("Content-Type", "application/json")
			}
			answer, err := http.DefaultClient.Do(r)
			must(t, err)
			defer func() { must(t, answer.Body.Close()) }()
			body, err := io.ReadAll(answer.Body)
			must(t, err)
			if answer.StatusCode != test.status || !strings.Contains(string(body), test.says) || !json.Valid(body) {
				t.Errorf("got %d %s", answer.StatusCode, body)
			}
			if (len(s.Violations()) > 0) != test.violation {
				t.Errorf("violations are %v", s.Violations())
			}
		})
	}
}
