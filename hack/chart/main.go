// Command chart writes those templates of the Helm chart that say the same as the manifests in config: CRDs, admission
// policies and permissions. They differ in the two namespaces, which are values of the chart, and in what a value
// switches off. `make generate` runs it.
//
//	go run ./hack/chart charts/deployment-runtime/templates/generated
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// part is a group of manifests that becomes a directory of templates.
type part struct {
	// dir is its directory.
	dir string
	// files are the manifests: patterns below config.
	files []string
	// value is the value of the chart that switches them on; empty is always.
	value string
	// kept says that helm does not delete the objects when the release is uninstalled.
	kept bool
}

func parts() []part {
	return []part{
		{dir: "crds", files: []string{"crd/bases/*.yaml"}, value: "crds.install", kept: true},
		// Without no-delete-hooks an Application that is deleted later would run the delete hooks of tenants.
		{dir: "policies", files: []string{"policy/no-delete-hooks.yaml"}, kept: true},
		{dir: "policies", files: []string{"policy/product-is-namespace.yaml", "policy/destination-is-recorded.yaml"}},
		{dir: "operator", files: []string{"rbac/operator/service-account.yaml", "rbac/operator/role.yaml",
			"rbac/operator/role-bindings.yaml", "rbac/operator/leader-election.yaml", "manager/repo-server-access.yaml",
			"manager/disruption-budget.yaml"}},
		{dir: "apiserver", value: "apiserver.enabled", files: []string{"rbac/apiserver/service-account.yaml",
			"rbac/apiserver/role.yaml", "rbac/apiserver/annotations-only.yaml", "apiserver/service.yaml",
			"apiserver/disruption-budget.yaml"}},
		{dir: "argocd", files: []string{"argocd/job/rbac.yaml"}, value: "argocd.configure"},
		{dir: "metrics", files: []string{"metrics/rbac.yaml"}, value: "metrics.authorize"},
	}
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go run ./hack/chart DIRECTORY")
		os.Exit(2)
	}
	for _, p := range parts() {
		if err := p.write(os.Args[1]); err != nil {
			fmt.Fprintf(os.Stderr, "chart: %v\n", err)
			os.Exit(1)
		}
	}
}

// write writes the templates of a part below a directory.
func (p part) write(to string) error {
	dir := filepath.Join(to, p.dir)
	if err := os.MkdirAll(dir, 0o750); err != nil { //nolint:gosec // Where the Makefile says.
		return fmt.Errorf("making a directory: %w", err)
	}
	for _, pattern := range p.files {
		paths, err := filepath.Glob(filepath.Join("config", pattern))
		if err != nil || len(paths) == 0 {
			return fmt.Errorf("listing config/%s: found %d files: %w", pattern, len(paths), err)
		}
		for _, path := range paths {
			manifest, err := os.ReadFile(path)
			if err != nil {
				return fmt.Errorf("reading a manifest: %w", err)
			}
			name := strings.TrimPrefix(filepath.Base(path), "nautes.resource.nautes.io_")
			template := []byte(p.template(string(manifest)))
			if err := os.WriteFile(filepath.Join(dir, name), template, 0o600); err != nil { //nolint:gosec // As above.
				return fmt.Errorf("writing a template: %w", err)
			}
		}
	}
	return nil
}

// template returns the template of a manifest.
func (p part) template(manifest string) string {
	out := strings.NewReplacer(
		"{{", "{{ `{{` }}",
		"namespace: nautes\n", "namespace: {{ .Release.Namespace }}\n",
		"metadata.name: nautes\n", "metadata.name: {{ .Release.Namespace }}\n",
		"serviceaccount:nautes:", "serviceaccount:{{ .Release.Namespace }}:",
		"namespace: argocd\n", "namespace: {{ .Values.argocd.namespace }}\n",
	).Replace(manifest)
	if p.kept {
		out = keep(out)
	}
	if p.value != "" {
		out = "{{- if .Values." + p.value + " }}\n" + out + "{{- end }}\n"
	}
	return "{{- /* Generated from config by `make generate`. */}}\n" + out
}

// keep adds the annotation that has helm keep the objects.
func keep(manifest string) string {
	const policy = "    helm.sh/resource-policy: keep\n"
	objects := strings.Split(manifest, "\nmetadata:\n")
	for i, object := range objects[1:] {
		if after, has := strings.CutPrefix(object, "  annotations:\n"); has {
			objects[i+1] = "  annotations:\n" + policy + after
			continue
		}
		objects[i+1] = "  annotations:\n" + policy + object
	}
	return strings.Join(objects, "\nmetadata:\n")
}
