package controllers

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
)

// pages serves Applications as an API server does: a limit counts only where the newest version is asked for.
type pages struct {
	apps []observed.Application

	lock  sync.Mutex
	asked []metav1.ListOptions
	// heavy is how many Applications of the pages that were served before still had what nobody reads when the next
	// page was asked for.
	served []*observed.ApplicationList
	heavy  int
	// older is how often another version than the newest one was asked for: with a limit, the server would give exactly
	// that version, however old.
	older int
}

func (p *pages) pages() int {
	p.lock.Lock()
	defer p.lock.Unlock()
	return len(p.asked)
}

func (p *pages) list(_ context.Context, o metav1.ListOptions) (runtime.Object, error) {
	p.lock.Lock()
	defer p.lock.Unlock()
	p.asked = append(p.asked, o)
	if o.ResourceVersion != "" {
		p.older++
	}
	for _, before := range p.served {
		for i := range before.Items {
			if before.Items[i].ManagedFields != nil || before.Items[i].Status.ObservedAt != nil {
				p.heavy++
			}
		}
	}
	from, _ := strconv.Atoi(o.Continue)
	to := len(p.apps)
	if o.Limit > 0 && o.ResourceVersion != "0" {
		to = min(to, from+int(o.Limit))
	}
	page := &observed.ApplicationList{Items: slices.Clone(p.apps[from:to])}
	page.ResourceVersion = "7"
	if to < len(p.apps) {
		page.Continue = strconv.Itoa(to)
	}
	p.served = append(p.served, page)
	return page, nil
}

func TestACacheIsFilledPageByPageWithoutWhatNobodyReads(t *testing.T) {
	p, forgotten := &pages{}, atomic.Bool{}
	for i := range 1200 {
		app := observed.Application{ObjectMeta: metav1.ObjectMeta{Namespace: "argocd", Name: fmt.Sprint("app-", i),
			Labels:        map[string]string{api.LabelProduct: "product-7"},
			ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "argocd"}}}}
		app.Status.ObservedAt = &metav1.Time{}
		p.apps = append(p.apps, app)
	}
	informer := pagedInformer(&toolscache.ListWatch{ListWithContextFunc: p.list,
		WatchFuncWithContext: func(context.Context, metav1.ListOptions) (watch.Interface, error) {
			if forgotten.CompareAndSwap(false, true) { // the API server was replaced, and does not know the version
				return nil, apierrors.NewResourceExpired("too old resource version")
			}
			return watch.NewFake(), nil
		}}, &observed.Application{}, time.Hour, toolscache.Indexers{})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); informer.RunWithContext(ctx) }()
	filledAgain := func() bool { return forgotten.Load() && p.pages() >= 6 }
	if !toolscache.WaitForCacheSync(ctx.Done(), informer.HasSynced, filledAgain) {
		t.Fatal("the cache was not filled")
	}
	cancel()
	<-ended
	if p.pages() != 6 || p.heavy != 0 || p.older != 0 {
		t.Errorf("asked %d times, wanted twice 3 pages of 500; %d times for another version than the newest; "+
			"%d Applications were kept as they came", p.pages(), p.older, p.heavy)
	}
	if got := len(informer.GetStore().List()); got != 1200 {
		t.Errorf("%d of 1200 are in the cache", got)
	}
}
