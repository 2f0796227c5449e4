package main

import (
	"bytes"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chart/loader"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// TestInstallYAMLSaysTheSameAsTheManifests: each object of config/default and no other, with the image of the release.
func TestInstallYAMLSaysTheSameAsTheManifests(t *testing.T) {
	digest, _ := imagesOf(t, layoutOf(t, serverImage, published(t, serverImage)))
	image := "registry.example.com/deployment-runtime@" + digest.String()
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).
		Run(filesys.MakeFsOnDisk(), filepath.Join(repository, "config", "default"))
	must(t, err)
	built, err := resources.AsYaml()
	must(t, err)
	manifests := strings.ReplaceAll(string(built), "image: deployment-runtime:latest", "image: "+image)
	want, got := objectsOf(t, manifests), objectsOf(t, string(published(t, "install.yaml")))
	for id, object := range want {
		if !reflect.DeepEqual(got[id], object) {
			t.Errorf("%s is\n%v\nin config\n%v", id, got[id], object)
		}
	}
	if len(got) != len(want) || len(got) < 20 {
		t.Errorf("%d objects, %d in config", len(got), len(want))
	}
}

// objectsOf returns objects by their names, without what only helm reads.
func objectsOf(t *testing.T, stream string) map[string]map[string]any {
	t.Helper()
	out := map[string]map[string]any{}
	for document := range strings.SplitSeq(stream, "\n---") {
		var object map[string]any
		must(t, yaml.Unmarshal([]byte(document), &object))
		if object == nil {
			continue
		}
		metadata, _ := object["metadata"].(map[string]any)
		if annotations, has := metadata["annotations"].(map[string]any); has {
			delete(annotations, "helm.sh/resource-policy")
			if len(annotations) == 0 {
				delete(metadata, "annotations")
			}
		}
		id := strings.Join([]string{text(object["kind"]), text(metadata["namespace"]), text(metadata["name"])}, "/")
		out[id] = object
	}
	return out
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

// TestTheChartNamesTheImageByDigest: helm can read it, and nothing is needed to install it.
func TestTheChartNamesTheImageByDigest(t *testing.T) {
	digest, _ := imagesOf(t, layoutOf(t, serverImage, published(t, serverImage)))
	c, err := loader.LoadArchive(bytes.NewReader(published(t, "deployment-runtime-0.1.0.tgz")))
	must(t, err)
	if c.Metadata.Version != "0.1.0" || c.Metadata.AppVersion != tested {
		t.Errorf("version %s of %s", c.Metadata.Version, c.Metadata.AppVersion)
	}
	image, _ := c.Values["image"].(map[string]any)
	if image["digest"] != digest.String() || image["repository"] != "registry.example.com/deployment-runtime" {
		t.Errorf("image %v, want %s", image, digest)
	}
	if strings.Contains(string(published(t, "install.yaml")), "deployment-runtime:latest") {
		t.Error("install.yaml names an image that may change")
	}
}
