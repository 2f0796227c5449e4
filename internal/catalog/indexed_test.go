package catalog_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/catalog"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
	"github.com/nautes-labs/deployment-runtime/internal/resolve"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
	"github.com/nautes-labs/deployment-runtime/internal/rules/rulestest"
)

// stored is a cache whose objects a test puts in and takes out. Its stores and indexes are those of client-go, which
// every cache is made of.
type stored struct {
	scheme *runtime.Scheme
	stores map[reflect.Type]toolscache.Indexer
}

func newStored(t testing.TB) *stored {
	return &stored{scheme: scheme(t), stores: map[reflect.Type]toolscache.Indexer{}}
}

func (s *stored) Scheme() *runtime.Scheme { return s.scheme }

func (s *stored) of(kind reflect.Type) toolscache.Indexer {
	if s.stores[kind] == nil {
		s.stores[kind] = toolscache.NewIndexer(toolscache.MetaNamespaceKeyFunc,
			toolscache.Indexers{toolscache.NamespaceIndex: toolscache.MetaNamespaceIndexFunc})
	}
	return s.stores[kind]
}

func (s *stored) put(objects ...client.Object) {
	for _, o := range objects {
		if err := s.of(reflect.TypeOf(o)).Add(o); err != nil {
			panic(err)
		}
	}
}

func (s *stored) remove(o client.Object) {
	if err := s.of(reflect.TypeOf(o)).Delete(o); err != nil {
		panic(err)
	}
}

// IndexField implements client.FieldIndexer.
func (s *stored) IndexField(_ context.Context, o client.Object, field string, values client.IndexerFunc) error {
	return s.of(reflect.TypeOf(o)).AddIndexers(toolscache.Indexers{field: func(o any) ([]string, error) {
		return values(o.(client.Object)), nil
	}})
}

func (s *stored) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	found, exists, err := s.of(reflect.TypeOf(into)).GetByKey(key.String())
	if err != nil || !exists {
		return apierrors.NewNotFound(schema.GroupResource{}, key.Name)
	}
	reflect.ValueOf(into).Elem().Set(reflect.ValueOf(found).Elem())
	return nil
}

func (s *stored) List(_ context.Context, into client.ObjectList, opts ...client.ListOption) error {
	var o client.ListOptions
	o.ApplyOptions(opts)
	items, err := meta.GetItemsPtr(into)
	if err != nil {
		return err
	}
	store := s.of(reflect.PointerTo(reflect.TypeOf(items).Elem().Elem()))
	index, value := toolscache.NamespaceIndex, o.Namespace
	if o.FieldSelector != nil {
		r := o.FieldSelector.Requirements()[0]
		index, value = r.Field, r.Value
	}
	found, err := store.ByIndex(index, value)
	if err != nil {
		return err
	}
	var all []runtime.Object
	for _, f := range found {
		if f.(client.Object).GetNamespace() == o.Namespace {
			all = append(all, f.(runtime.Object))
		}
	}
	return meta.SetList(into, all)
}

func recordOn(r rules.Record) *observed.Application {
	return &observed.Application{ObjectMeta: metav1.ObjectMeta{
		Namespace: argoCD, Name: identity.Application(r.Runtime.Namespace, r.Runtime.Name),
		Annotations:       map[string]string{api.AnnotationPlacement: r.Encode()},
		CreationTimestamp: metav1.NewTime(r.Since),
	}}
}

func indexedCatalog(t testing.TB, s *stored) *catalog.Cluster {
	t.Helper()
	c := catalog.New(s, system, argoCD)
	if err := c.Index(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	return c
}

// What the rules say must not depend on how the facts are found.
func TestTheIndexesGiveTheSameVerdictsAsALookAtEverything(t *testing.T) {
	for seed := range uint64(100) {
		facts := rulestest.Random(seed)
		s := newStored(t)
		c := indexedCatalog(t, s)
		s.put(facts.Objects...)
		for _, r := range facts.Records {
			s.put(recordOn(r))
		}
		world := facts.World()
		for _, o := range facts.Objects {
			want, errWant := rules.Check(t.Context(), world, o, rules.SystemNamespaces{"nautes"})
			got, errGot := rules.Check(t.Context(), c, o, rules.SystemNamespaces{"nautes"})
			if diff := cmp.Diff(want, got); diff != "" || errWant != nil ||
				errGot != nil {
				t.Fatalf("seed %d, %T %s/%s: %v, %v, %s", seed, o, o.GetNamespace(), o.GetName(), errWant, errGot, diff)
			}
		}
	}
}

// The ledger is read after every change; the other catalog reads everything every time.
func TestTheLedgerIsAsCurrentAsTheCache(t *testing.T) {
	dice := rand.New(rand.NewPCG(1, 2))
	for _, metadata := range []bool{false, true} {
		s := newStored(t)
		var reader client.Reader = s
		if metadata {
			reader = struct{ client.Reader }{s} // it does not tell its scheme
		}
		c, all := catalog.New(reader, system, argoCD), catalog.New(reader, system, argoCD)
		if err := c.Index(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		for range 400 {
			for range dice.IntN(4) {
				change(s, dice, metadata)
			}
			if diff := cmp.Diff(answers(t, all), answers(t, c), cmpopts.EquateEmpty()); diff != "" {
				t.Fatal(diff)
			}
		}
	}
}

// change adds, changes, damages or removes an Application.
func change(s *stored, dice *rand.Rand, metadata bool) {
	record := rulestest.Record(fmt.Sprint("product-", dice.IntN(2)), fmt.Sprint("r", dice.IntN(6)), "dev",
		fmt.Sprint("c", dice.IntN(2)), func(r *rules.Record) {
			r.Namespaces = []string{fmt.Sprint("ns", dice.IntN(4)), fmt.Sprint("ns", dice.IntN(4))}
			r.Leaving = []string{fmt.Sprint("ns", dice.IntN(4))}
		})
	app := recordOn(record)
	if dice.IntN(5) == 0 {
		app.Name = fmt.Sprint("copy-", dice.IntN(2))
	}
	switch dice.IntN(6) {
	case 0:
		app.Annotations = nil
	case 1:
		app.Annotations[api.AnnotationPlacement] = "{"
	}
	var o client.Object = app
	if metadata {
		o = &metav1.PartialObjectMetadata{ObjectMeta: app.ObjectMeta}
	}
	if dice.IntN(4) == 0 {
		s.remove(o)
		return
	}
	s.put(o)
}

type answer struct {
	Total    rules.Total
	All      []string
	Recorded map[string]int
	Holders  map[string][]rules.Holder
}

func answers(t *testing.T, c *catalog.Cluster) map[string]answer {
	t.Helper()
	out := map[string]answer{}
	for _, product := range []string{"product-0", "product-1"} {
		a := answer{Recorded: map[string]int{}, Holders: map[string][]rules.Holder{}}
		records, err := c.RecordsOf(t.Context(), product)
		for _, r := range records {
			a.All = append(a.All, r.Encode())
		}
		slices.Sort(a.All)
		a.Total = must(c.Total(t.Context(), product))
		for i := range 6 {
			name := fmt.Sprint("r", i)
			a.Recorded[name] = len(must(c.Recorded(t.Context(), product, name)))
			a.Holders[name] = must(c.Holders(t.Context(), "c0", fmt.Sprint("ns", i)))
		}
		if err != nil {
			t.Fatal(err)
		}
		out[product] = a
	}
	return out
}

func must[T any](answer T, err error) T {
	if err != nil {
		panic(err)
	}
	return answer
}

// Claims rest on this: a record that somebody has seen in the cache is in every later answer.
func TestTheLedgerIsCurrentBesideWriters(t *testing.T) {
	s := newStored(t)
	c := indexedCatalog(t, s)
	s.of(reflect.TypeOf(&observed.Application{})) // made before it is shared
	var writers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() {
			for i := range 200 {
				r := rulestest.Record("product-1", fmt.Sprintf("r%d-%d", w, i), "dev", "c1")
				s.put(recordOn(r))
				if found := must(c.Recorded(t.Context(), "product-1", r.Runtime.Name)); len(found) != 1 {
					t.Errorf("%s was stored, and %d records are seen", r.Runtime.Name, len(found))
				}
				s.remove(recordOn(r))
				if found := must(c.Recorded(t.Context(), "product-1", r.Runtime.Name)); len(found) != 0 {
					t.Errorf("%s was removed, and %d records are seen", r.Runtime.Name, len(found))
				}
			}
		})
	}
	writers.Wait()
	if total := must(c.Total(t.Context(), "product-1")); total.Runtimes[placement.Destination{}] != 0 ||
		len(total.Runtimes)+len(total.Namespaces) != 0 {
		t.Errorf("at the end: %v", total)
	}
}

// crowd is a product with n runtimes that are deployed, each in its own namespace, beside as many of another product.
func crowd(t testing.TB, n int) (*catalog.Cluster, *stored) {
	s := newStored(t)
	c := indexedCatalog(t, s)
	s.put(rulestest.Cluster("c1", func(c *api.Cluster) {
		limit := api.ProductLimit{Namespaces: 100_000, Runtimes: 100_000}
		c.Spec.ProductLimits = &api.ProductLimits{ProductLimit: limit}
	}), rulestest.Provider("gitlab"))
	for _, product := range []string{"product-7", "product-8"} {
		s.put(rulestest.Product(product, product), rulestest.Environment(product, "dev", "c1"),
			rulestest.CodeRepo(product, "repo-3", "shop"))
		for i := range n {
			r := runtimeInCrowd(product, i)
			s.put(r, recordOn(rulestest.Record(product, r.Name, "dev", "c1")))
		}
	}
	return c, s
}

func runtimeInCrowd(product string, i int) *api.DeploymentRuntime {
	name := fmt.Sprintf("of-%s-%d", product, i)
	return rulestest.Runtime(product, name, "repo-3", "dev", func(r *api.DeploymentRuntime) {
		r.Spec.ManifestSource.Path = name
	})
}

func judged(t testing.TB, l rules.Lookup, r *api.DeploymentRuntime) {
	t.Helper()
	res, err := resolve.DeploymentRuntime(t.Context(), l, r, "instance")
	if err != nil {
		t.Fatal(err)
	}
	violations, err := rules.DeploymentRuntime(t.Context(), l, r, res, rules.SystemNamespaces{"nautes"})
	if err != nil || len(violations) > 0 {
		t.Fatal(violations, err)
	}
}

// A product with ten times as many runtimes must not cost a hundred times as much.
func TestJudgingARuntimeCostsTheSameBesideManyOthers(t *testing.T) {
	const few, many = 200, 2000
	allocations := map[string]map[int]float64{"a new one": {}, "a deployed one": {}}
	for _, n := range []int{few, many} {
		c, s := crowd(t, n)
		fresh := runtimeInCrowd("product-7", n)
		s.put(fresh)
		for sentence, r := range map[string]*api.DeploymentRuntime{"a new one": fresh,
			"a deployed one": runtimeInCrowd("product-7", 0)} {
			judged(t, c, r)
			allocations[sentence][n] = testing.AllocsPerRun(20, func() { judged(t, c, r) })
		}
	}
	for sentence, a := range allocations {
		t.Logf("%s: %v allocations beside %d others, %v beside %d", sentence, a[few], few, a[many], many)
		if a[many] > 1.1*a[few] {
			t.Errorf("%s costs %v allocations beside %d others, %v beside %d", sentence, a[few], few, a[many], many)
		}
	}
}

func BenchmarkJudging(b *testing.B) {
	for _, n := range []int{200, 2000} {
		b.Run(fmt.Sprint(n, "others"), func(b *testing.B) {
			c, _ := crowd(b, n)
			r := runtimeInCrowd("product-7", 0)
			judged(b, c, r) // reads the records, once
			b.ReportAllocs()
			for b.Loop() {
				judged(b, c, r)
			}
		})
	}
}
