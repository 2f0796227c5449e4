package change_test

import (
	"strings"
	"testing"

	"github.com/nautes-labs/deployment-runtime/internal/change"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

func TestPreconditions(t *testing.T) {
	w := newWorld(t)
	p := w.product("nautes-labs")
	c := p.maintainer.caller
	first := w.change(c, save(p, "dr-dev", guide))
	blob := strings.Trim(w.get(c, p, "DeploymentRuntime", "dr-dev").ETag, `"`)
	before := first.Base
	// Another file changes, then this one, then another one: commits at which the file was so, and was otherwise.
	same := w.change(c, save(p, "dr-other", at("other"))).Commit
	w.change(c, save(p, "dr-dev", at("changed")))
	old := blob
	blob = strings.Trim(w.get(c, p, "DeploymentRuntime", "dr-dev").ETag, `"`)
	head := w.change(c, save(p, "dr-third", at("third"))).Commit
	changed := w.git(w.clone(p), "rev-parse", "HEAD^")
	nowhere := strings.Repeat("0123456789", 4)

	for sentence, header := range map[string]string{"an empty tag": `""`,
		"too many tags": strings.Repeat(nowhere+",", 9)} {
		r := save(p, "dr-dev", at("lost"))
		r.IfMatch = header
		_, err := w.service.Change(t.Context(), c, r)
		if got := problem.As(err); got == nil || got.Reason != problem.ReasonBadRequest {
			t.Errorf("%s: %v", sentence, err)
		}
	}
	for sentence, x := range map[string]struct {
		name, match, noneMatch string
		holds                  bool
	}{
		"the blob id":                {"dr-dev", `"` + blob + `"`, "", true},
		"the blob id without quotes": {"dr-dev", blob, "", true},
		"one of several":             {"dr-dev", `"x", "` + blob + `"`, "", true},
		"an old blob id":             {"dr-dev", `"` + old + `"`, "", false},
		"any":                        {"dr-dev", "*", "", true},
		"any, and there is none":     {"dr-new", "*", "", false},
		"the head":                   {"dr-dev", `"` + head + `"`, "", true},
		"the ETag of a list":         {"dr-dev", `W/"` + head + `"`, "", true},
		"a commit at which the file was the same":  {"dr-dev", changed, "", true},
		"a commit at which the file was another":   {"dr-dev", same, "", false},
		"a commit at which there was no such file": {"dr-dev", before, "", false},
		"a commit that nobody knows":               {"dr-dev", nowhere, "", false},
		"no hash at all":                           {"dr-dev", `"latest"`, "", false},
		"the head, for what does not exist":        {"dr-new", head, "", false},
		"create only, and there is one":            {"dr-dev", "", "*", false},
		"create only, and there is none":           {"dr-new", "", "*", true},
		"nothing":                                  {"dr-dev", "", "", true},
	} {
		t.Run(sentence, func(t *testing.T) {
			w := *w
			w.T = t
			conditions := func(r *change.Request) { r.IfMatch, r.IfNoneMatch = x.match, x.noneMatch }
			_, err := w.service.Change(t.Context(), c, save(p, x.name, at("new"), conditions, dryRun))
			if x.holds {
				w.must(err)
				return
			}
			w.wantProblem(err, problem.Conflict, problem.ReasonPreconditionFailed)
			w.refused(p, c, save(p, x.name, at("new"), conditions), problem.Conflict, problem.ReasonPreconditionFailed)
		})
	}
	stale := func(r *change.Request) { r.IfMatch = old }
	w.refused(p, c, remove(p, "DeploymentRuntime", "dr-dev", stale), problem.Conflict, problem.ReasonPreconditionFailed)
	w.refused(p, c, remove(p, "DeploymentRuntime", "dr-none", stale), problem.Missing, problem.ReasonResourceNotFound)
	w.refused(p, c, save(p, "dr-dev", to("nowhere"), stale), problem.Conflict, problem.ReasonPreconditionFailed)
	w.change(c, remove(p, "DeploymentRuntime", "dr-dev", func(r *change.Request) { r.IfMatch = blob }))
}
