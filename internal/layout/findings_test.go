package layout_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/layout"
)

const secret = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: x\n"

func TestEachFileSaysWhatIsWrongWithIt(t *testing.T) {
	for name, c := range map[string]struct {
		path, data string
		want       []string
	}{
		"YAML that does not parse": {"runtimes/x.yaml", named("a") + "---\na: [1\n",
			[]string{"STREAM_BLOCKED runtimes/x.yaml:5"}},
		"a tab as indentation": {"runtimes/x.yaml", "a:\n\tb: 1\n",
			[]string{"STREAM_BLOCKED runtimes/x.yaml:2"}},
		"a key twice": {"envs/x.yaml", "kind: A\nspec:\n  b: 1\n  c: 1\n  b: 2\n",
			[]string{"STREAM_BLOCKED envs/x.yaml:5"}},
		"a key twice in JSON": {"envs/x.json", "{\"kind\":\"A\",\n\"kind\":\"B\"}",
			[]string{"STREAM_BLOCKED envs/x.json:2"}},
		"a file that is not UTF-8": {"envs/x.yaml", guide + "# f\xfcr\n",
			[]string{"NOT_UTF8 envs/x.yaml:4"}},
		"a file that is not UTF-8 behind a mark of UTF-8": {"envs/x.yaml", "\ufeff" + guide + "# f\xfcr\n",
			[]string{"STREAM_BLOCKED envs/x.yaml:4"}},
		"a marker in UTF-16": {"envs/x.yaml", inUTF16("# +argocd:skip-file-rendering\n" + guide),
			[]string{"STREAM_BLOCKED envs/x.yaml:1"}},
		"a resource in UTF-16 at the root": {"x.yaml", inUTF16(guide), []string{"NOT_SYNCED x.yaml:1"}},
		"an alias that stands for itself": {"envs/x.yaml", "a: &a [*a]\n",
			[]string{"STREAM_BLOCKED envs/x.yaml:1"}},
		"a document without a kind": {"envs/x.yaml", "apiVersion: v1\nmetadata: {}\n#kind: \n",
			[]string{"STREAM_BLOCKED envs/x.yaml:1"}},
		"a document without a kind after a good one": {"envs/x.yaml", named("a") + "---\na: 1\n",
			[]string{"STREAM_BLOCKED envs/x.yaml:5"}},
		"a good one after a document without a kind": {"envs/x.yaml", "a: 1\n---\n" + named("a"),
			[]string{"STREAM_BLOCKED envs/x.yaml:1"}},
		"a JSON file without a kind": {"envs/x.json", `{"items":[]}`,
			[]string{"STREAM_BLOCKED envs/x.json:1"}},
		"a list in a JSON file": {"envs/x.json", `[]`, []string{"STREAM_BLOCKED envs/x.json:1"}},
		"an empty JSON file":    {"envs/x.json", ``, []string{"STREAM_BLOCKED envs/x.json:1"}},
		"two JSON values": {"envs/x.json", `{"kind":"A"} {"kind":"B"}`,
			[]string{"STREAM_BLOCKED envs/x.json:1"}},
		"a list with an item that is no object": {"envs/x.yaml", "apiVersion: v1\nkind: List\nitems: [1]\n",
			[]string{"STREAM_BLOCKED envs/x.yaml:1"}},
		"a list with an item without a kind": {"envs/x.yaml",
			"apiVersion: v1\nkind: List\nitems: [{a: 1}]\n", []string{"STREAM_BLOCKED envs/x.yaml:1"}},
		"content on the line of a separator": {"envs/x.yaml", "---\n" +
			named("a") + "--- {apiVersion: nautes.resource.nautes.io/v1alpha1, kind: Project, metadata: {name: p}}\n",
			[]string{"STREAM_BLOCKED envs/x.yaml:1"}},
		"a resource without a name": {"envs/x.yaml", named(`""`),
			[]string{"STREAM_BLOCKED envs/x.yaml:1"}},
		"a field of the wrong type": {"envs/x.yaml", strings.Replace(guide, "HEAD", "1.10", 1),
			[]string{"STREAM_BLOCKED envs/x.yaml:1"}},
		"a revision that YAML takes for a boolean": {"envs/x.yaml", strings.Replace(guide, "HEAD", "on", 1),
			[]string{"STREAM_BLOCKED envs/x.yaml:1"}},
		"a field that the kind does not have": {"envs/x.yaml", guide + "  projectRef: []\n",
			[]string{"STREAM_BLOCKED envs/x.yaml:1"}},
		"a field in other case": {"envs/x.yaml",
			strings.Replace(guide, "projectsRef", "projectsref", 1), []string{"STREAM_BLOCKED envs/x.yaml:1"}},
		"a foreign kind": {"envs/x.yaml", secret,
			[]string{"FORBIDDEN_KIND envs/x.yaml:1"}},
		"a foreign kind beside ours": {"envs/x.yaml", named("a") + "---\n" + secret,
			[]string{"FORBIDDEN_KIND envs/x.yaml:5"}},
		"a foreign kind in a list": {"envs/x.yaml", "apiVersion: v1\nkind: List\nitems:\n- " +
			"{apiVersion: v1, kind: Secret, metadata: {name: x}}\n", []string{"FORBIDDEN_KIND envs/x.yaml:1"}},
		"a kind of the platform team": {"envs/x.yaml",
			"apiVersion: nautes.resource.nautes.io/v1alpha1\nkind: Cluster\nmetadata: {name: c}\n",
			[]string{"FORBIDDEN_KIND envs/x.yaml:1"}},
		"our kind in a version that there is not": {"envs/x.yaml", strings.Replace(guide, "v1alpha1", "v1", 1),
			[]string{"FORBIDDEN_KIND envs/x.yaml:1"}},
		"our kind in another group": {"envs/x.yaml", strings.Replace(guide,
			"nautes.resource.nautes.io", "example.com", 1), []string{"FORBIDDEN_KIND envs/x.yaml:1"}},
		"a kustomization below a directory": {"envs/kustomization.yaml",
			"apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n",
			[]string{"FORBIDDEN_KIND envs/kustomization.yaml:1"}},
		"a separator without a space": {"envs/x.yaml", named("a") + "---# b\n",
			[]string{"STREAM_BLOCKED envs/x.yaml:4"}},
		"a separator that only some see": {"envs/x.yaml", named("a") + "#\r---\n" + named("b"),
			[]string{"STREAM_BLOCKED envs/x.yaml:5"}},
		"Jsonnet": {"envs/x.jsonnet", "{}", []string{"NOT_READ envs/x.jsonnet"}},
		"a pointer to Git LFS": {"envs/x.yaml",
			"version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 12\n", []string{"NOT_READ envs/x.yaml"}},
		"a resource at the root": {"x.yaml", guide, []string{"NOT_SYNCED x.yaml:1"}},
		"a resource in another directory": {"runtime/x.yaml", "# c\n---\n" + guide,
			[]string{"NOT_SYNCED runtime/x.yaml:3"}},
		"a resource whose extension is in capitals": {"runtimes/x.YAML", guide,
			[]string{"NOT_SYNCED runtimes/x.YAML:1"}},
		"a cluster elsewhere": {"x.yaml",
			"apiVersion: nautes.resource.nautes.io/v1alpha1\nkind: Cluster\nmetadata: {name: c}\n",
			[]string{"NOT_SYNCED x.yaml:1"}},
		"a directory that begins like one of the four": {"runtimes2/x.yaml", guide,
			[]string{"NOT_SYNCED runtimes2/x.yaml:1"}},
		"the newer destination": {"runtimes/x.yaml",
			strings.Replace(guide, "destination: env-dev", "destination: {environment: env-dev, namespaces: null}", 1),
			[]string{"LEGACY_SHAPE runtimes/x.yaml:1"}},
		"the newer account": {"runtimes/x.yaml", guide + "  account: me\n",
			[]string{"LEGACY_SHAPE runtimes/x.yaml:1"}},
		"nothing: another file that does not parse": {"docs/x.yaml", "a: [\n# nautes.resource.nautes.io\n",
			[]string{}},
		"nothing: another file that is not YAML":    {"runtimes/x.txt", "a: [", []string{}},
		"nothing: YAML that looks like no manifest": {"envs/values.yaml", "- a\n- b\n", []string{}},
		"nothing: a resource with status and timestamps": {"envs/x.yaml", strings.Replace(guide, "  name:",
			"  creationTimestamp: null\n  namespace: product-7\n  name:", 1) + "status: {sync: Synced}\n", []string{}},
		"nothing: CRLF": {"envs/x.yaml",
			strings.ReplaceAll("---\n"+named("a")+"---\n"+named("b"), "\n", "\r\n"), []string{}},
		"nothing: a byte order mark": {"envs/x.yaml", "\ufeff" + guide, []string{}},
		"nothing: JSON in a YAML file": {"envs/x.yaml",
			"{\"apiVersion\":\"nautes.resource.nautes.io/v1alpha1\",\n\t\"kind\":\"Project\",\"metadata\":{\"name\":\"a\"},\"spec\":{\"product\":\"p\"}}\n",
			[]string{}},
		"nothing: separators with comments": {"envs/x.yaml",
			"# a\n--- # b\n" + named("a") + "# c\n---\n# d\n---\n\n" + named("b") + "...\n# e\n", []string{}},
		"nothing: aliases": {"envs/x.yaml", strings.Replace(strings.Replace(guide,
			"destination: env-dev", "destination: &p product-7", 1), "product: product-7", "product: *p", 1),
			[]string{}},
	} {
		t.Run(name, func(t *testing.T) {
			files := tree(map[string]string{c.path: c.data})
			if diff := cmp.Diff(c.want, codes(files.Findings())); diff != "" {
				t.Errorf("%s%+v", diff, files.Findings())
			}
		})
	}
}

func TestWhatIsNotReadIsToldWhereItMatters(t *testing.T) {
	var files []layout.File
	for path, skipped := range map[string]string{
		"runtimes/link.yaml": layout.SkippedSymlink, "runtimes/link.md": layout.SkippedSymlink,
		"link.yaml":   layout.SkippedSymlink,
		"envs/module": layout.SkippedSubmodule, "module": layout.SkippedSubmodule,
		"envs/big.yaml": layout.SkippedTooLarge, "envs/big.bin": layout.SkippedTooLarge,
		".argocd-source.yaml": layout.SkippedSymlink, ".argocd-source-x.yaml": layout.SkippedSubmodule,
	} {
		files = append(files, layout.File{Path: path, Skipped: skipped})
	}
	files = append(files,
		layout.File{Path: "envs/huge.yaml", Data: []byte(guide + strings.Repeat("#", layout.MaxFileBytes))})
	read := layout.Read(files)
	want := []string{"STREAM_BLOCKED .argocd-source.yaml", "NOT_READ envs/big.yaml", "NOT_READ envs/huge.yaml",
		"STREAM_BLOCKED envs/module", "STREAM_BLOCKED runtimes/link.yaml"}
	if diff := cmp.Diff(want, codes(read.Findings())); diff != "" {
		t.Error(diff)
	}
	if len(read.Of("DeploymentRuntime")) != 0 {
		t.Error("a file that is too large was read")
	}
}

func TestMoreThanArgoCDReadsHoldsUpTheProduct(t *testing.T) {
	t.Parallel()
	var files []layout.File
	for i := range 11 {
		project := fmt.Sprintf(`%1000000s{"apiVersion":"nautes.resource.nautes.io/v1alpha1","kind":"Project","metadata":{"name":"p%d"}}`,
			"", i)
		// JSON is read faster than YAML
		files = append(files, layout.File{Path: fmt.Sprintf("envs/%d.json", i), Data: []byte(project)})
	}
	all := layout.Read(files)
	if got := codes(all.Findings()); !cmp.Equal(got, []string{"STREAM_BLOCKED "}) {
		t.Errorf("got %v", got)
	}
	fits := layout.With(all, []layout.Edit{{Path: files[9].Path}, {Path: files[10].Path}})
	if got := codes(fits.Findings()); len(got) != 0 {
		t.Errorf("got %v", got)
	}
}

func TestAnObjectInTwoPlacesIsFoundTwiceAndTold(t *testing.T) {
	files := tree(map[string]string{"runtimes/a.yaml": guide, "runtimes/b.yaml": guide + "---\n" + guide,
		"envs/c.yaml": named("other")})
	if n := len(files.Find("DeploymentRuntime", "dr-dev")); n != 3 {
		t.Errorf("found %d", n)
	}
	findings := files.Findings()
	if len(findings) != 1 || findings[0].Code != layout.CodeDuplicate ||
		!strings.Contains(findings[0].Message, "runtimes/a.yaml, runtimes/b.yaml line 1, runtimes/b.yaml line 15") {
		t.Errorf("got %+v", findings)
	}
}

func TestAForeignNamespaceIsToldForTheProduct(t *testing.T) {
	files := tree(map[string]string{
		"runtimes/a.yaml": strings.Replace(named("a"), "metadata:", "metadata:\n  namespace: product-8", 1),
		"runtimes/b.yaml": strings.Replace(named("b"), "metadata:", "metadata:\n  namespace: product-7", 1),
		"runtimes/c.yaml": named("c"),
	})
	if diff := cmp.Diff([]string{"FORBIDDEN_NAMESPACE runtimes/a.yaml:1"},
		codes(files.FindingsFor("product-7"))); diff != "" {
		t.Error(diff)
	}
	if len(files.Findings()) != 0 {
		t.Errorf("got %v", files.Findings())
	}
}

func TestNewerShapesAreConverted(t *testing.T) {
	replace := func(destination, more string) string {
		return strings.Replace(guide, "destination: env-dev", "destination: "+destination, 1) + more
	}
	for name, c := range map[string]struct {
		data       string
		namespaces []string
	}{
		"an environment alone":     {replace("{environment: env-dev}", ""), nil},
		"namespaces that are null": {replace("{environment: env-dev, namespaces: null}", "  account: x\n"), nil},
		"namespaces": {replace("{environment: env-dev, namespaces: [a, b]}", ""),
			[]string{"a", "b"}},
		"namespaces at both places": {replace("{environment: env-dev, namespaces: [a, b]}",
			"  namespaces: [c]\n"), []string{"c"}},
		"our destination with an account": {guide + "  account: \"\"\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			files := tree(map[string]string{"runtimes/x.yaml": "# mine\n" + c.data, "envs/y.yaml": named("other")})
			e := files.Find("DeploymentRuntime", "dr-dev")[0]
			want := runtime("dr-dev").Spec
			want.Namespaces = c.namespaces
			if diff := cmp.Diff(want, e.Object.(*api.DeploymentRuntime).Spec); diff != "" || !e.Legacy ||
				len(e.Unknown) > 0 {
				t.Errorf("%t %v %s", e.Legacy, e.Unknown, diff)
			}
			edits, err := layout.Migrate(files)
			if err != nil || len(edits) != 1 || !strings.HasPrefix(string(edits[0].Data), "# mine\napiVersion") {
				t.Fatalf("%v %s", err, edits)
			}
			after := layout.With(files, edits)
			if diff := cmp.Diff(specs(files), specs(after)); diff != "" || len(after.Findings()) > 0 {
				t.Errorf("%v %s", after.Findings(), diff)
			}
			if again, err := layout.Migrate(after); err != nil || len(again) != 0 {
				t.Errorf("migrating again gives %v %v", again, err)
			}
		})
	}
}
