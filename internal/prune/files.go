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
)

// Pattern returns the pattern of the manifest files in a directory of a repository. Argo CD reads a plain directory without those below it;
// Kustomize and Helm read all. The alternatives are whole paths: with braces further in, doublestar misses directories whose names look
// like patterns.
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

// plain makes a path one without alternatives: what would mean something matches any character, as escaping is not known to every version
// of doublestar. What is matched beside the directory is left out by Within.
func plain(directory string) string {
	return strings.Map(func(c rune) rune {
		if strings.ContainsRune(`*?[]{},\`, c) {
			return '?'
		}
		return c
	}, directory)
}

// Within returns the files by their names within a directory.
func Within(directory string, files map[string][]byte) Files {
	out := Files{}
	for name, content := range files {
		if within, ok := strings.CutPrefix(name, strings.TrimPrefix(directory+"/", "./")); ok {
			out[within] = content
		}
	}
	return out
}

// emptiness says what a file is that does not hold what one expects.
type emptiness string

const (
	holdsSomething emptiness = ""
	holdsNoObject  emptiness = "holds no object"
	isEmpty        emptiness = "is empty"
	isPointer      emptiness = "is a pointer of Git LFS"
	isNoText       emptiness = "is no text: it is encrypted or damaged"
)

// lfsPointer is how every pointer of Git LFS begins.
const lfsPointer = "version https://git-lfs.github.com/spec/"

// blankness looks at the text alone, as it is of any use for what is a template.
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

// tree is the manifest files of a revision with the objects that they name, where those are looked for.
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

// hollow returns the files that hold nothing: no object, or, where manifests are generated from them, no text that means anything.
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

// holders returns the files that hold an object, or one of its kind and name that names no namespace.
func (t tree) holders(o placement.Object) []string {
	return t.with(func(d document) bool { return d.is(o, o.Namespace) })
}

// unread returns the file in which an object still is, although Argo CD does not see it there: it was told to leave the file out. A hook
// is no object of its own.
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

// document is an object as a file names it.
type document struct {
	placement.Object
	hook bool
}

// is says whether the document is an object, where one that names no namespace goes to the given one.
func (d document) is(o placement.Object, namespace string) bool {
	if d.Namespace == "" {
		d.Namespace = namespace
	}
	if o.Namespace == "" { // of the whole cluster, whatever the document says
		d.Namespace = ""
	}
	return d.Object == o
}

// maxDocument bounds what is parsed. No object is larger than that by much; a longer document counts as one that names nothing.
const maxDocument = 512 << 10

// documents returns the objects that a file names. What does not parse names none: where something of the file could be meant as an object,
// Argo CD reports it and removes nothing.
func documents(name string, content []byte) []document {
	if path.Ext(name) == ".json" {
		return objects(content)
	}
	var out []document
	for r := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(content))); ; {
		text, err := r.Read()
		if err != nil {
			return out
		}
		out = append(out, objects(text)...)
	}
}

// objects returns the objects of one document: one, or those of a list. It is parsed but never expanded: aliases stay what they are.
func objects(text []byte) []document {
	if len(text) > maxDocument {
		return []document{{}}
	}
	var root yaml.Node
	if err := yaml.Unmarshal(text, &root); err != nil || root.Kind != yaml.DocumentNode {
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

// object returns the object that a node is, or none.
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
		Object: placement.Object{Group: group, Kind: kind, Namespace: scalar(meta, "namespace"), Name: scalar(meta, "name")},
		hook:   scalar(annotations, "argocd.argoproj.io/hook") != "" || scalar(annotations, "helm.sh/hook") != "",
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
