package change

import (
	"regexp"
	"strings"

	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// The rules speak of resources, whose names are ids of GitLab. A caller of REST wrote paths and knows no ids.

// resourceIDs matches resource names that are made of ids, and what stands before them: a longer name may end like one.
var resourceIDs = regexp.MustCompile(`(^|[^A-Za-z0-9_./-])((?:product-[0-9]+/)?repo-[0-9]+|product-[0-9]+)\b`)

// aNamespace stands before names that are no products, whatever they look like.
const aNamespace = `namespace "`

// spoken puts names in the place of ids: what the caller wrote, else what answers say. An id that the caller wrote
// stays.
func (w *whatIf) spoken(message string) string {
	if w.names == nil {
		n := namesOf(w.change.access, w.after)
		w.names = &n
	}
	var out strings.Builder
	at := 0
	for _, m := range resourceIDs.FindAllStringSubmatchIndex(message, -1) {
		out.WriteString(message[at:m[4]])
		id := message[m[4]:m[5]]
		if strings.HasSuffix(message[:m[4]], aNamespace) {
			out.WriteString(id)
		} else {
			out.WriteString(w.nameOf(id))
		}
		at = m[5]
	}
	out.WriteString(message[at:])
	return out.String()
}

// nameOf returns the name of a product or of a code repo.
func (w *whatIf) nameOf(id string) string {
	own := strings.TrimPrefix(id, w.change.product+"/")
	for _, name := range []string{w.written[id], w.written[own]} {
		if name != "" {
			return name
		}
	}
	if id == w.change.product {
		return w.names.ProductPath(id)
	}
	return w.names.CodeRepoPath(w.change.product, own)
}

// wrote remembers how the caller wrote the name of a resource.
func (w *whatIf) wrote(id, name string) {
	if name != "" && w.written[id] == "" {
		w.written[id] = name
	}
}

// violation returns a finding in the words of the caller.
func (w *whatIf) violation(of rules.Subject, p *problem.Problem) wire.Violation {
	v := w.change.violation(of, p)
	v.Message = w.spoken(v.Message)
	return v
}
