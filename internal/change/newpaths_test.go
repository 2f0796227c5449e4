package change_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// What GitLab refuses only when it makes something, and what it would make differently without a word, is refused
// before anything is made: a dry run says the same as a save.
func TestADryRunRefusesWhatGitLabWouldNotMake(t *testing.T) {
	w := newWorld(t)
	p := w.product("nautes-labs")
	owner := w.member(p.group, 50).caller
	body := func(visibility string) string {
		return fmt.Sprintf(`{"project":"api-server","deployment_runtime":true,"git":{"gitlab":{"visibility":%q}}}`,
			visibility)
	}
	for name, c := range map[string]struct{ visibility, says string }{
		"_x":    {"private", "begins and ends"},
		"x-":    {"private", "begins and ends"},
		"a--b":  {"private", "two special characters"},
		"files": {"private", "its own pages"},
		"web":   {"public", "private group"},
	} {
		for _, dry := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, dry run %t", name, dry), func(t *testing.T) {
				r := codeRepo(p, name, body(c.visibility))
				r.DryRun = dry
				w.server.ForgetRequests()
				_, err := w.service.Change(t.Context(), owner, r)
				w.wantProblem(err, problem.Invalid, problem.ReasonInvalid)
				if !strings.Contains(err.Error(), c.says) {
					t.Error(err)
				}
				for _, sent := range w.server.Requests() {
					if strings.HasPrefix(sent.Path, "/api/") && sent.Method != http.MethodGet {
						t.Errorf("sent %s %s", sent.Method, sent.Path)
					}
				}
			})
		}
	}
	w.change(owner, codeRepo(p, "web", body("private")))
	for _, path := range []string{"admin", "a__b", "nautes-labs/wikis"} {
		r := productRequest(path, `{"git":{"gitlab":{}}}`)
		r.DryRun = true
		_, err := w.service.Change(t.Context(), owner, r)
		w.wantProblem(err, problem.Invalid, problem.ReasonInvalid)
	}
}
