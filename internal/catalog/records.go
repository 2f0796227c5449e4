package catalog

import (
	"context"
	"fmt"
	"sync"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
)

// records reads the records from the annotations of Applications, because labels can be lost. A damaged record is left
// out; the status of its runtime reports it.
//
// Without an index each question reads all Applications. With one, a ledger of the decoded records is kept. It is as
// current as the cache: the cache calls the function of a field index under its own lock for each Application that it
// adds, changes or removes. The function notes the name. The next question reads these Applications again first.
type records struct {
	reader    client.Reader
	namespace string
	kind      applicationKind

	// one guards the ledger; nil is none.
	one    sync.Mutex
	ledger *ledger
	// changed are the names of Applications that the ledger has to read again.
	changed names
}

// fieldName is the index of Applications that have a record, by their own name.
const fieldName = "record"

// index makes the cache note what changes. That must be done before the cache starts.
func (r *records) index(ctx context.Context, indexer client.FieldIndexer) error {
	r.ledger = newLedger()
	one, err := r.kind.one()
	if err != nil {
		return err
	}
	err = indexer.IndexField(ctx, one, fieldName, func(app client.Object) []string {
		if _, marked := app.GetAnnotations()[api.AnnotationPlacement]; !marked {
			return nil
		}
		r.changed.add(app.GetName())
		return []string{app.GetName()}
	})
	if err != nil {
		return fmt.Errorf("indexing the records: %w", err)
	}
	return nil
}

// ask answers a question from a ledger that is as current as the cache. An answer must not keep anything of the ledger.
func (r *records) ask(ctx context.Context, question func(*ledger)) error {
	if r.ledger == nil {
		all := newLedger()
		if err := r.read(ctx, all); err != nil {
			return err
		}
		question(all)
		return nil
	}
	r.one.Lock()
	defer r.one.Unlock()
	// The cache is asked even if nothing changed: it may not be filled yet, or not be connected.
	if err := r.read(ctx, r.ledger, client.MatchingFields{fieldName: ""}); err != nil {
		return err
	}
	changed := r.changed.take()
	for i, name := range changed {
		r.ledger.put(name, nil)
		if err := r.read(ctx, r.ledger, client.MatchingFields{fieldName: name}); err != nil {
			r.changed.add(changed[i:]...)
			return err
		}
	}
	question(r.ledger)
	return nil
}

// read puts the records of the selected Applications into a ledger.
func (r *records) read(ctx context.Context, into *ledger, selected ...client.ListOption) error {
	apps, err := r.kind.list()
	if err != nil {
		return err
	}
	opts := append([]client.ListOption{client.InNamespace(r.namespace), client.UnsafeDisableDeepCopy}, selected...)
	if err := r.reader.List(ctx, apps, opts...); err != nil {
		return fmt.Errorf("listing %T: %w", apps, err)
	}
	return meta.EachListItem(apps, func(o runtime.Object) error {
		app, err := meta.Accessor(o)
		if err != nil {
			return fmt.Errorf("reading the metadata of an Application: %w", err)
		}
		if p, err := placement.Decode(app.GetAnnotations()[api.AnnotationPlacement]); err == nil {
			into.put(app.GetName(), recordOf(p, app))
		}
		return nil
	})
}

// recordOf returns a record with how far the removal of its runtime is. A damaged request for a removal counts as none:
// the operator reports it and removes nothing.
func recordOf(p placement.Placement, app metav1.Object) *rules.Record {
	r := &rules.Record{Placement: p, Since: app.GetCreationTimestamp().Time, Begun: app.GetDeletionTimestamp() != nil}
	if t, err := placement.DecodeTeardown(app.GetAnnotations()[api.AnnotationTeardown]); err == nil {
		r.Teardown = &t
		r.Approved = t.ApprovedBy(app.GetAnnotations()[api.AnnotationApproveTeardown])
	}
	return r
}

// names is a set of names that may be filled while somebody else takes what is in it.
type names struct {
	lock sync.Mutex
	set  map[string]struct{}
}

func (n *names) add(all ...string) {
	n.lock.Lock()
	defer n.lock.Unlock()
	if n.set == nil {
		n.set = map[string]struct{}{}
	}
	for _, name := range all {
		n.set[name] = struct{}{}
	}
}

// take empties the set.
func (n *names) take() []string {
	n.lock.Lock()
	defer n.lock.Unlock()
	all := make([]string, 0, len(n.set))
	for name := range n.set {
		all = append(all, name)
	}
	clear(n.set)
	return all
}

// applicationKind says how Applications are read. A reader that knows the type of Applications, as the operator's does,
// reads them by that type, so that it sees what the operator itself has just written. Any other reader reads only their
// metadata, which is enough for a record.
type applicationKind struct{ scheme *runtime.Scheme }

func applications(name string) schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: "argoproj.io", Version: "v1alpha1", Kind: name}
}

func applicationKindOf(reader client.Reader) applicationKind {
	typed, ok := reader.(interface{ Scheme() *runtime.Scheme })
	if ok && typed.Scheme().Recognizes(applications("ApplicationList")) {
		return applicationKind{typed.Scheme()}
	}
	return applicationKind{}
}

// list returns an empty list of Applications for the reader to fill.
func (k applicationKind) list() (client.ObjectList, error) {
	if k.scheme == nil {
		list := &metav1.PartialObjectMetadataList{}
		list.SetGroupVersionKind(applications("ApplicationList"))
		return list, nil
	}
	return made[client.ObjectList](k.scheme, "ApplicationList")
}

func (k applicationKind) one() (client.Object, error) {
	if k.scheme == nil {
		one := &metav1.PartialObjectMetadata{}
		one.SetGroupVersionKind(applications("Application"))
		return one, nil
	}
	return made[client.Object](k.scheme, "Application")
}

func made[T any](scheme *runtime.Scheme, kind string) (out T, err error) {
	empty, err := scheme.New(applications(kind))
	if err != nil {
		return out, fmt.Errorf("making an empty %s: %w", kind, err)
	}
	out, ok := empty.(T)
	if !ok {
		return out, fmt.Errorf("making an empty %s: %T is none", kind, empty)
	}
	return out, nil
}
