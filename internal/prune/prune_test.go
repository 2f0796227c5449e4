package prune_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nautes-labs/deployment-runtime/internal/placement"
	"github.com/nautes-labs/deployment-runtime/internal/prune"
)

const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 341\n"

func manifest(name string) string {
	return "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: " + name + "}\n"
}

func deployment(name string) placement.Object {
	return placement.Object{Group: "apps", Kind: "Deployment", Namespace: "prod", Name: name}
}

// repository holds the files of revisions; a revision that it does not hold cannot be read.
type repository map[string]map[string]string

func (r repository) read(_ context.Context, at prune.Revision) (prune.Files, error) {
	files, known := r[at.ID]
	if !known {
		return nil, errors.New("no answer")
	}
	out := map[string][]byte{}
	for name, content := range files {
		out[at.Path+"/"+name] = []byte(content)
	}
	return prune.Within(at.Path, out), nil
}

func at(ids ...string) []prune.Revision {
	var out []prune.Revision
	for _, id := range ids {
		out = append(out, prune.Revision{RepoURL: "https://a.git", ID: id, Path: "deploy"})
	}
	return out
}

func said(v prune.Verdict, err error) string {
	var out []string
	for _, o := range v.Free {
		out = append(out, "prune "+o.Name)
	}
	for _, h := range v.Held {
		out = append(out, strings.TrimSuffix(fmt.Sprintf("hold %s: %s %s, was %s", h.Object.Name, h.File, h.Because,
			h.Was.ID), ", was "))
	}
	var unknown *prune.UnknownPastError
	if errors.As(err, &unknown) {
		return "wait because of " + strings.Join(unknown.Suspects, ",")
	}
	if err != nil {
		return "wait"
	}
	return strings.Join(out, "; ")
}

// What goes although its file is still there is held, whatever has become of the file; what goes with its file is
// pruned.
func TestAnObjectGoesWithItsFile(t *testing.T) {
	both := map[string]string{"web.yaml": manifest("web"), "db.yaml": manifest("db")}
	now := func(db string) map[string]string {
		return map[string]string{"web.yaml": manifest("web"), "db.yaml": db}
	}
	lfs := "hold db: db.yaml is a pointer of Git LFS, was r1"
	for sentence, c := range map[string]struct {
		repo    repository
		past    []prune.Revision
		objects []placement.Object
		then    string
	}{
		"the file is gone": {repository{"now": {"web.yaml": manifest("web")}}, at("r1"),
			nil, "prune db"},
		"the file holds another object": {repository{"r1": both, "now": now(manifest("cache"))}, at("r1"),
			nil, "prune db"},
		"a pointer of Git LFS": {repository{"r1": both, "now": now(pointer)}, at("r1"), nil, lfs},
		"an empty file": {repository{"r1": both, "now": now("")}, at("r1"), nil,
			"hold db: db.yaml is empty, was r1"},
		"comments alone": {repository{"r1": both,
			"now": now("---\n# apiVersion: apps/v1\n# kind: Deployment\n")}, at("r1"), nil,
			"hold db: db.yaml is empty, was r1"},
		"a file that was cut off": {repository{"r1": both, "now": now("apiVersion: apps/v1\nki")},
			at("r1"), nil, "hold db: db.yaml holds no object, was r1"},
		"cut off between two members": {repository{"r1": both, "now": now("apiVersion: apps/v1\n")}, at("r1"),
			nil, "hold db: db.yaml holds no object, was r1"},
		"another encoding that loses nothing": {repository{"r1": both,
			"now": now("\xff\xfe" + strings.Join(strings.Split(manifest("other"), ""), "\x00") + "\x00")}, at("r1"),
			nil, "prune db"},
		"ciphertext": {repository{"r1": both, "now": now("\x00GITCRYPT\x00\xfe")}, at("r1"),
			nil, "hold db: db.yaml is no text: it is encrypted or damaged, was r1"},
		"the pointer was deployed meanwhile": {repository{"r1": both, "r2": now(pointer), "now": now(pointer)},
			at("now", "r2", "r1"), nil, lfs},
		"a file without objects all the time": {repository{"r1": {"db.yaml": manifest("db"), "notes.yaml": "a: b"},
			"now": {"notes.yaml": "a: b"}}, at("r1"), nil, "prune db"},
		"an empty file all the time": {repository{"r1": {"more.yaml": manifest("x"), "keep.yaml": ""},
			"now": {"keep.yaml": ""}}, at("r1"), nil, "prune db"},
		"of two documents one went": {repository{"r1": {"all.yaml": manifest("web") + "---\n" +
			manifest("db")}, "now": {"all.yaml": manifest("web")}}, at("r1"), nil, "prune db"},
		"of two documents both went": {repository{
			"r1": {"all.yaml": manifest("web") + "---\n" + manifest("db")}, "now": {"all.yaml": pointer}}, at("r1"),
			nil, "hold db: all.yaml is a pointer of Git LFS, was r1"},
		"it was in a list": {repository{"r1": {
			"all.json": `{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"db"}}]}`},
			"now": {"all.json": ""}}, at("r1"), nil, "hold db: all.json is empty, was r1"},
		"one file is hollow, another is gone": {repository{
			"r1": {"db.yaml": manifest("db"), "job.yaml": manifest("job")}, "now": {"db.yaml": pointer}}, at("r1"),
			[]placement.Object{deployment("job"), deployment("db")}, "prune job; " + lfs},
		"it had moved before its file went": {repository{"r1": both, "r2": {"db.yaml": pointer,
			"moved.yaml": manifest("db")}, "now": {"db.yaml": pointer}}, at("r2", "r1"), nil, "prune db"},
		"another object of that name": {repository{"r1": {"db.yaml": strings.Replace(manifest("db"),
			"Deployment", "StatefulSet", 1), "x.yaml": manifest("db")}, "now": {"db.yaml": pointer}}, at("r1"),
			nil, "prune db"},
		"of another namespace": {repository{
			"r1": {"db.yaml": strings.Replace(manifest("db"), "{", "{namespace: other, ", 1),
				"x.yaml": manifest("db")},
			"now": {"db.yaml": pointer}}, at("r1"), nil, "prune db"},
		"Argo CD was told not to read the file": {repository{"now": both}, at("r1"), nil,
			"hold db: db.yaml still holds it, but Argo CD leaves the file out"},
		"the namespace changed": {repository{"now": both}, at("r1"),
			[]placement.Object{{Group: "apps", Kind: "Deployment", Namespace: "old", Name: "db"}}, "prune db"},
		"a pointer by another name": {repository{"r1": both, "now": {"web.yaml": manifest("web"),
			"db.yml": pointer}}, at("r1"), nil, "hold db: db.yml is a pointer of Git LFS, was r1"},
		"gone beside a file that was empty": {repository{"r1": {"db.yaml": manifest("db"), "keep.yaml": ""},
			"now": {"keep.yaml": ""}}, at("r1"), nil, "prune db"},
		"nothing is known of before": {repository{"now": now(pointer)}, nil, nil,
			"hold db: db.yaml is a pointer of Git LFS"},
		"nothing is known, and notes lie there": {repository{"now": now("a: b")}, nil, nil, "prune db"},
		"no file is found at all":               {repository{"r1": both, "now": {}}, at("r1"), nil, "wait"},
		"the present cannot be read":            {repository{"r1": both}, at("r1"), nil, "wait"},
		"the past cannot be read": {repository{"now": now(pointer)}, at("r1"), nil,
			"wait because of db.yaml"},
		"the past does not matter": {repository{"now": {"web.yaml": manifest("web")}}, at("lost"),
			nil, "prune db"},
		"of another repository": {repository{"now": now("a: b")},
			[]prune.Revision{{RepoURL: "https://b.git", ID: "r1", Path: "deploy"}}, nil, "prune db"},
	} {
		t.Run(sentence, func(t *testing.T) {
			if c.objects == nil {
				c.objects = []placement.Object{deployment("db")}
			}
			got := said(prune.Judge(t.Context(),
				prune.Case{Objects: c.objects, Namespace: "prod", Now: at("now")[0], Past: c.past}, c.repo.read))
			if got != c.then {
				t.Errorf("got %q, want %q", got, c.then)
			}
		})
	}
}

func TestAHookIsNoObjectThatArgoCDForgot(t *testing.T) {
	hook := strings.Replace(manifest("db"), "{", "{annotations: {argocd.argoproj.io/hook: PreSync}, ", 1)
	repo := repository{"now": {"db.yaml": hook}}
	if got := said(prune.Judge(t.Context(), prune.Case{Objects: []placement.Object{deployment("db")}, Namespace: "prod",
		Now: at("now")[0]}, repo.read)); got != "prune db" {
		t.Errorf("got %q", got)
	}
}

// Which file an object comes from cannot be seen there: a file that turned blank holds all that would go.
func TestWhereManifestsAreGenerated(t *testing.T) {
	chart := map[string]string{"Chart.yaml": "name: x", "templates/db.yaml": "{{ if .Values.db }}x{{ end }}"}
	with := func(db string) map[string]string {
		return map[string]string{"Chart.yaml": "name: x", "templates/db.yaml": db}
	}
	for sentence, c := range map[string]struct {
		repo repository
		past []prune.Revision
		then string
	}{
		"a value turned it off": {repository{"r1": chart, "now": chart}, at("r1"), "prune db"},
		"its base still lies there": {repository{"r1": chart,
			"now": {"kustomization.yaml": "resources: []", "db.yaml": manifest("db")}}, at("r1"), "prune db"},
		"a template turned blank": {repository{"r1": chart, "now": with("")}, at("r1"),
			"hold db: templates/db.yaml is empty, was r1"},
		"long ago": {repository{"r1": chart, "r2": with(pointer), "now": with(pointer)},
			at("r2", "r1"), "hold db: templates/db.yaml is a pointer of Git LFS, was r1"},
		"blank all the time": {repository{"r1": with(""), "now": with("")}, at("r1"), "prune db"},
		"a new blank file":   {repository{"r1": {"Chart.yaml": "name: x"}, "now": with("")}, at("r1"), "prune db"},
	} {
		t.Run(sentence, func(t *testing.T) {
			got := said(prune.Judge(t.Context(), prune.Case{
				Objects: []placement.Object{deployment("db")}, Namespace: "prod", Generated: true, Now: at("now")[0],
				Past: c.past,
			}, c.repo.read))
			if got != c.then {
				t.Errorf("got %q, want %q", got, c.then)
			}
		})
	}
}

func TestPatternsMatchTheDirectory(t *testing.T) {
	for _, c := range []struct {
		directory string
		generated bool
		want      string
	}{
		{".", false, "{*.yaml,*.yml,*.json,*.jsonnet}"},
		{"a[1],*", false, "{a?1???/*.yaml,a?1???/*.yml,a?1???/*.json,a?1???/*.jsonnet}"},
		{"deploy", true, "{deploy/**/*.yaml,deploy/**/*.yml,deploy/**/*.json,deploy/**/Kustomization}"},
	} {
		if got := prune.Pattern(c.directory, c.generated); got != c.want {
			t.Errorf("%s: got %s, want %s", c.directory, got, c.want)
		}
	}
}

func TestFilesAreNamedWithinTheirDirectory(t *testing.T) {
	all := map[string][]byte{"a.yaml": nil, "deploy/b.yaml": nil, "deployed/c.yaml": nil}
	for directory, want := range map[string]prune.Files{".": {"a.yaml": nil, "deploy/b.yaml": nil,
		"deployed/c.yaml": nil}, "deploy": {"b.yaml": nil}} {
		if diff := cmp.Diff(want, prune.Within(directory, all)); diff != "" {
			t.Errorf("%s: %s", directory, diff)
		}
	}
}

// What is parsed is bounded, whatever a file holds: aliases are not followed into lists, long documents not at all.
func TestHostileFilesAreNotExpanded(t *testing.T) {
	bomb := "apiVersion: v1\nkind: List\nitems:\n- &a {apiVersion: v1, kind: List, items: [" +
		strings.Repeat("{},", 1000) + "{}]}\n" + strings.Repeat("- *a\n", 10000)
	long := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {a: " + strings.Repeat("x", 1<<20) + "}\n"
	repo := repository{"now": {"bomb.yaml": bomb, "long.yaml": long}}
	if got := said(prune.Judge(t.Context(),
		prune.Case{Objects: []placement.Object{deployment("db")}, Now: at("now")[0]}, repo.read)); got != "prune db" {
		t.Errorf("got %q", got)
	}
}

func TestTheRevisionsOfWhatIsHeldAreRemembered(t *testing.T) {
	r := at("r1", "r2")
	memory := prune.Memory([]prune.Held{{Was: r[0]}, {Was: r[0]}, {Was: r[1]}, {}})
	if diff := cmp.Diff(r, prune.Remembered(memory)); diff != "" {
		t.Error(diff)
	}
	if got := prune.Memory([]prune.Held{{}}) + prune.Memory(nil); got != "" {
		t.Errorf("nothing is remembered as %q", got)
	}
	if got := prune.Remembered("{"); got != nil {
		t.Errorf("damaged: got %v", got)
	}
}
