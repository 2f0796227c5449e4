package layout_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/layout"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// guideBlob is what git hash-object says about the guide's file.
const guideBlob = "0677a5f82d33be6d3734376ffeff820612f52e2e"

func TestEqualObjectsMakeNoEdit(t *testing.T) {
	for name, data := range map[string]string{
		"the same bytes": guide,
		"other bytes": "# mine\n---\n" + strings.Replace(guide, "env-dev", `"env-dev"`, 1) +
			"  namespaces: []\n  suspend: false\nstatus: {}\n",
		"JSON with CRLF":               "{\"apiVersion\":\"nautes.resource.nautes.io/v1alpha1\",\"kind\":\"DeploymentRuntime\",\r\n\"metadata\":{\"name\":\"dr-dev\"},\"spec\":{\"destination\":\"env-dev\",\"manifestSource\":{\"codeRepo\":\"repo-3\",\"path\":\"manifests/development\",\"targetRevision\":\"HEAD\"},\"product\":\"product-7\",\"projectsRef\":[\"api-server\"]}}",
		"the namespace of the product": strings.Replace(guide, "metadata:", "metadata:\n  namespace: product-7", 1),
	} {
		t.Run(name, func(t *testing.T) {
			obj := runtime("dr-dev")
			obj.Namespace = "product-7"
			if edits, changed, err := layout.Save(tree(map[string]string{"runtimes/x.yaml": data}), obj); changed ||
				len(edits) != 0 || err != nil {
				t.Errorf("got %t %v %s", changed, err, edits)
			}
		})
	}
}

func TestWhatAFileMustNotHoldGoesWithASave(t *testing.T) {
	for name, data := range map[string]string{
		"a finalizer": strings.Replace(guide, "metadata:", "metadata:\n  finalizers: [x/y]", 1),
		"an owner": strings.Replace(guide, "metadata:",
			"metadata:\n  ownerReferences: [{apiVersion: v1, kind: Pod, name: x, uid: u1}]", 1),
		"a foreign namespace": strings.Replace(guide, "metadata:", "metadata:\n  namespace: kube-system", 1),
		"the newer shape":     strings.Replace(guide, "destination: env-dev", "destination: {environment: env-dev}", 1),
	} {
		t.Run(name, func(t *testing.T) {
			obj := runtime("dr-dev")
			obj.Namespace = "product-7"
			after, _ := apply(t, tree(map[string]string{"runtimes/x.yaml": data}), obj)
			if got := string(after.Data("runtimes/x.yaml")); got != guide {
				t.Error(cmp.Diff(guide, got))
			}
		})
	}
}

func TestOneDocumentIsReplacedAndTheRestStaysByteForByte(t *testing.T) {
	before := "# head of a\n\n" + named("a") + "# foot of a\n\n---  # about b\n# head of b\n" + named("b") +
		"# foot of b\n---\n" +
		"apiVersion: nautes.resource.nautes.io/v1alpha1 # c is odd\nkind: Project\nmetadata:   {name: c,\n " +
		" annotations: {pem: \"-----BEGIN X-----\\n---\\n\", text: 'a\n\n    ---\n\n    # no comment'}}\nspec: " +
		"{product: product-7}\n...\n"
	b := strings.Replace(named("b"), "env-dev", "env-test", 1)
	changed := runtime("b")
	changed.Spec.Destination = "env-test"

	after, edits := apply(t, tree(map[string]string{"runtimes/all.yaml": before}), changed)
	want := strings.Replace(before, named("b"), b, 1)
	if diff := cmp.Diff(want, string(after.Data("runtimes/all.yaml"))); diff != "" || len(edits) != 1 ||
		len(after.Findings()) != 0 {
		t.Errorf("%v%s", after.Findings(), diff)
	}

	edits, err := layout.Remove(after, "DeploymentRuntime", "b")
	if err != nil {
		t.Fatal(err)
	}
	want = strings.Replace(before, "---  # about b\n# head of b\n"+named("b"), "", 1)
	if diff := cmp.Diff(want, string(edits[0].Data)); diff != "" {
		t.Error(diff)
	}
	after = layout.With(after, edits)

	edits, err = layout.Remove(after, "DeploymentRuntime", "a")
	if err != nil {
		t.Fatal(err)
	}
	after = layout.With(after, edits)
	if got := string(after.Data("runtimes/all.yaml")); !strings.HasPrefix(got,
		"# foot of a\n\n# foot of b\n---\napiVersion") || len(after.Find("Project", "c")) != 1 {
		t.Errorf("got %s", got)
	}

	edits, err = layout.Remove(after, "Project", "c")
	if err != nil || len(edits) != 1 || edits[0].Data != nil {
		t.Errorf("the last document leaves %v %s", err, edits)
	}
	if after = layout.With(after, edits); after.Data("runtimes/all.yaml") != nil {
		t.Error("the file is still there")
	}
}

func TestTheWayAFileIsWrittenIsKept(t *testing.T) {
	changed := runtime("dr-dev")
	changed.Spec.Destination = "env-test"
	saved := strings.Replace(guide, "env-dev", "env-test", 1)
	crlf := func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }
	for name, c := range map[string]struct{ path, before, after string }{
		"a byte order mark":   {"runtimes/x.yaml", "\ufeff" + guide, "\ufeff" + saved},
		"CRLF":                {"runtimes/x.yaml", crlf("# c\n---\n" + guide), crlf("# c\n---\n" + saved)},
		"no break at the end": {"runtimes/x.yaml", strings.TrimSpace(guide), strings.TrimSpace(saved)},
		"a directive":         {"runtimes/x.yaml", "%YAML 1.1\n---\n" + guide, "%YAML 1.1\n---\n" + saved},
		"content behind the separator": {"runtimes/x.yaml", "# c\n--- !!map\n" + guide + "---\n",
			"# c\n---\n" + saved + "---\n"},
		"an anchor behind the separator": {"runtimes/x.yaml", "--- &x\n" + guide, "---\n" + saved},
		"JSON in a YAML file":            {"runtimes/x.yaml", asJSON(t, guide), asJSON(t, saved)},
		"JSON":                           {"runtimes/x.json", asJSON(t, guide), asJSON(t, saved)},
		"text that looks like comments": {"runtimes/x.yaml", guide + "  namespaces:\n  - |-\n    a\n    # b\n# c\n",
			saved + "# c\n"},
		"text that ends with blanks": {"runtimes/x.yaml", guide + "  namespaces:\n  - |+\n    a\n\n\n# c\n",
			saved + "# c\n"},
		"a document in several places": {"runtimes/x.yaml", "---\n---\n# only\n---\n" + guide + "---\n---\n",
			"---\n---\n# only\n---\n" + saved + "---\n---\n"},
	} {
		t.Run(name, func(t *testing.T) {
			after, _ := apply(t, tree(map[string]string{c.path: c.before}), changed)
			if diff := cmp.Diff(c.after, string(after.Data(c.path))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func asJSON(t *testing.T, data string) string {
	t.Helper()
	object := tree(map[string]string{"runtimes/x.yaml": data}).
		Of("DeploymentRuntime")[0].Object.(*api.DeploymentRuntime)
	return `{
  "apiVersion": "nautes.resource.nautes.io/v1alpha1",
  "kind": "DeploymentRuntime",
  "metadata": {
    "name": "` + object.Name + `"
  },
  "spec": {
    "destination": "` + object.Spec.Destination + `",
    "manifestSource": {
      "codeRepo": "repo-3",
      "path": "manifests/development",
      "targetRevision": "HEAD"
    },
    "product": "product-7",
    "projectsRef": [
      "api-server"
    ]
  }
}
`
}

func TestCommentsThatWouldChangeTheObjectAreGivenUp(t *testing.T) {
	changed := environment("e")
	changed.Spec.EnvType = "dev\n\n"
	after, _ := apply(t, tree(map[string]string{
		"envs/x.yaml": named("a") + "---\n# h\napiVersion: nautes.resource.nautes.io/v1alpha1\nkind: " +
			"Environment\nmetadata: {name: e}\nspec: {envType: dev}\n\n\n",
	}), changed)
	if got := after.Find("Environment", "e")[0].Object.(*api.Environment).Spec.EnvType; got != "dev\n\n" {
		t.Errorf("got %q", got)
	}
	if !strings.HasPrefix(string(after.Data("envs/x.yaml")), named("a")+"---\n") {
		t.Errorf("the other document changed: %s", after.Data("envs/x.yaml"))
	}
}

func TestASaveIsRefusedWhereItIsNotClearWhatWouldChange(t *testing.T) {
	for name, c := range map[string]struct {
		files    map[string]string
		reason   string
		mentions []string
	}{
		"twice": {
			map[string]string{"runtimes/a.yaml": guide, "envs/b.yml": guide}, problem.ReasonDuplicate,
			[]string{"envs/b.yml", "runtimes/a.yaml"},
		},
		"twice, once in a form that cannot be read": {
			map[string]string{"runtimes/a.yaml": guide, "envs/b.yml": guide + "  suspend: 1\n"},
			problem.ReasonDuplicate, []string{"envs/b.yml", "runtimes/a.yaml"},
		},
		"a document that has a wrong field": {
			map[string]string{"envs/b.yml": guide + "  suspend: 1\n"}, problem.ReasonFileUnreadable,
			[]string{"envs/b.yml"},
		},
		"a file that does not parse further down": {
			map[string]string{"envs/b.yml": guide + "---\na: ["}, problem.ReasonFileUnreadable, []string{"envs/b.yml"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			files := tree(c.files)
			_, _, err := layout.Save(files, runtime("dr-dev"))
			wantProblem(t, err, problem.Conflict, c.reason, c.mentions...)
			_, err = layout.Remove(files, "DeploymentRuntime", "dr-dev")
			wantProblem(t, err, problem.Conflict, c.reason, c.mentions...)
		})
	}
}

func TestANewObjectTakesNobodysPlace(t *testing.T) {
	for name, path := range map[string]string{
		"a file that holds something else": "runtimes/dr-dev.yaml",
		"a file above":                     "runtimes",
		"a file below":                     "runtimes/dr-dev.yaml/x",
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := layout.Save(tree(map[string]string{path: named("other"), "runtimes/dr-dev.yaml.bak": "",
				"runtimes/dr-dev": ""}), runtime("dr-dev"))
			wantProblem(t, err, problem.Conflict, problem.ReasonPathTaken, path)
		})
	}
	link := layout.Read([]layout.File{{Path: "runtimes/dr-dev.yaml", Skipped: layout.SkippedSymlink}})
	_, _, err := layout.Save(link, runtime("dr-dev"))
	wantProblem(t, err, problem.Conflict, problem.ReasonPathTaken)

	if _, edits := apply(t, tree(map[string]string{"runtimes/dr-dev.yaml.bak": "", "runtimes/dr-dev": "",
		"runtimes2/dr-dev.yaml": guide}), runtime("dr-dev")); len(edits) != 1 {
		t.Errorf("got %v", edits)
	}
}

func TestNothingIsWrittenThatWouldNotBeReadAgain(t *testing.T) {
	t.Parallel()
	merge := runtime("dr-dev")
	merge.Labels = map[string]string{"<<": "x"}
	large := runtime("dr-dev")
	large.Annotations = map[string]string{"k": strings.Repeat("x", layout.MaxFileBytes)}
	hidden := runtime("dr-dev")
	hidden.Annotations = map[string]string{"k": "# +argocd:skip-file-rendering"}
	for name, obj := range map[string]*api.DeploymentRuntime{"a label that YAML takes for a merge": merge,
		"more than is read": large, "what Argo CD leaves out": hidden} {
		_, _, err := layout.Save(tree(nil), obj)
		wantProblem(t, err, problem.Invalid, problem.ReasonUnwritable)
		if _, _, err = layout.Save(tree(map[string]string{"runtimes/x.yaml": guide}), obj); err == nil {
			t.Errorf("%s was written", name)
		}
	}
}

func TestRemovingWhatIsNotThereIsMissing(t *testing.T) {
	_, err := layout.Remove(tree(map[string]string{"runtimes/x.yaml": guide}), "Environment", "dr-dev")
	wantProblem(t, err, problem.Missing, problem.ReasonResourceNotFound, "dr-dev")
}

func TestATreeDoesNotChange(t *testing.T) {
	files := tree(map[string]string{"runtimes/x.yaml": guide})
	changed := runtime("dr-dev")
	changed.Spec.Suspend = true
	after, _ := apply(t, files, changed)
	if string(files.Data("runtimes/x.yaml")) != guide ||
		files.Of("DeploymentRuntime")[0].Object.(*api.DeploymentRuntime).Spec.Suspend {
		t.Error("the tree changed")
	}
	if blob := after.Of("DeploymentRuntime")[0].Blob; blob == "" || blob == files.Of("DeploymentRuntime")[0].Blob {
		t.Errorf("the new blob is %q", blob)
	}
	if e := layout.With(tree(nil), []layout.Edit{{Path: "runtimes/x.yaml", Data: []byte(guide)}}).
		Of("DeploymentRuntime")[0]; e.Blob != guideBlob {
		t.Errorf("git calls the blob %s, we %s", guideBlob, e.Blob)
	}
	files.Of("DeploymentRuntime")[0] = nil
	if files.Of("DeploymentRuntime")[0] == nil {
		t.Error("the lists of a tree are not its own")
	}
}
