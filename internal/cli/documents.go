package cli

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/nautes-labs/deployment-runtime/internal/layout"
)

// resourcesOf returns the resources of one file. A JSON list, as `get -o json` prints it, and a List of Kubernetes are
// replaced by their elements.
func resourcesOf(name string, data []byte) ([]*resource, error) {
	if name == "-" {
		name = "stdin"
	}
	docs, err := layout.Documents(name, data)
	if err != nil {
		return nil, err
	}
	var out []*resource
	for _, doc := range docs {
		where := fmt.Sprintf("%s, line %d", name, doc.Line)
		for i, element := range elementsOf(doc.JSON) {
			at := where
			if i > 0 {
				at = fmt.Sprintf("%s, element %d", where, i+1)
			}
			r, err := understand(at, element)
			if err != nil {
				return nil, err
			}
			out = append(out, r)
		}
	}
	return out, nil
}

// elementsOf returns the elements of a list, or the document itself.
func elementsOf(raw json.RawMessage) []json.RawMessage {
	list := []json.RawMessage{}
	if bytes.HasPrefix(bytes.TrimSpace(raw), []byte("[")) && json.Unmarshal(raw, &list) == nil {
		return list
	}
	var of struct {
		Kind  string            `json:"kind"`
		Items []json.RawMessage `json:"items"`
	}
	if json.Unmarshal(raw, &of) == nil && of.Kind == "List" {
		return of.Items
	}
	return []json.RawMessage{raw}
}
