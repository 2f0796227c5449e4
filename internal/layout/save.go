package layout

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/kinds"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// Save returns the edits that make the tree hold the object, and whether there are any. There are none when the tree
// already holds an equal object. An existing object is replaced in its place; a new one gets a file of its own. Of the
// metadata only name, labels and annotations are written, as obj has them: labels and annotations of the file that
// shall survive must be in obj. An error is a *problem.Problem.
func Save(t *Tree, obj client.Object) (edits []Edit, changed bool, err error) {
	id := identity{kinds.NameOf(obj), obj.GetName()}
	stored, err := t.only(id)
	if err != nil {
		return nil, false, err
	}
	if stored == nil {
		edit, err := t.create(obj)
		if err != nil {
			return nil, false, err
		}
		return []Edit{edit}, true, nil
	}
	same, err := equal(stored, obj)
	if err != nil || same {
		return nil, false, err
	}
	edit, err := stored.in.rewrite(replacement{stored, obj})
	if err != nil {
		return nil, false, err
	}
	return []Edit{edit}, true, nil
}

// Remove returns the edits that remove the object from the tree. They remove its document, or its file when nothing
// else is left in it. An error is a *problem.Problem, of class Missing when there is no such object.
func Remove(t *Tree, kind, name string) ([]Edit, error) {
	stored, err := t.only(identity{kind, name})
	if err != nil {
		return nil, err
	}
	if stored == nil {
		return nil, problem.New(problem.Missing, problem.ReasonResourceNotFound,
			"%s %q does not exist: correct the name", kind, shown(name))
	}
	edit, err := stored.in.rewrite(replacement{stored, nil})
	if err != nil {
		return nil, err
	}
	return []Edit{edit}, nil
}

// Migrate returns the edits that rewrite every object of a newer upstream shape to ours, sorted by path. There may be
// none.
func Migrate(t *Tree) ([]Edit, error) {
	var edits []Edit
	for _, p := range t.files {
		var all []replacement
		for i := range p.resources {
			if r := &p.resources[i]; r.legacy {
				all = append(all, replacement{r, r.object()})
			}
		}
		if len(all) == 0 {
			continue
		}
		edit, err := p.rewrite(all...)
		if err != nil {
			return nil, err
		}
		edits = append(edits, edit)
	}
	return edits, nil
}

// only returns the resource of an object, or nil when there is none. It returns an error when it is not clear which
// resource is meant.
func (t *Tree) only(id identity) (*resource, error) {
	found, broken := t.find(id), t.brokenIn(id)
	switch {
	case len(found) > 1, len(found) == 1 && len(broken) > 0:
		places := placesOf(found)
		for _, path := range broken {
			places += ", " + shown(path)
		}
		return nil, problem.New(problem.Conflict, problem.ReasonDuplicate,
			"%s %q stands in more than one place (%s): remove all but one of them by git first",
			id.kind, shown(id.name), places)
	case len(broken) > 0:
		return nil, problem.New(problem.Conflict, problem.ReasonFileUnreadable,
			"%s %q stands in %s, which cannot be read: correct or remove that file by git first",
			id.kind, shown(id.name), shown(broken[0]))
	case len(found) == 1:
		return found[0], nil
	}
	return nil, nil
}

// equal says whether the file already holds an equal object.
func equal(stored *resource, obj client.Object) (bool, error) {
	has := stored.object()
	if stored.legacy || len(has.GetFinalizers()) > 0 || len(has.GetOwnerReferences()) > 0 {
		return false, nil // the written file would not hold it
	}
	if has.GetNamespace() != "" && obj.GetNamespace() != "" && has.GetNamespace() != obj.GetNamespace() {
		return false, nil
	}
	a, err := Marshal(has)
	if err != nil {
		return false, err
	}
	b, err := Marshal(obj)
	if err != nil {
		return false, err
	}
	return bytes.Equal(a, b), nil
}

func (t *Tree) create(obj client.Object) (Edit, error) {
	path, err := PathOf(obj)
	if err != nil {
		return Edit{}, err
	}
	if taken := t.inTheWay(path); taken != "" {
		return Edit{}, problem.New(problem.Conflict, problem.ReasonPathTaken,
			"%s %s belongs into %s, but %s is there and holds something else: move or remove it by git first",
			kinds.NameOf(obj), obj.GetName(), path, shown(taken))
	}
	fields, err := form(obj)
	if err != nil {
		return Edit{}, err
	}
	data, err := Marshal(obj)
	if err != nil {
		return Edit{}, err
	}
	want := newReader().meaning(member{fields: plainFields(fields)})
	if got, ok := objectsIn(path, data); !ok || !slices.Equal(got, []string{want}) {
		return Edit{}, problem.New(problem.Invalid, problem.ReasonUnwritable,
			"%s %s cannot be written as a file of at most %d MiB: shorten it, and correct its labels and annotations",
			kinds.NameOf(obj), obj.GetName(), MaxFileBytes>>20)
	}
	return Edit{Path: path, Data: data}, nil
}

// PathOf returns the path of the file of a new object. Only names that are DNS labels become a part of it. An error is
// a *problem.Problem.
func PathOf(obj client.Object) (string, error) {
	k, found := kinds.ByName(kinds.NameOf(obj))
	if !found || k.Scope != kinds.Product {
		return "", problem.New(problem.Invalid, problem.ReasonUnknownKind, "a %T lies in no default.project", obj)
	}
	name := obj.GetName()
	if len(validation.IsDNS1123Label(name)) > 0 {
		return "", problem.New(problem.Invalid, problem.ReasonInvalidName,
			"the name %q must be a DNS label: lower-case letters, digits and -, at most 63 characters",
			shown(name)).At("metadata.name")
	}
	switch o := obj.(type) {
	case *api.Project, *api.CodeRepo:
		return fmt.Sprintf("%s/%s/%s.yaml", k.Directory, name, name), nil
	case *api.CodeRepoBinding:
		repo := o.Spec.CodeRepo
		if len(validation.IsDNS1123Label(repo)) > 0 {
			return "", problem.New(problem.Invalid, problem.ReasonInvalidName,
				"the code repo %q must be the resource name of a code repo, such as repo-3",
				shown(repo)).At("spec.codeRepo")
		}
		return fmt.Sprintf("%s/%s/%s.yaml", k.Directory, repo, name), nil
	}
	return fmt.Sprintf("%s/%s.yaml", k.Directory, name), nil
}

// inTheWay returns a file at the path, above it, or below it; empty when there is none.
func (t *Tree) inTheWay(path string) string {
	for i := range path {
		if path[i] == '/' && t.file(path[:i]) != nil {
			return path[:i]
		}
	}
	for _, at := range []string{path, path + "/"} {
		if i, _ := t.search(at); i < len(t.files) {
			if there := t.files[i].file.Path; there == path || strings.HasPrefix(there, path+"/") {
				return there
			}
		}
	}
	return ""
}
