package change_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/change"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
	"github.com/nautes-labs/deployment-runtime/internal/rules/rulestest"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// pushCode pushes a file to branch main of a code repo, as a person with git would.
func (w *world) pushCode(p product, repo, file string) {
	w.Helper()
	dir := w.TempDir()
	remote := strings.Replace(w.url, "://", "://oauth2:"+w.server.RootToken()+"@", 1) + "/" + p.path + "/" + repo + ".git"
	w.git(dir, "clone", "--quiet", remote, ".")
	w.git(dir, "checkout", "--quiet", "-B", "main")
	full := filepath.Join(dir, filepath.FromSlash(file))
	w.must(os.MkdirAll(filepath.Dir(full), 0o755))
	w.must(os.WriteFile(full, []byte("a: b\n"), 0o600))
	w.git(dir, "add", "--all")
	w.git(dir, "commit", "--quiet", "-m", "by hand")
	w.git(dir, "push", "--quiet", "origin", "main")
}

func TestASaveWarnsOfASourceThatIsNotThere(t *testing.T) {
	w := newWorld(t)
	p := w.product("nautes-labs")
	c := p.maintainer.caller
	const noCommit = wire.WarningRevisionNotFound + `: DeploymentRuntime dr-dev: code repo "api-server" has no commit yet`
	if out := w.change(c, save(p, "dr-dev", guide)); !hasWarning(out.Warnings, noCommit) {
		t.Errorf("an empty code repo: %v", out.Warnings)
	}
	w.pushCode(p, "api-server", "manifests/development/web.yaml")
	at := func(revision, path string) string {
		return strings.NewReplacer(`"HEAD"`, `"`+revision+`"`, "manifests/development", path).Replace(guide)
	}
	for sentence, tc := range map[string]struct{ body, want string }{
		"there":    {at("main", "manifests/development"), ""},
		"the root": {at("refs/heads/main", "."), ""},
		"an absent path": {at("main", "manifests/none"), wire.WarningPathNotFound + `: DeploymentRuntime dr-dev: ` +
			`revision "main" of code repo "api-server" has no directory "manifests/none": push it, or correct manifest_source.path`},
		"a file": {at("main", "manifests/development/web.yaml"), wire.WarningPathNotFound},
		"an absent revision": {at("v9", "manifests/development"), wire.WarningRevisionNotFound + `: DeploymentRuntime dr-dev: ` +
			`code repo "api-server" has no branch, tag or commit "v9": push it, or correct manifest_source.target_revision`},
	} {
		t.Run(sentence, func(t *testing.T) {
			for _, how := range []func(*change.Request){dryRun, func(*change.Request) {}} {
				out := w.change(c, save(p, "dr-dev", tc.body, how))
				if tc.want == "" && len(out.Warnings) > 0 || tc.want != "" && !hasWarning(out.Warnings, tc.want) {
					t.Errorf("got %v", out.Warnings)
				}
			}
		})
	}
}

func TestOnlyANewSourceIsLookedAt(t *testing.T) {
	w := newWorld(t)
	p := w.product("nautes-labs")
	w.change(p.maintainer.caller, save(p, "dr-dev", guide))
	out := w.change(p.maintainer.caller, save(p, "dr-dev", strings.Replace(guide, `"env-dev"`, `"env-dev","suspend":true`, 1)))
	if hasWarning(out.Warnings, wire.WarningRevisionNotFound) {
		t.Errorf("got %v", out.Warnings)
	}
}

func TestAProtectedRuntimeStaysProtectedWhenItIsSavedAgain(t *testing.T) {
	for sentence, tc := range map[string]struct {
		change    func(*rules.Record)
		protected bool
	}{
		"protected":             {func(r *rules.Record) { r.Protect = true }, true},
		"not protected":         {func(*rules.Record) {}, false},
		"its removal has begun": {func(r *rules.Record) { r.Protect, r.Begun = true, true }, false},
	} {
		t.Run(sentence, func(t *testing.T) {
			w := newWorld(t)
			p := w.product("nautes-labs")
			w.mgmt.Record(rulestest.Record(p.name, "dr-dev", "env-dev", "c1", tc.change))
			out := w.change(p.maintainer.caller, save(p, "dr-dev", guide, forced))
			_, files := w.main(p)
			protected := strings.Contains(files["runtimes/dr-dev.yaml"], api.AnnotationProtect+`: "true"`)
			said := slices.ContainsFunc(out.Warnings, func(s string) bool { return strings.HasPrefix(s, "KEPT: ") })
			if protected != tc.protected || said != tc.protected {
				t.Errorf("%v:\n%s", out.Warnings, files["runtimes/dr-dev.yaml"])
			}
		})
	}
}
