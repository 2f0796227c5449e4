package product

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/nautes-labs/deployment-runtime/controllers/phases"
	"github.com/nautes-labs/deployment-runtime/internal/apply"
	"github.com/nautes-labs/deployment-runtime/internal/desired"
)

// +kubebuilder:rbac:groups="",resources=resourcequotas,verbs=get;list;watch;create;patch

// limitObjects keeps a quota on the objects of the product. What is there above it stays; nothing more is accepted. It
// is the last phase: a quota that cannot be written holds nothing else up.
func (r *Reconciler) limitObjects(ctx context.Context, s *scope) error {
	if len(r.MaxObjects) == 0 || !s.product.DeletionTimestamp.IsZero() {
		return nil
	}
	want := desired.ProductQuota(s.product.Name, r.Instance, r.MaxObjects)
	var have corev1.ResourceQuota
	err := r.Client.Get(ctx, client.ObjectKeyFromObject(want), &have)
	if apierrors.IsNotFound(err) {
		if err = r.Client.Create(ctx, want); !apierrors.IsAlreadyExists(err) {
			return phases.Refused(err)
		}
		// Without its label the cache does not hold it.
		err = r.Live.Get(ctx, client.ObjectKeyFromObject(want), &have)
	}
	if err != nil {
		return fmt.Errorf("getting the quota of %s: %w", s.product.Name, err)
	}
	if equality.Semantic.DeepEqual(have.Spec, want.Spec) && equality.Semantic.DeepEqual(have.Labels, want.Labels) {
		return nil
	}
	after := have.DeepCopy()
	after.Spec, after.Labels = want.Spec, want.Labels
	_, err = apply.Patch(ctx, r.Client, &have, after)
	return phases.Refused(err)
}
