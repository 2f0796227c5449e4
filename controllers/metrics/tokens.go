package metrics

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

// tokens tells when the first of the deploy tokens of each product expires. A damaged annotation has no time; the reconciler of the token tells of it.
func (c *Collector) tokens(ctx context.Context, t *tally, serves func(string) bool) error {
	var list corev1.SecretList
	if err := c.Cache.List(ctx, &list, client.InNamespace(c.SystemNamespace), client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("listing the Secrets: %w", err)
	}
	for i := range list.Items {
		secret := &list.Items[i]
		product := secret.Labels[api.LabelProduct]
		text, marked := secret.Annotations[api.AnnotationDeployToken]
		if !marked || product == "" || !serves(product) {
			continue
		}
		var kept struct {
			ExpiresAt time.Time `json:"expiresAt"`
		}
		if json.Unmarshal([]byte(text), &kept) == nil && !kept.ExpiresAt.IsZero() {
			t.atMost(tokenExpiry, float64(kept.ExpiresAt.Unix()), product)
		}
	}
	return nil
}
