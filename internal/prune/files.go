package prune

import (
	"bufio"
	"bytes"
	"maps"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"

	"github.com/nautes-labs/deployment-runtime/internal/placement"
	"github.com/nautes-labs/deployment-runtime/internal/text"
)

// Pattern returns a glob for the manifest files in a directory of a repository. For a plain directory Argo CD does not
// read the directories below it; Kustomize and Helm read them all. The alternatives in braces are whole paths: with
// braces further inside, doublestar misses directories whose names look like patterns.
func Pattern(directory string, generated bool) string {
	names := []string{"*.yaml", "*.yml", "*.json", "*.jsonnet"}
	if generated {
		names = []string{"**/*.yaml", "**/*.yml", "**/*.json", "**/Kustomization"}
	}
	for i, name := range names {
		names[i] = strings.TrimPrefix(plain(directory)+"/"+name, "./")
	}
	return "{" + strings.Join(names, ",") + "}"
}

// plain replaces the special characters of a glob by "?", which matches any character: not every version of doublestar
// knows escaping. The glob may then match files in other directories, which Within leaves out.
func plain(directory string) string {
	return strings.Map(func(c rune) rune {
		if strings.ContainsRune(`*?[]{},\`, c) {
			return '?'
		}
		return c
	}, directory)
}

// Within returns the files below a directory, by their names relative to it.
func Within(directory string, files map[string][]byte) Files {
	out := Files{}
	for name, content := range files {
		if within, ok := strings.CutPrefix(name, strings.TrimPrefix(directory+"/", "./")); ok {
			if text.IsUTF16(content) {
				content = text.Decoded(content)
			}
			out[within] = content
		}
	}
	return out
}

// emptiness says why a file holds no object. It is empty for a file that holds something.
type emptiness string

const (
	holdsSomething emptiness = ""
	holdsNoObject  emptiness = "holds no object"
	isEmpty        emptiness = "is empty"
	isPointer      emptiness = "is a pointer of Git LFS"
	isNoText       emptiness = "is no text: it is encrypted or damaged"
)

// lfsPointer is the beginning of every Git LFS pointer.
const lfsPointer = "version https://git-lfs.github.com/spec/"

// blankness judges the text alone, without parsing it, so it also works for templates.
func blankness(content []byte) emptiness {
	switch {
	case bytes.HasPrefix(content, []byte(lfsPointer)):
		return isPointer
	case bytes.IndexByte(content, 0) >= 0 || !utf8.Valid(content):
		return isNoText
	}
	for line := range bytes.Lines(bytes.TrimPrefix(content, []byte("\xef\xbb\xbf"))) {
		line = bytes.TrimSpace(line)
		if len(line) > 0 && line[0] != '#' && string(line) != "---" && string(line) != "..." {
			return holdsSomething
		}
	}
	return isEmpty
}

// tree holds the manifest files of a revision. objects holds the objects that the files name; it is empty when
// manifests are generated from the files.
type tree struct {
	files   Files
	objects map[string][]document
}

func newTree(files Files, generated bool) tree {
	t := tree{files: files, objects: map[string][]document{}}
	for name, content := range files {
		if !generated && blankness(content) == holdsSomething {
			t.objects[name] = documents(name, content)
		}
	}
	return t
}

// hollow returns the files that hold no object. When manifests are generated from the files, these are the files
// without any text that means something.
func (t tree) hollow(generated bool) map[string]emptiness {
	out := map[string]emptiness{}
	for name, content := range t.files {
		is := blankness(content)
		if is == holdsSomething && !generated && len(t.objects[name]) == 0 {
			is = holdsNoObject
		}
		if is != holdsSomething {
			out[name] = is
		}
	}
	return out
}

// holders returns the files that name the object. A document without a namespace matches an object of any namespace.
func (t tree) holders(o placement.Object) []string {
	return t.with(func(d document) bool { return d.is(o, o.Namespace) })
}

// unread returns a file that still names the object although Argo CD does not see it there. Argo CD was told to leave
// the file out. A hook does not count as the object.
func (t tree) unread(o placement.Object, namespace string) string {
	files := t.with(func(d document) bool { return !d.hook && d.is(o, namespace) })
	if len(files) == 0 {
		return ""
	}
	return files[0]
}

func (t tree) with(matches func(document) bool) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(t.objects)) {
		if slices.ContainsFunc(t.objects[name], matches) {
			out = append(out, name)
		}
	}
	return out
}

// document is an object as a file names it. hook says that it is a hook of Argo CD or Helm.
type document struct {
	placement.Object
	hook bool
}

// is says whether the document names the object. A document without a namespace counts as one in the given namespace.
func (d document) is(o placement.Object, namespace string) bool {
	if d.Namespace == "" {
		d.Namespace = namespace
	}
	if o.Namespace == "" { // cluster-scoped, whatever the document says
		d.Namespace = ""
	}
	return d.Object == o
}

// maxDocument bounds what is parsed. Objects are not much larger than that. A longer document counts as one that names
// no known object.
const maxDocument = 512 << 10

// documents returns the objects that a file names. A text that does not parse names none: if a part of it may be meant
// as an object, Argo CD reports an error and removes nothing.
func documents(name string, content []byte) []document {
	if path.Ext(name) == ".json" {
		return objects(content)
	}
	var out []document
	for r := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(content))); ; {
		part, err := r.Read()
		if err != nil {
			return out
		}
		out = append(out, objects(part)...)
	}
}

// objects returns the objects of one document: the document itself, or the items of a list. Aliases are not expanded.
func objects(part []byte) []document {
	if len(part) > maxDocument {
		return []document{{}}
	}
	var root yaml.Node
	if err := yaml.Unmarshal(part, &root); err != nil || root.Kind != yaml.DocumentNode {
		return nil
	}
	one := root.Content[0]
	items := member(one, "items")
	if !strings.HasSuffix(scalar(one, "kind"), "List") || items == nil || items.Kind != yaml.SequenceNode {
		return object(one)
	}
	var out []document
	for _, item := range items.Content {
		out = append(out, object(item)...)
	}
	return out
}

// object returns the object that the node describes, or none.
func object(n *yaml.Node) []document {
	kind, version := scalar(n, "kind"), scalar(n, "apiVersion")
	if n.Kind != yaml.MappingNode || kind == "" || version == "" {
		return nil
	}
	group, _, grouped := strings.Cut(version, "/")
	if !grouped {
		group = ""
	}
	meta := member(n, "metadata")
	annotations := member(meta, "annotations")
	return []document{{
		Object: placement.Object{Group: group, Kind: kind, Namespace: scalar(meta, "namespace"),
			Name: scalar(meta, "name")},
		hook: scalar(annotations, "argocd.argoproj.io/hook") != "" || scalar(annotations, "helm.sh/hook") != "",
	}}
}

// member returns a member of a mapping, or nil.
func member(n *yaml.Node, key string) *yaml.Node {
	n = followed(n)
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return followed(n.Content[i+1])
		}
	}
	return nil
}

func followed(n *yaml.Node) *yaml.Node {
	if n != nil && n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func scalar(n *yaml.Node, key string) string {
	if m := member(n, key); m != nil && m.Kind == yaml.ScalarNode {
		return m.Value
	}
	return ""
}
