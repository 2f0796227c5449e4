package layout_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/layout"
)

// byHand is a file as a person writes it: a comment on every field, an order, an indentation and quotes of its own.
const byHand = `# Copyright: the team of the front end

---   # the first document
# why this runtime exists
kind: DeploymentRuntime # the kind comes first here
apiVersion: "nautes.resource.nautes.io/v1alpha1"   # in quotes

# about metadata
metadata:   # on the key
    # about the name
    name: 'web' # on the name
    labels: {team: front, "tier": 'one'} # in flow style
    # about annotations
    annotations:
        # who to ask
        owner: >-  # folded
            the front end team
            # not a comment
        note: |
            line one

            line three
# about spec
spec:
    # where it goes
    destination: "env-dev"  # the environment

    product:   product-7 # aligned
    # what is deployed
    manifestSource:
        # the branch
        targetRevision: HEAD # moves
        path: manifests/development # the path
        # the code repo
        codeRepo: 'repo-3' # by name
    # whose it is
    projectsRef:
        # the first
        - api-server # on the first
        # the second
        - "web" # on the second

        # the third
        - jobs
    namespaces: [ web,  'web-2' ] # two
    suspend: false # off
    # the end of spec
# the end of the document
--- # another
# about the environment
spec: {envType: dev, cluster: c1, product: product-7} # all of it
metadata: {name: e}
kind: Environment
apiVersion: nautes.resource.nautes.io/v1alpha1
`

// runtimeByHand returns the runtime of a file as an object, to be changed.
func runtimeByHand(t *testing.T, files *layout.Tree) *api.DeploymentRuntime {
	t.Helper()
	if f := files.Findings(); len(f) > 0 {
		t.Fatal(f)
	}
	return files.Of("DeploymentRuntime")[0].Object.(*api.DeploymentRuntime)
}

// TestASaveChangesOnlyWhatChanged: everything that a person wrote survives byte for byte, apart from the edited field.
func TestASaveChangesOnlyWhatChanged(t *testing.T) {
	type spec = *api.DeploymentRuntime
	for name, c := range map[string]struct {
		edit     func(spec)
		old, new string
	}{
		"a text in double quotes": {func(r spec) { r.Spec.Destination = "env-test" },
			`destination: "env-dev"  #`, `destination: "env-test"  #`},
		"a text in single quotes": {func(r spec) { r.Spec.ManifestSource.CodeRepo = "repo-33" }, "'repo-3'", "'repo-33'"},
		"a plain text":            {func(r spec) { r.Spec.ManifestSource.Path = "a/b" }, "manifests/development", "a/b"},
		"a plain text that needs quotes": {func(r spec) { r.Spec.ManifestSource.TargetRevision = "1.10" },
			"targetRevision: HEAD", `targetRevision: "1.10"`},
		"an empty value that is set": {func(r spec) { r.Spec.Suspend = true }, "suspend: false #", "suspend: true #"},
		"an item that is added last": {func(r spec) { r.Spec.ProjectsRef = append(r.Spec.ProjectsRef, "cron") },
			"        - jobs\n", "        - jobs\n        - cron\n"},
		"an item that is added first": {
			func(r spec) { r.Spec.ProjectsRef = append([]string{"cron"}, r.Spec.ProjectsRef...) },
			"        - api-server", "        - cron\n        - api-server"},
		"items that move up because the first one goes": {
			func(r spec) { r.Spec.ProjectsRef = []string{"web", "jobs", "cron"} },
			"        # the first\n        - api-server # on the first\n        # the second\n        - \"web\" # on the second\n\n" +
				"        # the third\n        - jobs\n",
			"        # the second\n        - \"web\" # on the second\n\n        # the third\n        - jobs\n        - cron\n"},
		"items in flow style that move up because the first one goes": {
			func(r spec) { r.Spec.Namespaces = []string{"web-2", "web-3"} }, "[ web,  'web-2' ]", "[ 'web-2', web-3 ]"},
		"an item that changes": {func(r spec) { r.Spec.ProjectsRef[1] = "ui" }, `- "web" #`, `- "ui" #`},
		"an item that is removed": {func(r spec) { r.Spec.ProjectsRef = []string{"api-server", "jobs"} },
			"        # the second\n        - \"web\" # on the second\n", ""},
		"an item that is added in flow style": {
			func(r spec) { r.Spec.Namespaces = append(r.Spec.Namespaces, "web-3") }, "'web-2' ]", "'web-2', web-3 ]"},
		"an item that is removed in flow style": {
			func(r spec) { r.Spec.Namespaces = []string{"web-2"} }, "[ web,  'web-2' ]", "[ 'web-2' ]"},
		"a field that is removed": {
			func(r spec) { r.Spec.Namespaces = nil }, "    namespaces: [ web,  'web-2' ] # two\n", ""},
		"a field with a comment above that is removed": {func(r spec) {
			r.Annotations = map[string]string{
				"note": r.Annotations["note"]}
		},
			"        # who to ask\n        owner: >-  # folded\n            the front end team\n" +
				"            # not a comment\n", ""},
		"a field that is added": {func(r spec) { r.Spec.DeletionPolicy = api.DeletionPolicyOrphan },
			"    suspend: false # off\n", "    suspend: false # off\n    deletionPolicy: Orphan\n"},
		"a label that is added": {func(r spec) { r.Labels["zone"] = "a" }, "'one'}", "'one', zone: a}"},
		"a label that changes":  {func(r spec) { r.Labels["tier"] = "two" }, "'one'}", "'two'}"},
		"a label that goes":     {func(r spec) { delete(r.Labels, "team") }, `{team: front, "tier"`, `{"tier"`},
		"a text of several lines that is added": {func(r spec) { r.Annotations["x"] = "a\nb" },
			"            line three\n", "            line three\n        x: |-\n          a\n          b\n"},
		"a text of several lines that changes": {func(r spec) { r.Annotations["note"] = "short" },
			"        note: |\n            line one\n\n            line three\n", "        note: short\n"},
	} {
		for _, breaks := range []string{"\n", "\r\n"} {
			t.Run(name, func(t *testing.T) {
				crlf := func(s string) string { return strings.ReplaceAll(s, "\n", breaks) }
				before, want := crlf(byHand), crlf(strings.Replace(byHand, c.old, c.new, 1))
				files := tree(map[string]string{"runtimes/x.yaml": before})
				changed := runtimeByHand(t, files)
				c.edit(changed)
				after, _ := apply(t, files, changed)
				if diff := cmp.Diff(want, string(after.Data("runtimes/x.yaml"))); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

func TestASaveChangesOnlyWhatChangedOfOtherWaysOfWriting(t *testing.T) {
	items := strings.Replace(guide, "apiVersion", "- apiVersion", 1)
	items = "apiVersion: v1 # of the list\nkind: List\nitems:\n# about a\n" +
		strings.ReplaceAll(strings.TrimSuffix(items, "\n"), "\n", "\n  ") + " # last\n# about b\n" +
		strings.ReplaceAll(strings.TrimSuffix(strings.Replace(items, "dr-dev", "dr-b", 1), "\n"), "\n", "\n  ") + "\n"
	inJSON := strings.Replace(asJSON(t, guide), `{
  "apiVersion": "nautes.resource.nautes.io/v1alpha1",
  "kind"`, `{
    "apiVersion":"nautes.resource.nautes.io/v1alpha1", "kind"`, 1)
	anchors := strings.Replace(strings.Replace(guide, "product: product-7", "product: *p", 1), "metadata:",
		"metadata:\n  labels: {product: &p product-7} # the same", 1)
	change := func(r *api.DeploymentRuntime) { r.Spec.Destination = "env-test" }
	replace := func(s, old, with string) string { return strings.Replace(s, old, with, 1) }
	for name, c := range map[string]struct {
		path, before, want string
		edit               func(*api.DeploymentRuntime)
	}{
		"a list": {"runtimes/x.yaml", items, replace(items, "env-dev", "env-test"), change},
		"JSON":   {"runtimes/x.json", inJSON, replace(inJSON, "env-dev", "env-test"), change},
		"JSON with a label": {"runtimes/x.json", inJSON,
			replace(inJSON, `"name": "dr-dev"`, "\"name\": \"dr-dev\",\n    \"labels\": {\"a\":\"<b>\"}"),
			func(r *api.DeploymentRuntime) { r.Labels = map[string]string{"a": "<b>"} }},
		"JSON without a list": {"runtimes/x.json", inJSON,
			replace(inJSON, ",\n    \"projectsRef\": [\n      \"api-server\"\n    ]", ""),
			func(r *api.DeploymentRuntime) { r.Spec.ProjectsRef = nil }},
		"anchors": {"runtimes/x.yaml", anchors, replace(anchors, "env-dev", "env-test"), change},
		"the newer shape": {"runtimes/x.yaml",
			"# mine\n" + replace(guide, "destination: env-dev",
				"account: a\n  destination: # where\n    environment: env-dev\n    namespaces: [a]"),
			"# mine\n" + replace(guide, "api-server\n", "api-server\n  namespaces:\n  - a\n"), func(*api.DeploymentRuntime) {}},
		"the namespace of the product": {"runtimes/x.yaml",
			replace(guide, "  name: dr-dev", "  namespace: product-7 # ours\n  name: dr-dev"),
			replace(replace(guide, "  name: dr-dev", "  namespace: product-7 # ours\n  name: dr-dev"), "env-dev", "env-test"),
			change},
		"an unknown field": {"runtimes/x.yaml", guide + "  # what is this\n  replicas: 0 # none\n# end\n",
			replace(guide, "env-dev", "env-test") + "# end\n", change},
		"a new field at the end of a file without a line break": {"runtimes/x.yaml", strings.TrimSpace(guide),
			guide + "  suspend: true", func(r *api.DeploymentRuntime) { r.Spec.Suspend = true }},
	} {
		t.Run(name, func(t *testing.T) {
			files := tree(map[string]string{c.path: c.before})
			changed := files.Find("DeploymentRuntime", "dr-dev")[0].Object.(*api.DeploymentRuntime)
			changed.Namespace = "product-7"
			c.edit(changed)
			after, _ := apply(t, files, changed)
			if diff := cmp.Diff(c.want, string(after.Data(c.path))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAMigrationKeepsComments(t *testing.T) {
	before := strings.Replace(byHand, `destination: "env-dev"  # the`,
		"destination: {environment: env-dev}  # the", 1)
	edits, err := layout.Migrate(tree(map[string]string{"runtimes/x.yaml": before}))
	want := strings.Replace(byHand, `"env-dev"`, "env-dev", 1)
	if err != nil || len(edits) != 1 || string(edits[0].Data) != want {
		t.Errorf("%v %s", err, cmp.Diff(want, string(edits[0].Data)))
	}
}

func TestAnItemOfAListIsRemovedWithItsComment(t *testing.T) {
	before := "apiVersion: v1\nkind: List\nitems:\n# about a\n- " + strings.ReplaceAll(strings.TrimSpace(named("a")),
		"\n", "\n  ") + "\n# about b\n- " + strings.ReplaceAll(strings.TrimSpace(named("b")), "\n", "\n  ") + " # last\n"
	_, after, _ := strings.Cut(before, "# about b")
	edits, err := layout.Remove(tree(map[string]string{"runtimes/x.yaml": before}), "DeploymentRuntime", "a")
	want := "apiVersion: v1\nkind: List\nitems:\n" + "# about b" + after
	if err != nil || len(edits) != 1 || string(edits[0].Data) != want {
		t.Errorf("%v %s", err, cmp.Diff(want, string(edits[0].Data)))
	}
}

// FuzzEdits: whatever way a file is written, an edit changes one object, and taking it back leaves the objects as they
// were. Nothing else of the file says anything new.
func FuzzEdits(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte, value string) {
		if len(data) > 1<<16 || !utf8.ValidString(value) {
			return
		}
		for _, path := range []string{"runtimes/x.yaml", "runtimes/x.json"} {
			before := tree(map[string]string{path: string(data)})
			if len(before.Findings()) > 0 {
				continue
			}
			for _, e := range before.Of("DeploymentRuntime") {
				edited := e.Object.DeepCopyObject().(*api.DeploymentRuntime)
				edited.Spec.Destination = value
				edited.Spec.Namespaces = append(edited.Spec.Namespaces, value)
				edits, changed, err := layout.Save(before, edited)
				if err != nil || !changed {
					continue
				}
				after := layout.With(before, edits)
				want := specs(before)
				want["DeploymentRuntime/"+e.Name].(*api.DeploymentRuntime).Spec = edited.Spec
				if diff := cmp.Diff(want, specs(after), cmpopts.EquateEmpty()); diff != "" {
					t.Fatalf("%s: %s\n%s", e.Name, diff, after.Data(path))
				}
				back, _, err := layout.Save(after, e.Object)
				if err != nil {
					continue
				}
				if diff := cmp.Diff(specs(before), specs(layout.With(after, back)), cmpopts.EquateEmpty()); diff != "" {
					t.Fatalf("%s, taken back: %s", e.Name, diff)
				}
			}
		}
	})
}
