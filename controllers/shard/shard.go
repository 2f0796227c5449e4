// Package shard shares the products among several operators: it says which products this one serves, and hands products
// over from one to another.
package shard

import (
	"context"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

// leavingRetry is how soon a pass is tried again that came while its product was being handed over.
const leavingRetry = time.Second

// Shard is the part of the products that one operator serves: those whose status names it. The one without a name
// serves all that were given to no other, and what belongs to no Product. A nil Shard serves everything.
type Shard struct {
	Name            string
	Cache           client.Reader
	SystemNamespace string

	mu sync.Mutex
	// passes counts the passes that are at work, by product.
	passes map[string]int
	// leaving are the products that are being handed over: no new pass begins.
	leaving map[string]bool
	// kept has, for products that stay although a label asks for another shard, that label.
	kept map[string]string
}

// ProductOf says which product a request is about. It answers "" where that is none.
type ProductOf func(context.Context, reconcile.Request) string

// Of makes a ProductOf of a function that needs the request alone.
func Of(f func(reconcile.Request) string) ProductOf {
	return func(_ context.Context, req reconcile.Request) string { return f(req) }
}

// Only returns a reconciler that works on products of this shard alone. A request about any other is dropped: the shard
// that begins to serve a product wakes everything of it. One about a product that another shard is to serve waits until
// the Reconciler has looked who is there: the other one may have taken it while this operator began.
func (s *Shard) Only(r reconcile.Reconciler, productOf ProductOf) reconcile.Reconciler {
	if s == nil {
		return r
	}
	return reconcile.Func(func(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
		product := productOf(ctx, req)
		if !s.enter(product) {
			return reconcile.Result{RequeueAfter: leavingRetry}, nil
		}
		defer s.exit(product)
		ours, moving, err := s.serves(ctx, product)
		switch {
		case err != nil || !ours:
			return reconcile.Result{}, err
		case moving:
			return reconcile.Result{RequeueAfter: leavingRetry}, nil
		}
		return r.Reconcile(ctx, req)
	})
}

// Gained passes a Product that this shard begins to serve, and for the one without a name one that is gone.
func (s *Shard) Gained() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false },
		DeleteFunc: func(e event.DeleteEvent) bool {
			gone, ok := e.Object.(*api.Product)
			return s != nil && ok && gone.Status.Shard != s.Name && s.Name == ""
		},
		GenericFunc: func(event.GenericEvent) bool { return false },
		UpdateFunc: func(e event.UpdateEvent) bool {
			before, okBefore := e.ObjectOld.(*api.Product)
			after, okAfter := e.ObjectNew.(*api.Product)
			return s != nil && okBefore && okAfter && before.Status.Shard != s.Name && after.Status.Shard == s.Name
		},
	}
}

// Serves says whether the product is this shard's, and no where that is not known.
func (s *Shard) Serves(ctx context.Context, product string) bool {
	if s == nil {
		return true
	}
	ours, _, err := s.serves(ctx, product)
	return err == nil && ours
}

// serves says whether the product is this shard's, and whether nobody knows yet if it stays that. What has no Product
// is left to the shard without a name.
func (s *Shard) serves(ctx context.Context, product string) (ours, moving bool, err error) {
	var p api.Product
	err = s.Cache.Get(ctx, client.ObjectKey{Namespace: s.SystemNamespace, Name: product}, &p)
	if err != nil && !apierrors.IsNotFound(err) {
		return false, false, fmt.Errorf("getting Product %s: %w", product, err)
	}
	wanted := p.Labels[api.LabelShard]
	s.mu.Lock()
	defer s.mu.Unlock()
	label, kept := s.kept[product]
	return p.Status.Shard == s.Name, wanted != s.Name && !(kept && label == wanted), nil
}

// enter lets a pass begin, unless its product is being handed over.
func (s *Shard) enter(product string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.leaving[product] {
		return false
	}
	if s.passes == nil {
		s.passes = map[string]int{}
	}
	s.passes[product]++
	return true
}

func (s *Shard) exit(product string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.passes[product]--
	if s.passes[product] == 0 {
		delete(s.passes, product)
	}
}

// leave lets no new pass over the product begin, and says whether none is at work any more.
func (s *Shard) leave(product string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.leaving == nil {
		s.leaving = map[string]bool{}
	}
	s.leaving[product] = true
	return s.passes[product] == 0
}

// stay takes leave back, also once the cache shows that another shard serves the product.
func (s *Shard) stay(product string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.leaving, product)
	delete(s.kept, product)
}

// keep lets passes over the product begin although a label asks for another shard.
func (s *Shard) keep(product, label string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.leaving, product)
	if s.kept == nil {
		s.kept = map[string]string{}
	}
	s.kept[product] = label
}
