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
	// Index is the number of the document among those that are not empty, from 1.
	Index int
	// Line on which the document's content begins, from 1.
	Line int
	// JSON is the document as JSON, read as an API server reads it: for example, yes is a boolean.
	JSON json.RawMessage
}

// Documents splits and parses YAML or JSON. It leaves out documents that are empty or hold only comments. An error is a
// *problem.Problem that names the file and the line. There are no documents then, because the meaning of the others is
// not certain.
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

// complaint says why a file cannot be read. Of the file's text it quotes only names of members.
type complaint struct {
	line int
	what string
}

// content is the text of a file, cut into sections without gaps.
type content struct {
	// bom is the byte order mark of a file in UTF-8. A file in UTF-16 is written in UTF-8 without a mark.
	bom      []byte
	text     []byte
	sections []section
	// isJSON says that the text is one JSON value.
	isJSON bool
	// damaged is the line of the first byte that is not UTF-8, 0 when there is none. The text has another character
	// there.
	damaged int
}

// section is the part of the text that belongs to one document. It goes from the document's separator, or from the
// beginning of the text, to the next separator.
type section struct {
	Document
	empty      bool
	start, end int
	// separator is the offset behind the comments that stand before the first separator of the file.
	separator int
	// body is the offset of the line on which the content begins. inline says that the content begins on the line of
	// the separator.
	body   int
	inline bool
}

const bom = "\xef\xbb\xbf"

// parse returns the content of a file. With a complaint, the content holds the sections before the broken place.
func parse(name string, data []byte) (*content, *complaint) {
	c := &content{text: text.Decoded(data)}
	if bytes.HasPrefix(data, []byte(bom)) {
		c.bom = data[:len(bom)]
	}
	if i := firstInvalidUTF8(c.text); i >= 0 {
		return c, &complaint{lineAt(c.text, i), "the file is not UTF-8: save it in that encoding"}
	}
	if i := firstInvalidUTF8(data); i >= 0 && !text.IsUTF16(data) {
		c.damaged = lineAt(data, i)
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

// parseYAML finds the documents with a parser, because a line that looks like a separator may be a part of a text.
func (c *content) parseYAML() *complaint {
	roots, trouble := c.cut()
	left := maxAliased
	for i, root := range roots {
		found := wrongNode(root, &left)
		if found == nil {
			found = c.sections[i].evaluate(c.text)
			if found != nil && trouble != nil { // the section ends at the broken place
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

// cut cuts the text into sections, and returns the root node of each. Sections begin with a line, because the parser
// reports lines only.
func (c *content) cut() ([]*yaml.Node, *complaint) {
	if i := bytes.Index(append([]byte("\n"), c.text...), []byte("\n---#")); i >= 0 {
		// the YAML parser reads this line as text, and Argo CD as a separator
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
			return roots,
				&complaint{s.Line, fmt.Sprintf("the file holds more than %d documents: split it", maxDocuments)}
		// a line break for YAML alone: other parsers read no further
		case s.start > 0 && c.text[s.start-1] != '\n' && len(roots) > 0:
			return roots,
				&complaint{document.Line, "the document is separated by an unusual line break: use a line feed"}
		}
		c.sections = append(c.sections, s)
		roots = append(roots, document.Content[0])
	}
}

// section returns the section in which a document begins. Its end is set when the next document is found.
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

// close sets the ends of the sections and counts them.
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

// evaluate sets the JSON. It uses the YAML library of Argo CD and of the API server.
func (s *section) evaluate(data []byte) *complaint {
	if s.empty {
		return nil
	}
	part := data[s.start:s.end]
	// Kubernetes ends every line with a line break, which can be a part of a text
	if !bytes.HasSuffix(part, []byte("\n")) {
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

// lineStarts returns the offsets of the lines of a text. It knows the line breaks of YAML 1.1.
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

// breakAt returns the length of the line break at the beginning of the text, or 0 when there is none.
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

// lineAt returns the number of the line at an offset, from 1.
func lineAt(data []byte, offset int) int {
	return len(lineStarts(data[:offset]))
}

// complaintOf reads an error of a YAML library. The libraries count the lines of some errors from 0, and name no line
// when it is the first.
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
