package server

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
)

const (
	refreshFirstRetry = 200 * time.Millisecond
	refreshLastRetry  = 30 * time.Second
	refreshRetries    = 8
)

// Refresher turns pushes into annotations (api.AnnotationRefresh) of the Products that they concern, with the time as
// value. It changes nothing else; the operator acts on the annotations. Every repository has an annotation of its own,
// so that two pushes at the same time do not overwrite each other.
type Refresher struct {
	client          client.Client
	systemNamespace string
	log             *slog.Logger
	now             func() time.Time
	queue           workqueue.TypedRateLimitingInterface[Push]
}

// NewRefresher returns a Refresher. c finds the Products in a cache.
func NewRefresher(c client.Client, systemNamespace string, log *slog.Logger, now func() time.Time) *Refresher {
	return &Refresher{
		client: c, systemNamespace: systemNamespace, log: log, now: now,
		queue: workqueue.NewTypedRateLimitingQueue(
			workqueue.NewTypedItemExponentialFailureRateLimiter[Push](refreshFirstRetry,
				refreshLastRetry)),
	}
}

// Pushed queues a push. It does not block. Pushes to one project shortly after each other count as one.
func (r *Refresher) Pushed(p Push) { r.queue.Add(p) }

// Run works until the context ends.
func (r *Refresher) Run(ctx context.Context) {
	stop := context.AfterFunc(ctx, r.queue.ShutDown)
	defer stop()
	for {
		p, end := r.queue.Get()
		if end {
			return
		}
		if err := r.refresh(ctx, p); err != nil && r.queue.NumRequeues(p) < refreshRetries {
			r.queue.AddRateLimited(p)
		} else {
			if err != nil { // Argo CD polls as well, only later
				r.log.WarnContext(ctx, "a push could not be passed on", slog.Int64("project", p.ProjectID),
					slog.String("error", err.Error()))
			}
			r.queue.Forget(p)
		}
		r.queue.Done(p)
	}
}

// refresh annotates every Product that a push concerns.
func (r *Refresher) refresh(ctx context.Context, p Push) error {
	targets, err := r.targets(ctx, p)
	if err != nil {
		return err
	}
	for product, annotation := range targets {
		if err := r.mark(ctx, product, annotation); err != nil {
			return err
		}
	}
	return nil
}

// targets returns the Products to annotate, with their annotations.
func (r *Refresher) targets(ctx context.Context, p Push) (map[string]string, error) {
	targets := map[string]string{}
	var products api.ProductList
	if err := r.client.List(ctx, &products, client.InNamespace(r.systemNamespace),
		client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing products: %w", err)
	}
	if group, isDefault := strings.CutSuffix(p.Path, "/"+identity.DefaultProject); isDefault {
		for i := range products.Items {
			if products.Items[i].Spec.Name == group {
				targets[products.Items[i].Name] = api.AnnotationRefresh + identity.DefaultProject
			}
		}
		return targets, nil
	}
	repo := identity.CodeRepo(p.ProjectID)
	namespaces, err := r.namespacesThatUse(ctx, repo)
	if err != nil {
		return nil, err
	}
	for i := range products.Items {
		if name := products.Items[i].Name; namespaces[name] {
			targets[name] = api.AnnotationRefresh + repo
		}
	}
	return targets, nil
}

// namespacesThatUse returns the namespaces with a runtime that is deployed from the code repo. The code repo may lie in
// another product.
func (r *Refresher) namespacesThatUse(ctx context.Context, repo string) (map[string]bool, error) {
	var runtimes api.DeploymentRuntimeList
	if err := r.client.List(ctx, &runtimes, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing deployment runtimes: %w", err)
	}
	namespaces := map[string]bool{}
	for i := range runtimes.Items {
		if _, name := identity.CodeRepoOf(&runtimes.Items[i]); name == repo {
			namespaces[runtimes.Items[i].Namespace] = true
		}
	}
	return namespaces, nil
}

func (r *Refresher) mark(ctx context.Context, product, annotation string) error {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"annotations": map[string]string{annotation: r.now().UTC().Format(time.RFC3339Nano)},
	}})
	if err != nil {
		return fmt.Errorf("encoding the annotation of product %s: %w", product, err)
	}
	object := &api.Product{}
	object.Namespace, object.Name = r.systemNamespace, product
	if err := r.client.Patch(ctx, object,
		client.RawPatch(types.MergePatchType, patch)); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("annotating product %s: %w", product, err)
	}
	return nil
}
