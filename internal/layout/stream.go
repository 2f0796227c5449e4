package layout

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"path"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	kubeyaml "k8s.io/apimachinery/pkg/util/yaml"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

// maxStreamBytes is how much Argo CD reads of a directory source, unless its repo-server is configured otherwise.
const maxStreamBytes = 10 * 1000 * 1000

// inDirectories says whether a path lies below one of the four directories. The names are written out because this is
// asked for every file of every snapshot. A test compares them with the table of kinds.
func inDirectories(file string) bool {
	first, _, below := strings.Cut(file, "/")
	switch first {
	case "code-repos", "envs", "projects", "runtimes":
		return below
	}
	return false
}

// inStream says whether Argo CD reads a file of this path as manifests. Upper and lower case differ.
func inStream(file string) bool {
	return inDirectories(file) && slices.Contains([]string{".yaml", ".yml", ".json", ".jsonnet"}, path.Ext(file))
}

// Matters says whether the content of a file matters. Argo CD reads the four directories, and a resource elsewhere is
// worth a warning.
func Matters(file string) bool { return inDirectories(file) || manifestName(file) }

// manifestName says whether a file has the name of a manifest, in any directory.
func manifestName(file string) bool {
	return slices.Contains([]string{".yaml", ".yml", ".json"}, strings.ToLower(path.Ext(file)))
}

// plain says whether Argo CD's decoder reads the content as the same single document that we read. Then it need not be
// asked.
func (c *content) plain() bool {
	return !c.isJSON && len(c.sections) == 1 && !bytes.HasPrefix(c.text, []byte("---")) &&
		!bytes.HasPrefix(c.text, []byte("%")) &&
		!bytes.Contains(c.text, []byte("\n---")) && !bytes.HasPrefix(bytes.TrimSpace(c.text), []byte("{"))
}

// oursAlone says whether every document is an object of a kind that may lie in a default.project. Argo CD then fails on
// none of them.
func (r *reader) oursAlone(c *content) bool {
	return !slices.ContainsFunc(c.sections, func(s section) bool {
		if s.empty {
			return false
		}
		members := membersOf(s.JSON)
		if len(members) != 1 || members[0].item >= 0 {
			return true
		}
		_, ours := r.kindOf(members[0])
		return !ours
	})
}

// refusedByArgoCD says whether Argo CD fails on the file, and so on the whole product. It takes the same steps as Argo
// CD's repo-server, with the same decoder. Documents without a kind are errors, and so are separators that this decoder
// does not understand. A file that does not look like a manifest is ignored.
func refusedByArgoCD(file string, text []byte) bool {
	if path.Ext(file) == ".json" {
		decoder := json.NewDecoder(bytes.NewReader(text))
		object := &unstructured.Unstructured{}
		return decoder.Decode(object) != nil || decoder.More() || !itemsAreObjects(object)
	}
	decoder := kubeyaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
	for read := 0; ; read++ {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(&object)
		switch {
		case errors.Is(err, io.EOF):
			return false
		case err != nil:
			return read > 0 || looksLikeManifest(text)
		case object == nil: // an empty document
			read--
		case !itemsAreObjects(object):
			return true
		}
	}
}

func looksLikeManifest(text []byte) bool {
	return bytes.Contains(text, []byte("apiVersion:")) && bytes.Contains(text, []byte("kind:")) &&
		bytes.Contains(text, []byte("metadata:"))
}

func itemsAreObjects(object *unstructured.Unstructured) bool {
	if !object.IsList() {
		return true
	}
	return object.EachListItem(func(item runtime.Object) error {
		if u, ok := item.(*unstructured.Unstructured); !ok || u.GetKind() == "" {
			return errors.New("no object")
		}
		return nil
	}) == nil
}

// skipMarker makes Argo CD leave a file out, wherever the text stands in it.
const skipMarker = "+argocd:skip-file-rendering"

// overridesSource says whether Argo CD takes a file of this path as overrides of its own Application: which files it
// reads, and how. The name of the file may contain the name of an Application.
func overridesSource(f File) bool {
	rest, found := strings.CutPrefix(f.Path, ".argocd-source")
	return found && path.Ext(rest) == ".yaml" && !strings.Contains(rest, "/") && f.Skipped != SkippedSubmodule
}

// isPointer says whether the file is a pointer to a file in Git LFS.
func isPointer(data []byte) bool {
	return bytes.HasPrefix(data, []byte("version https://git-lfs.github.com/spec/"))
}

// forbidden says why an object of this kind may not lie in a default.project.
func (r *reader) forbidden(m member) string {
	kind, version := shown(m.text("kind")), shown(m.text("apiVersion"))
	var names []string
	for _, k := range r.kinds {
		names = append(names, k.Name)
	}
	if slices.Contains(names, m.text("kind")) && m.group() == api.Group {
		return kind + " is known in " + api.GroupVersion.String() + " alone, and this one says " + version +
			": correct apiVersion"
	}
	return kind + " of " + version + " may not lie here, Argo CD refuses it and holds up the whole product: take it " +
		"out; permitted are " + strings.Join(names, ", ")
}
