package command

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
)

// readyPatience is how long the API server may take to answer a readiness probe. The timeout of the probe is longer.
const readyPatience = 3 * time.Second

// cachesPatience is how long a readiness probe waits for the caches.
const cachesPatience = 100 * time.Millisecond

// readiness says whether the operator can work: its caches are filled, and the API server of the management cluster
// answers. It holds for a replica that waits for its turn as well. It is no reason to restart the operator, so liveness
// does not ask for it.
func readiness(cfg *rest.Config, caches cache.Cache) (healthz.Checker, error) {
	short := rest.CopyConfig(cfg)
	short.Timeout = readyPatience
	d, err := discovery.NewDiscoveryClientForConfig(short)
	if err != nil {
		return nil, fmt.Errorf("building the readiness check: %w", err)
	}
	return func(req *http.Request) error {
		ctx, cancel := context.WithTimeout(req.Context(), cachesPatience)
		defer cancel()
		if !caches.WaitForCacheSync(ctx) {
			return errors.New("the caches are not filled yet")
		}
		if _, err := d.ServerVersion(); err != nil {
			return fmt.Errorf("asking the API server of the management cluster: %w", err)
		}
		return nil
	}, nil
}
