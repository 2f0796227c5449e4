package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/kinds"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/text"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

const maxInput = 16 << 20 // bytes of one file, or of stdin

// resource is one document of the input. Either object is the whole document in the CRD form, or body is its REST form.
type resource struct {
	kind kinds.Kind
	name string
	// product that the resource lies in, as the document says it: a path, an id, or "".
	product string
	object  json.RawMessage
	body    json.RawMessage
	// unknown are members that mean nothing, once parse found them.
	unknown []string
	// where it stands, for messages.
	where string
}

func (r *resource) String() string { return r.kind.Name + " " + r.name }

// outline holds the members of a document that must be known before it is sent. spec.name and spec.product are the form
// of the upstream CLI.
type outline struct {
	APIVersion string          `json:"apiVersion"`
	Kind       string          `json:"kind"`
	Metadata   *outlineMeta    `json:"metadata"`
	Spec       json.RawMessage `json:"spec"`
}

type outlineMeta struct {
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
}

type outlineSpec struct {
	Name        string          `json:"name"`
	Product     string          `json:"product"`
	ProductName string          `json:"productName"`
	Git         json.RawMessage `json:"git"`
}

// readInput returns the resources of files, directories and stdin ("-"), in the order in which they can be created. If
// any document cannot be read, it returns none.
func (s *Surroundings) readInput(names []string) ([]*resource, error) {
	var all []*resource
	for _, name := range names {
		files, err := filesOf(name)
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			data, err := s.readFile(file)
			if err != nil {
				return nil, err
			}
			found, err := resourcesOf(file, data)
			if err != nil {
				return nil, err
			}
			all = append(all, found...)
		}
	}
	if len(all) == 0 {
		return nil, problem.New(problem.Invalid, problem.ReasonNothingGiven,
			"%s holds no resource: give files with apiVersion, kind and spec", strings.Join(shownNames(names), ", "))
	}
	if err := eachOnce(all); err != nil {
		return nil, err
	}
	slices.SortStableFunc(all, func(a, b *resource) int { return orderOf(a.kind) - orderOf(b.kind) })
	return all, nil
}

func shownNames(names []string) []string {
	out := slices.Clone(names)
	for i := range out {
		if out[i] == "-" {
			out[i] = "stdin"
		}
	}
	return out
}

func orderOf(k kinds.Kind) int {
	return slices.IndexFunc(kinds.All(), func(o kinds.Kind) bool { return o.Name == k.Name })
}

func eachOnce(all []*resource) error {
	first := map[string]*resource{}
	for _, r := range all {
		key := r.kind.Name + "/" + r.product + "/" + r.name
		if other := first[key]; other != nil {
			return problem.New(problem.Invalid, problem.ReasonGivenTwice,
				"%s stands in %s and in %s: keep one of them", r, other.where, r.where)
		}
		first[key] = r
	}
	return nil
}

// filesOf returns the files behind an argument of -f: of a directory, all YAML and JSON files below it, without hidden
// ones and links.
func filesOf(name string) ([]string, error) {
	if name == "-" {
		return []string{"-"}, nil
	}
	info, err := os.Stat(name)
	if err != nil {
		return nil, usage("reading %s: %v", name, rootCause(err))
	}
	if !info.IsDir() {
		return []string{name}, nil
	}
	var files []string
	err = filepath.WalkDir(name, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		hidden := path != name && strings.HasPrefix(entry.Name(), ".")
		switch {
		case entry.IsDir() && hidden:
			return filepath.SkipDir
		case entry.Type().IsRegular() && !hidden &&
			slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(path)):
			files = append(files, path)
		}
		return nil
	})
	if err != nil {
		return nil, usage("reading %s: %v", name, rootCause(err))
	}
	return files, nil
}

func rootCause(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

func (s *Surroundings) readFile(name string) ([]byte, error) {
	from, shown := s.Stdin, "stdin"
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, usage("reading %s: %v", name, rootCause(err))
		}
		defer func() { _ = f.Close() }()
		from, shown = f, name
	}
	data, err := io.ReadAll(io.LimitReader(from, maxInput+1))
	if errors.Is(err, context.Canceled) {
		return nil, err
	}
	if err != nil {
		return nil, usage("reading %s: %v", shown, rootCause(err))
	}
	if len(data) > maxInput {
		return nil, problem.New(problem.Invalid, problem.ReasonInputUnreadable,
			"%s is larger than %d MiB: split it", shown, maxInput>>20)
	}
	return data, nil
}

// understand turns a document into a resource. It looks at kind, name and product alone; see parse.
func understand(where string, raw json.RawMessage) (*resource, error) {
	var doc outline
	if err := json.Unmarshal(raw, &doc); err != nil {
		return nil, mistyped(where, doc.Kind, "", err)
	}
	kind, err := kindOfDocument(where, doc)
	if err != nil {
		return nil, err
	}
	var spec outlineSpec
	if len(doc.Spec) > 0 {
		if err := json.Unmarshal(doc.Spec, &spec); err != nil {
			return nil, mistyped(where, strings.TrimSpace(kind.Name+" "+nameIn(doc.Metadata)), "spec", err)
		}
	}
	r := &resource{kind: kind, where: where, product: spec.Product}
	if doc.Metadata != nil && doc.Metadata.Name != "" {
		r.name, r.object = doc.Metadata.Name, raw
	} else {
		r.name, r.body = spec.Name, doc.Spec
	}
	if err := r.settle(spec, doc.Metadata); err != nil {
		return nil, err
	}
	if r.name == "" {
		return nil, problem.New(problem.Invalid, problem.ReasonNameMissing,
			"%s: the %s has no name: set metadata.name", where, kind.Name)
	}
	if namesAreUsable([]string{r.name}) != nil || (r.product != "" && namesAreUsable([]string{r.product}) != nil) {
		return nil, problem.New(problem.Invalid, problem.ReasonNameMissing,
			"%s: %q in %q is no name of a resource: correct metadata.name and spec.product",
			where, clean(r.name), clean(r.product))
	}
	return r, nil
}

func nameIn(meta *outlineMeta) string {
	if meta == nil {
		return ""
	}
	return meta.Name
}

// mistyped names the member that has a wrong type. of is the object, and path the member that was decoded.
func mistyped(where, of, path string, err error) error {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		path = strings.Trim(path+"."+wrong.Field, ".")
	}
	if of != "" {
		where += ": " + clean(of)
	}
	if wrong == nil || path == "" {
		return problem.New(problem.Invalid, problem.ReasonInputUnreadable,
			"%s is no resource: apiVersion and kind must be strings, metadata and spec must hold members", where)
	}
	return problem.New(problem.Invalid, problem.ReasonInputUnreadable, "%s: %s %s", where, clean(path),
		text.Mistyped(wrong))
}

// parse reads the document as the server will: what is wrong with its form is told with its place in the file.
func (r *resource) parse() (err error) {
	if r.object != nil {
		_, r.unknown, err = wire.ParseObject(withoutExtras(r.object))
	} else {
		var body *wire.Body
		if body, err = wire.Parse(r.kind.Name, r.body); err == nil {
			r.unknown = body.Unknown
		}
	}
	if p := problem.As(err); p != nil {
		return problem.New(p.Class, p.Reason, "%s: %s: %s", r.where, r, p.Message).Because(err)
	}
	return err
}

func kindOfDocument(where string, doc outline) (kinds.Kind, error) {
	all := served()
	i := slices.IndexFunc(all, func(k kinds.Kind) bool { return k.Name == doc.Kind })
	switch {
	case doc.Kind == "" && doc.APIVersion == "":
		return kinds.Kind{}, problem.New(problem.Invalid, problem.ReasonUnknownKind,
			"%s: the document is no resource, nothing was sent: it has neither apiVersion nor kind; take files that "+
				"hold something else out", where)
	case i < 0 || doc.APIVersion != api.GroupVersion.String():
		var names []string
		for _, k := range all {
			if k.Name != "Cluster" {
				names = append(names, k.Name)
			}
		}
		return kinds.Kind{}, problem.New(problem.Invalid, problem.ReasonUnknownKind,
			"%s: %q of %q is not known, nothing was sent: use apiVersion %s and one of %s; take other files out",
			where, clean(doc.Kind), clean(doc.APIVersion), api.GroupVersion, strings.Join(names, ", "))
	case doc.Kind == "Cluster":
		return kinds.Kind{}, problem.New(problem.Invalid, problem.ReasonUnknownKind,
			"%s: clusters are registered by the platform team and cannot be applied here, nothing was sent: take "+
				"the document out", where)
	}
	return all[i], nil
}

// settle sets name, product and form for the kinds that differ from the others.
func (r *resource) settle(spec outlineSpec, meta *outlineMeta) error {
	switch r.kind.Name {
	case "Product": // created through its group and named by the group's path, not by product-<id>
		if spec.Name != "" {
			r.name = spec.Name
		}
		r.product = ""
		if len(spec.Git) == 0 {
			spec.Git = mustJSON(struct{}{}) // an existing group keeps its display name
		}
		r.object, r.body = nil, mustJSON(map[string]json.RawMessage{"git": spec.Git})
	// a code repo that is named by its path is created through its GitLab project: only the REST form can say that
	case "CodeRepo":
		if r.object != nil && !isRepoID(r.name) {
			var doc outline
			if err := json.Unmarshal(r.object, &doc); err != nil {
				return fmt.Errorf("reading %s: %w", r.where, err)
			}
			r.object, r.body = nil, doc.Spec
		}
	// spec.product is the product that may use the code repo, not the one that the binding lies in
	case "CodeRepoBinding":
		r.product = spec.ProductName
	}
	if r.product == "" && meta != nil && r.kind.Scope == kinds.Product {
		r.product = meta.Namespace
	}
	return nil
}

// mustJSON encodes a value that can always be encoded.
func mustJSON(v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil {
		return json.RawMessage("null")
	}
	return raw
}

func isRepoID(name string) bool {
	return regexp.MustCompile(`^repo-[0-9]+$`).MatchString(name)
}
