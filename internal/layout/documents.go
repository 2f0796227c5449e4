package layout

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
	sigsyaml "sigs.k8s.io/yaml"

	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/text"
)

// Document is one document of a YAML or JSON file.
type Document struct {
	// Index counts the documents that are not empty, from 1.
	Index int
	// Line on which the document's content begins, from 1.
	Line int
	// JSON is the document as JSON, whatever value it is: as an API server would read it, so yes is a boolean.
	JSON json.RawMessage
}

// Documents splits and parses YAML or JSON. Documents that are empty, or comments alone, are left out. An error is a *problem.Problem
// that names the file and the line; nothing is returned then, because what was meant with the rest is not known.
func Documents(name string, data []byte) ([]Document, error) {
	c, complaint := parse(name, data)
	if complaint != nil {
		return nil, problem.New(problem.Invalid, problem.ReasonUnparsable,
			"%s, line %d: %s", shown(name), complaint.line, complaint.what)
	}
	var docs []Document
	for _, s := range c.sections {
		if !s.empty {
			docs = append(docs, s.Document)
		}
	}
	return docs, nil
}

// complaint says why a file cannot be read. It quotes nothing of the file but names of members.
type complaint struct {
	line int
	what string
}

// content is a file as documents: text without its byte order mark, cut into sections without gaps.
type content struct {
	bom      []byte
	text     []byte
	sections []section
	// isJSON says that the text is one JSON value.
	isJSON bool
}

// section is the part of the text that a document lies in: from its separator, or the beginning of the text, to the next one's separator.
type section struct {
	Document
	empty      bool
	start, end int
	// separator is where the document's own part begins: after comments that stand before the first separator.
	separator int
	// body is the beginning of the line on which the content begins. inline says that it begins on the line of the separator.
	body   int
	inline bool
}

const bom = "\xef\xbb\xbf"

// parse returns the content of a file. When it complains, the content holds the sections before the trouble.
func parse(name string, data []byte) (*content, *complaint) {
	c := &content{text: data}
	if bytes.HasPrefix(data, []byte(bom)) {
		c.bom, c.text = data[:len(bom)], data[len(bom):]
	}
	if i := firstInvalidUTF8(c.text); i >= 0 {
		return c, &complaint{lineAt(c.text, i), "the file is not UTF-8: save it in that encoding"}
	}
	if path.Ext(name) == ".json" || (bytes.HasPrefix(bytes.TrimSpace(c.text), []byte("{")) && json.Valid(c.text)) {
		found := c.parseJSON()
		return c, found
	}
	found := c.parseYAML()
	return c, found
}

func firstInvalidUTF8(data []byte) int {
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}

// parseYAML finds the documents with a parser, because what looks like a separator may be the text of a key.
func (c *content) parseYAML() *complaint {
	roots, trouble := c.cut()
	left := maxAliased
	for i, root := range roots {
		found := wrongNode(root, &left)
		if found == nil {
			found = c.sections[i].evaluate(c.text)
			if found != nil && trouble != nil { // the section reaches to the trouble
				found = trouble
			}
		}
		if found != nil {
			c.sections = c.sections[:i]
			return found
		}
	}
	return trouble
}

// cut makes sections of the text, and returns the root of each. The parser tells lines, so they are cut at lines.
func (c *content) cut() ([]*yaml.Node, *complaint) {
	if i := bytes.Index(append([]byte("\n"), c.text...), []byte("\n---#")); i >= 0 {
		// text to YAML, and a separator to Argo CD
		return nil, &complaint{lineAt(c.text, i), "a line begins with ---#: put a space before the comment"}
	}
	defer c.close()
	lines := lineStarts(c.text)
	var roots []*yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(c.text))
	for {
		var document yaml.Node
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			return roots, nil
		}
		if err != nil {
			return roots, complaintOf(err)
		}
		s := c.section(&document, lines)
		switch {
		case len(roots) == maxDocuments:
			return roots, &complaint{s.Line, fmt.Sprintf("the file holds more than %d documents: split it", maxDocuments)}
		case s.start > 0 && c.text[s.start-1] != '\n' && len(roots) > 0: // a break in YAML's eyes alone: others read no further
			return roots, &complaint{document.Line, "the document is separated by an unusual line break: use a line feed"}
		}
		c.sections = append(c.sections, s)
		roots = append(roots, document.Content[0])
	}
}

// section returns where a document is. Its end is known when the next one is found.
func (c *content) section(document *yaml.Node, lines []int) section {
	at := func(line int) int {
		if line > len(lines) {
			return len(c.text)
		}
		return lines[line-1]
	}
	root := document.Content[0]
	s := section{start: at(document.Line), separator: at(document.Line), body: at(root.Line)}
	s.Line = root.Line
	s.empty = root.Kind == yaml.ScalarNode && root.ShortTag() == "!!null"
	s.inline = root.Column > 1 && bytes.HasPrefix(c.text[s.body:], []byte("---"))
	return s
}

// close sets where sections end and counts them.
func (c *content) close() {
	count := 0
	for i := range c.sections {
		s := &c.sections[i]
		if i == 0 {
			s.start = 0
		}
		s.end = len(c.text)
		if i+1 < len(c.sections) {
			s.end = c.sections[i+1].start
		}
		if !s.empty {
			count++
			s.Index = count
		}
	}
}

// evaluate sets the JSON, by the library that Argo CD and the API server read YAML with.
func (s *section) evaluate(data []byte) *complaint {
	if s.empty {
		return nil
	}
	part := data[s.start:s.end]
	if !bytes.HasSuffix(part, []byte("\n")) { // Kubernetes ends every line, and it can be a part of a text
		part = append(bytes.Clone(part), '\n')
	}
	raw, err := sigsyaml.YAMLToJSON(part)
	if err != nil {
		found := complaintOf(err)
		found.line += lineAt(data, s.start) - 1
		return found
	}
	s.JSON = raw
	return nil
}

// lineStarts returns where the lines of a text begin, with the line breaks that YAML 1.1 knows.
func lineStarts(data []byte) []int {
	starts := []int{0}
	for i := 0; i < len(data); {
		n := breakAt(data[i:])
		if n == 0 {
			i++
			continue
		}
		i += n
		starts = append(starts, i)
	}
	return starts
}

// breakAt returns how many bytes the line break at the beginning of the text has; 0 when there is none.
func breakAt(data []byte) int {
	switch {
	case bytes.HasPrefix(data, []byte("\r\n")), bytes.HasPrefix(data, []byte("\u0085")):
		return 2
	case data[0] == '\n', data[0] == '\r':
		return 1
	case bytes.HasPrefix(data, []byte("\u2028")), bytes.HasPrefix(data, []byte("\u2029")):
		return 3
	}
	return 0
}

// lineAt returns the line of an offset, from 1.
func lineAt(data []byte, offset int) int {
	return len(lineStarts(data[:offset]))
}

// complaintOf reads a YAML library's error. The libraries count the lines of some errors from 0, and name none for the first line.
func complaintOf(err error) *complaint {
	what := strings.TrimPrefix(err.Error(), "yaml: ")
	what = strings.TrimPrefix(what, "unmarshal errors:\n  ")
	what, _, _ = strings.Cut(what, "\n")
	line := 1
	if m := regexp.MustCompile(`^line ([0-9]+): `).FindStringSubmatch(what); m != nil {
		line, _ = strconv.Atoi(m[1])
		what = strings.TrimPrefix(what, m[0])
		if strings.HasPrefix(what, "did not find expected") || strings.HasPrefix(what, "found duplicate %") {
			line++
		}
	}
	return &complaint{line, fmt.Sprintf("the file is not valid YAML (%s): correct it", shown(what))}
}

// shown makes text from outside fit for a message.
func shown(said string) string {
	const longest = 200
	printable := strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(said, "?"))
	return text.CutRunes(printable, longest, "...")
}
