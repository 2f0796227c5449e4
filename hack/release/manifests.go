package main

import (
	"bytes"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/releaseutil"
)

// chartName is the name of the chart; namespace is where install.yaml installs it.
const (
	chartName = "deployment-runtime"
	namespace = "nautes"
)

// manifests writes the chart, and install.yaml, which is rendered from the chart as it is published.
func (r *release) manifests(digest v1.Hash) error {
	r.say("writing the chart and install.yaml with image %s@%s", r.image, digest)
	packed, err := r.packChart(digest)
	if err != nil {
		return err
	}
	number := strings.TrimPrefix(r.version, "v")
	if err := r.publish(chartName+"-"+number+".tgz", packed); err != nil {
		return err
	}
	c, err := loader.LoadArchive(bytes.NewReader(packed))
	if err != nil {
		return fmt.Errorf("reading the chart that was packed: %w", err)
	}
	rendered, err := render(c)
	if err != nil {
		return err
	}
	// Helm makes the namespace by --create-namespace, so the chart does not hold it.
	home, err := os.ReadFile(filepath.Join(r.root, "config", "default", "namespace.yaml"))
	if err != nil {
		return fmt.Errorf("reading the namespace: %w", err)
	}
	head := fmt.Sprintf("# deployment-runtime %s: kubectl apply --server-side -f install.yaml\n---\n%s", r.version, home)
	return r.publish("install.yaml", []byte(head+rendered))
}

// packChart packs the chart with the version and the image of the release.
func (r *release) packChart(digest v1.Hash) ([]byte, error) {
	c, err := loader.LoadDir(filepath.Join(r.root, "charts", chartName))
	if err != nil {
		return nil, fmt.Errorf("reading the chart: %w", err)
	}
	edits := map[string][][2]string{
		"Chart.yaml": {
			{"\nversion: 0.0.0\n", "\nversion: " + strings.TrimPrefix(r.version, "v") + "\n"},
			{"\nappVersion: latest\n", "\nappVersion: " + r.version + "\n"},
		},
		"values.yaml": {
			{"\n  repository: \"\"\n", "\n  repository: " + r.image + "\n"},
			{"\n  digest: \"\"\n", "\n  digest: " + digest.String() + "\n"},
		},
	}
	var entries []entry
	for _, f := range c.Raw {
		content := string(f.Data)
		for _, edit := range edits[f.Name] {
			if strings.Count(content, edit[0]) != 1 {
				return nil, fmt.Errorf("%s of the chart does not hold %q once", f.Name, edit[0])
			}
			content = strings.Replace(content, edit[0], edit[1], 1)
		}
		entries = append(entries, entry{name: path.Join(chartName, f.Name), mode: 0o644, content: []byte(content)})
	}
	return tarGzOf(entries, r.time)
}

// render does what `helm template` does.
func render(c *chart.Chart) (string, error) {
	oldest, err := chartutil.ParseKubeVersion("v1.30.0")
	if err != nil {
		return "", fmt.Errorf("naming a version of Kubernetes: %w", err)
	}
	capabilities := chartutil.DefaultCapabilities.Copy()
	capabilities.KubeVersion = *oldest
	values, err := chartutil.ToRenderValues(c, map[string]any{},
		chartutil.ReleaseOptions{Name: namespace, Namespace: namespace, Revision: 1, IsInstall: true}, capabilities)
	if err != nil {
		return "", fmt.Errorf("reading the values of the chart: %w", err)
	}
	rendered, err := engine.Render(c, values)
	if err != nil {
		return "", fmt.Errorf("rendering the chart: %w", err)
	}
	for name := range rendered {
		if strings.HasSuffix(name, ".txt") {
			delete(rendered, name)
		}
	}
	hooks, sorted, err := releaseutil.SortManifests(rendered, capabilities.APIVersions, releaseutil.InstallOrder)
	if err != nil {
		return "", fmt.Errorf("sorting the objects of the chart: %w", err)
	}
	if len(hooks) > 0 {
		return "", fmt.Errorf("the chart has a hook, %s, which kubectl would not run", hooks[0].Path)
	}
	var out strings.Builder
	for _, m := range sorted {
		fmt.Fprintf(&out, "---\n%s\n", strings.TrimSpace(m.Content))
	}
	return out.String(), nil
}
