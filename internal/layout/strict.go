package layout

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v3"
)

const (
	// maxAliased bounds how many bytes aliases add to a file: as much as the largest file may have. It is checked over
	// all documents of the file before any alias is expanded.
	maxAliased = MaxFileBytes
	// mostSize is where counting stops. No file reaches it with permitted aliases.
	mostSize = 1 << 30
	// maxDocuments bounds the number of documents in a file.
	maxDocuments = 5000
	// maxDepth bounds the nesting of JSON. YAML libraries have bounds of their own.
	maxDepth = 1000
)

// wrongNode reports what the YAML library accepts and we don't: a key that occurs twice, and aliases that grow without
// bound. left is how much aliases may still add to the file; wrongNode subtracts what they add here.
func wrongNode(root *yaml.Node, left *int) *complaint {
	v := &visit{sizes: map[*yaml.Node]int{}}
	*left -= v.node(root) - v.plain
	if v.found == nil && *left < 0 {
		return &complaint{root.Line,
			fmt.Sprintf("aliases make the file larger by more than %d MiB: write it out, or split it", maxAliased>>20)}
	}
	return v.found
}

// visit walks a document once. The target of an alias is visited where its anchor is.
type visit struct {
	// sizes of nodes with their aliases expanded; -1 while a node is being visited.
	sizes map[*yaml.Node]int
	// plain is the size without aliases.
	plain int
	found *complaint
}

func (v *visit) node(n *yaml.Node) int {
	if size, seen := v.sizes[n]; seen {
		if size < 0 {
			v.complain(n, "an alias stands for something that it is part of: write it out")
			return 0
		}
		return size
	}
	if n.Kind == yaml.AliasNode {
		return v.node(n.Alias)
	}
	v.sizes[n] = -1
	if n.Kind == yaml.MappingNode {
		v.keys(n)
	}
	size := len(n.Value) + 4
	v.plain += size
	for _, child := range n.Content {
		size = min(size+v.node(child), mostSize) // saturates: sizes can grow exponentially
	}
	v.sizes[n] = size
	return size
}

func (v *visit) keys(mapping *yaml.Node) {
	lines := map[string]int{}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		key := mapping.Content[i]
		if key.Kind != yaml.ScalarNode {
			continue
		}
		if first, twice := lines[key.Value]; twice && v.earlier(key) {
			v.complain(key,
				fmt.Sprintf("key %q stands there twice, first in line %d: remove one", shown(key.Value), first))
		}
		lines[key.Value] = key.Line
	}
}

// complain keeps the complaint about the earliest place in the file.
func (v *visit) complain(n *yaml.Node, what string) {
	if v.earlier(n) {
		v.found = &complaint{n.Line, what}
	}
}

func (v *visit) earlier(n *yaml.Node) bool { return v.found == nil || n.Line < v.found.line }

// parseJSON reads one JSON value, as Argo CD does. encoding/json alone would accept a member that occurs twice.
func (c *content) parseJSON() *complaint {
	c.isJSON = true
	decoder := json.NewDecoder(bytes.NewReader(c.text))
	decoder.UseNumber()
	reader := jsonReader{decoder: decoder, text: c.text}
	if found := reader.value(0); found != nil {
		return found
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return &complaint{reader.line(), "the file holds more than one JSON value: keep one, or use YAML"}
	}
	s := section{end: len(c.text)}
	s.Index, s.Line, s.JSON = 1, 1, bytes.TrimSpace(c.text)
	c.sections = []section{s}
	return nil
}

type jsonReader struct {
	decoder *json.Decoder
	text    []byte
}

// line returns the line that was read last.
func (r jsonReader) line() int { return lineAt(r.text, int(r.decoder.InputOffset())) }

func (r jsonReader) value(depth int) *complaint {
	if depth > maxDepth {
		return &complaint{r.line(), fmt.Sprintf("the file nests too deeply: at most %d levels", maxDepth)}
	}
	token, err := r.decoder.Token()
	if err != nil {
		return r.invalid()
	}
	switch token {
	case json.Delim('{'):
		return r.members(depth)
	case json.Delim('['):
		for r.decoder.More() {
			if found := r.value(depth + 1); found != nil {
				return found
			}
		}
		return r.closing()
	}
	return nil
}

func (r jsonReader) members(depth int) *complaint {
	ends := map[string]int64{}
	for r.decoder.More() {
		token, err := r.decoder.Token()
		name, isName := token.(string)
		if err != nil || !isName {
			return r.invalid()
		}
		if first, twice := ends[name]; twice {
			return &complaint{r.line(), fmt.Sprintf("member %q stands there twice, first in line %d: remove one",
				shown(name), lineAt(r.text, int(first)))}
		}
		ends[name] = r.decoder.InputOffset()
		if found := r.value(depth + 1); found != nil {
			return found
		}
	}
	return r.closing()
}

func (r jsonReader) closing() *complaint {
	if _, err := r.decoder.Token(); err != nil {
		return r.invalid()
	}
	return nil
}

func (r jsonReader) invalid() *complaint {
	return &complaint{r.line(), "the file is not valid JSON: correct it"}
}
