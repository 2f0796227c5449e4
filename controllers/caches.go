package controllers

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/selection"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/argocd"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
)

// CacheOptions limits the caches to what is read: Applications without their resources, Secrets of the system
// namespace, and in Argo CD's namespace only the Secrets that are its configuration.
func (o Options) CacheOptions() (cache.Options, error) {
	configuration, err := labels.NewRequirement(argocd.LabelSecretType, selection.Exists, nil)
	if err != nil {
		return cache.Options{}, fmt.Errorf("selecting the Secrets of Argo CD: %w", err)
	}
	ofProduct, err := labels.NewRequirement(api.LabelProduct, selection.Exists, nil)
	if err != nil {
		return cache.Options{}, fmt.Errorf("selecting the quotas of products: %w", err)
	}
	inArgo := map[string]cache.Config{o.ArgoCDNamespace: {}}
	return cache.Options{
		DefaultTransform: cache.TransformStripManagedFields(),
		NewInformer:      pagedInformer,
		ByObject: map[client.Object]cache.ByObject{
			&observed.Application{}: {Namespaces: inArgo, Transform: observed.Strip},
			&observed.AppProject{}:  {Namespaces: inArgo},
			// Those of the operator, not those of everybody.
			&corev1.ResourceQuota{}: {Label: labels.NewSelector().Add(*ofProduct)},
			&corev1.Secret{}: {Namespaces: map[string]cache.Config{
				o.SystemNamespace: {},
				o.ArgoCDNamespace: {LabelSelector: labels.NewSelector().Add(*configuration)},
			}},
		},
	}, nil
}

// pagedInformer returns an informer that fills its cache page by page, and drops of each page what nobody reads before it
// asks for the next one. Without it, the complete answer and everything in it are in memory at once, for each kind: with
// thousands of runtimes a start then takes several times the memory of the work that follows. client-go asks
// for "any version" at first, for which the API server leaves a limit out of account, and for the version that it saw
// last when a watch has ended, which together with a limit means exactly that one. So the newest version is always asked
// for: it is both.
func pagedInformer(lw toolscache.ListerWatcher, example runtime.Object, resync time.Duration,
	indexers toolscache.Indexers) toolscache.SharedIndexInformer {
	inner := toolscache.ToListerWatcherWithContext(lw)
	drop := cache.TransformStripManagedFields()
	if _, ok := example.(*observed.Application); ok {
		drop = observed.Strip
	}
	return toolscache.NewSharedIndexInformer(&toolscache.ListWatch{
		WatchFuncWithContext: inner.WatchWithContext,
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			o.ResourceVersion, o.ResourceVersionMatch = "", ""
			page, err := inner.ListWithContext(ctx, o)
			if err != nil {
				return nil, err //nolint:wrapcheck // client-go looks for the kind of the error
			}
			err = meta.EachListItem(page, func(item runtime.Object) error {
				_, err := drop(item)
				return err
			})
			if err != nil {
				return nil, fmt.Errorf("dropping what nobody reads: %w", err)
			}
			return page, nil
		},
	}, example, resync, indexers)
}
