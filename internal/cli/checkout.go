package cli

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrlclient "sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/catalog"
	"github.com/nautes-labs/deployment-runtime/internal/kinds"
	"github.com/nautes-labs/deployment-runtime/internal/layout"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
	"github.com/nautes-labs/deployment-runtime/internal/schema"
	"github.com/nautes-labs/deployment-runtime/internal/text"
)

func invalidCheckout() error {
	return problem.New(problem.Invalid, problem.ReasonCheckoutInvalid, "the checkout violates rules")
}

// readCheckout reads a checkout of default.project as git would store it: without .git, and without following links, so
// that it reads nothing outside.
func readCheckout(dir string) ([]layout.File, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, usage("reading the checkout in %s: %v", dir, rootCause(err))
	}
	defer func() { _ = root.Close() }()
	var files []layout.File
	err = fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && entry.Name() == ".git" {
			return fs.SkipDir
		}
		if entry.IsDir() || !mayHoldResources(name) || entry.Type()&^fs.ModeSymlink != 0 {
			return nil
		}
		f, err := readTreeFile(root, name, entry)
		files = append(files, f)
		return err
	})
	if err != nil {
		return nil, usage("reading the checkout in %s: %v", dir, rootCause(err))
	}
	return files, nil
}

func readTreeFile(root *os.Root, name string, entry fs.DirEntry) (layout.File, error) {
	f := layout.File{Path: name}
	if entry.Type()&fs.ModeSymlink != 0 {
		f.Skipped = layout.SkippedSymlink
		return f, nil
	}
	info, err := entry.Info()
	if err != nil {
		return f, fmt.Errorf("looking at %s: %w", name, err)
	}
	if info.Size() > layout.MaxFileBytes {
		f.Skipped = layout.SkippedTooLarge
		return f, nil
	}
	if f.Data, err = root.ReadFile(name); err != nil {
		return f, fmt.Errorf("reading %s: %w", name, err)
	}
	return f, nil
}

// mayHoldResources leaves out files that Argo CD and the server do not read: a checkout may hold anything else beside
// the four directories.
func mayHoldResources(file string) bool {
	top, _, _ := strings.Cut(file, "/")
	inside := slices.ContainsFunc(kinds.All(), func(k kinds.Kind) bool { return k.Directory == top && top != "" })
	return inside || slices.Contains([]string{".yaml", ".yml", ".json"}, path.Ext(file))
}

// harmless are the codes of findings that hold up nothing.
func harmless() []string {
	return []string{layout.CodeLegacyShape, layout.CodeNotSynced, layout.CodeNotRead, layout.CodeNotUTF8}
}

// checkout checks a checkout offline.
func (o *validateOptions) checkout(ctx context.Context) (*findings, *layout.Tree, error) {
	files, err := readCheckout(o.dir)
	if err != nil {
		return nil, nil, err
	}
	tree := layout.Read(files)
	product, err := o.productOf(tree)
	if err != nil {
		return nil, nil, err
	}
	found := &findings{Product: product.Name, Objects: []checked{}, Findings: []finding{}, Unchecked: []string{}}
	for _, f := range tree.FindingsFor(product.Name) {
		found.add(finding{
			File: f.File, Line: max(1, f.Line), Rule: f.Code,
			Message: strings.TrimPrefix(f.Message, fmt.Sprintf("line %d: ", f.Line)),
			Warning: slices.Contains(harmless(), f.Code),
		})
	}
	if err := found.judge(ctx, product, tree); err != nil {
		return nil, nil, err
	}
	return found, tree, nil
}

// maxPlaces bounds how many products are named where there should be one.
const maxPlaces = 10

// productOf returns the product that the files or the user name. Both its human name and its id may be known.
func (o *validateOptions) productOf(tree *layout.Tree) (*api.Product, error) {
	var said, places []string
	for _, k := range kinds.OfScope(kinds.Product) {
		for _, e := range tree.Of(k.Name) {
			if p := kinds.ProductOf(e.Object); isProductID(p) && !slices.Contains(said, p) {
				said = append(said, p)
				places = append(places, fmt.Sprintf("%s in %s, line %d", p, clean(e.File), e.Line))
			}
		}
	}
	product := &api.Product{ObjectMeta: metav1.ObjectMeta{Name: o.product}}
	if isProductID(o.product) {
		return product, nil
	}
	product.Spec.Name = o.product
	switch {
	case len(said) == 1:
		product.Name = said[0]
		return product, nil
	case len(said) == 0:
		return nil, problem.New(problem.Invalid, problem.ReasonProductMissing,
			"no resource below %s names its product as product-<id>: go to the top of a checkout of default.project, "+
				"or use --product product-<id>", o.dir)
	}
	slices.Sort(places)
	return nil, problem.New(problem.Invalid, problem.ReasonProductMissing,
		"the files below %s name several products (%s): make spec.product the same in all, or use --product "+
			"product-<id>",
		o.dir, strings.Join(text.First(places, maxPlaces), "; "))
}

// judge checks every object with the schema and the rules. Facts about clusters, providers and other products are not
// available.
func (f *findings) judge(ctx context.Context, product *api.Product, tree *layout.Tree) error {
	s, err := schema.New()
	if err != nil {
		return fmt.Errorf("loading the schema: %w", err)
	}
	lookup := catalog.NewTree(product, tree, nil)
	for _, k := range kinds.OfScope(kinds.Product) {
		for _, e := range tree.Of(k.Name) {
			f.Objects = append(f.Objects, checked{File: e.File, Kind: e.Kind, Name: e.Name})
			object, ok := e.Object.DeepCopyObject().(ctrlclient.Object)
			if !ok {
				continue
			}
			object.SetNamespace(product.Name)
			wrong := s.Check(object) //nolint:contextcheck // the schema asks nobody
			f.take(e, wrong)
			if len(wrong) > 0 {
				continue // the rules apply only to objects with a valid form
			}
			verdict, err := rules.Check(ctx, lookup, object, rules.SystemNamespaces{api.SystemNamespaceDefault})
			if err != nil {
				return fmt.Errorf("checking %s %s: %w", e.Kind, e.Name, err)
			}
			f.take(e, verdict.Violations)
			f.Unchecked = append(f.Unchecked, verdict.Unchecked...)
		}
	}
	return nil
}

func (f *findings) take(e *layout.Entry, all []*problem.Problem) {
	for _, p := range all {
		f.add(finding{File: e.File, Line: e.Line, Kind: e.Kind, Name: e.Name, Rule: p.Reason, Field: p.Field,
			Message: p.Message})
	}
}
