package change_test

import (
	"strings"
	"testing"

	"github.com/nautes-labs/deployment-runtime/internal/change"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

func TestARefusalSpeaksInTheNamesThatTheCallerWrote(t *testing.T) {
	w := newWorld(t)
	p := w.product("nautes-labs")
	c := p.maintainer.caller
	for sentence, tc := range map[string]struct {
		body  string
		says  []string
		never []string
	}{
		"an absent project": {strings.Replace(guide, `"api-server"`, `"shop"`, 1),
			[]string{`project "shop" does not exist in nautes-labs`, "projects_ref"},
			[]string{"CodeRepoBinding", p.name, "spec."}},
		"an absent environment": {strings.Replace(guide, `"env-dev"`, `"nowhere"`, 1),
			[]string{`environment "nowhere" does not exist in nautes-labs: create it, or correct destination`},
			[]string{p.name, "spec."}},
		"no destination": {strings.Replace(guide, `"env-dev"`, `""`, 1), []string{"destination is empty"},
			[]string{"spec."}},
	} {
		t.Run(sentence, func(t *testing.T) {
			err := w.refusedWith(p, c, save(p, "dr-dev", tc.body), problem.Invalid, problem.ReasonInvalid)
			for _, said := range tc.says {
				if !strings.Contains(err.Error(), said) {
					t.Errorf("%q is not in %v", said, err)
				}
			}
			for _, said := range tc.never {
				if strings.Contains(err.Error(), said) {
					t.Errorf("%q is in %v", said, err)
				}
			}
		})
	}
}

func TestARefusalNamesACodeRepoAsTheCallerDid(t *testing.T) {
	w := newWorld(t)
	p := w.product("nautes-labs")
	c := p.maintainer.caller
	w.change(c, request(p, change.Operation{Kind: "Project", Name: "stranger", Body: []byte(`{"language":"go"}`)}))
	body := strings.Replace(guide, `"api-server"`, `"stranger"`, 1)
	for sentence, tc := range map[string]struct{ body, says string }{
		"by its path": {body, `may not use code repo "api-server"`},
		"by its id": {strings.Replace(body, `"code_repo": "api-server"`, `"code_repo": "`+p.repo+`"`, 1),
			`may not use code repo "` + p.repo + `"`},
	} {
		t.Run(sentence, func(t *testing.T) {
			err := w.refusedWith(p, c, save(p, "dr-dev", tc.body), problem.Invalid, problem.ReasonInvalid)
			if !strings.Contains(err.Error(), tc.says) {
				t.Errorf("%q is not in %v", tc.says, err)
			}
		})
	}
}
