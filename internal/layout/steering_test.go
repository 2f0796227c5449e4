package layout_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// hooked returns the document with an annotation.
func hooked(document, annotation, value string) string {
	return strings.Replace(document, "metadata:", "metadata:\n  annotations: {"+annotation+": "+value+"}", 1)
}

func TestWhatSteersArgoCDIsTold(t *testing.T) {
	for name, c := range map[string]struct {
		path, data string
		want       []string
	}{
		"a hook that runs after a deletion": {"envs/x.yaml", hooked(secret, "argocd.argoproj.io/hook",
			"PostDelete"), []string{"FORBIDDEN_KIND envs/x.yaml:1", "STREAM_BLOCKED envs/x.yaml:1"}},
		"an object of ours as a hook": {"runtimes/x.yaml",
			hooked(guide, "argocd.argoproj.io/hook", "Sync,PreDelete"), []string{"STREAM_BLOCKED runtimes/x.yaml:1"}},
		"an object that is to be left out": {"runtimes/x.yaml",
			hooked(guide, "argocd.argoproj.io/hook", "Skip"), []string{"STREAM_BLOCKED runtimes/x.yaml:1"}},
		"a hook without a word": {"runtimes/x.yaml",
			hooked(guide, "argocd.argoproj.io/hook", `""`), []string{"STREAM_BLOCKED runtimes/x.yaml:1"}},
		"a hook of Helm": {"runtimes/x.yaml", named("b") + "---\n" +
			hooked(guide, "helm.sh/hook", "post-delete"), []string{"STREAM_BLOCKED runtimes/x.yaml:5"}},
		"a hook in a list": {"envs/x.yaml", "apiVersion: v1\nkind: List\nitems:\n- " +
			"{apiVersion: nautes.resource.nautes.io/v1alpha1, kind: Project, metadata: {name: a, annotations: " +
			"{helm.sh/hook: pre-delete}}, spec: {product: p}}\n", []string{"STREAM_BLOCKED envs/x.yaml:1"}},
		"nothing: what Helm alone calls a hook": {"runtimes/x.yaml",
			hooked(guide, "helm.sh/hook", "crd-install"), []string{}},
		"a file that Argo CD is told to leave out": {"runtimes/x.yaml", "# +argocd:skip-file-rendering\n" + guide,
			[]string{"STREAM_BLOCKED runtimes/x.yaml:1"}},
		"the same in a value": {"runtimes/x.yaml",
			hooked(guide, "note", "a+argocd:skip-file-rendering"), []string{"STREAM_BLOCKED runtimes/x.yaml:4"}},
		"the same in JSON": {"envs/x.json", `{"kind":"+argocd:skip-file-rendering"}`,
			[]string{"STREAM_BLOCKED envs/x.json:1"}},
		"nothing: the same where Argo CD does not read": {"docs/x.yaml", "# +argocd:skip-file-rendering\n", []string{}},
		"what overrides the source": {".argocd-source.yaml", "directory: {exclude: 'runtimes/*'}\n",
			[]string{"STREAM_BLOCKED .argocd-source.yaml"}},
		"what overrides the source of the product": {".argocd-source-stream-product-7.yaml",
			"directory: null\nkustomize: {}\n", []string{"STREAM_BLOCKED .argocd-source-stream-product-7.yaml"}},
		"nothing: the same in a directory":         {"docs/.argocd-source.yaml", "directory: null\n", []string{}},
		"nothing: the same with another extension": {".argocd-source.yml", "directory: null\n", []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			files := tree(map[string]string{c.path: c.data})
			if diff := cmp.Diff(c.want, codes(files.Findings())); diff != "" {
				t.Errorf("%s%+v", diff, files.Findings())
			}
		})
	}
}

func TestAFileThatArgoCDLeavesOutHoldsNothing(t *testing.T) {
	files := tree(map[string]string{"runtimes/x.yaml": "# +argocd:skip-file-rendering\n" + guide,
		"runtimes/y.yaml": named("b")})
	if files.Has("DeploymentRuntime", "dr-dev") || !files.Has("DeploymentRuntime", "b") {
		t.Errorf("found %v", files.Of("DeploymentRuntime"))
	}
}
