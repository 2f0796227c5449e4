// Package statuspatch writes a status once per reconcile, and only if the status has changed.
package statuspatch

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/nautes-labs/deployment-runtime/internal/text"
)

// MaxMessage is the longest message of a condition that we write, in bytes.
const MaxMessage = 2048

// Patch writes the status of after if it differs from the status of before, the object as it was read. The patch
// carries the resourceVersion of after: the one that was read, or the one that the caller's own later write returned.
// So it never overwrites a status that the caller has not seen. An object that is gone is no error.
func Patch(ctx context.Context, c client.Client, before, after client.Object) error {
	base, ok := before.DeepCopyObject().(client.Object)
	if !ok {
		return fmt.Errorf("writing the status of %s: %T is no object", client.ObjectKeyFromObject(after), before)
	}
	base.SetResourceVersion(after.GetResourceVersion())
	base.SetGeneration(after.GetGeneration())
	base.SetFinalizers(after.GetFinalizers())
	base.SetManagedFields(after.GetManagedFields())
	if equality.Semantic.DeepEqual(base, after) {
		return nil
	}
	err := c.Status().Patch(ctx, after, client.MergeFromWithOptions(base, client.MergeFromWithOptimisticLock{}))
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("writing the status of %s: %w", client.ObjectKeyFromObject(after), err)
	}
	return nil
}

// Condition returns conditions with one of them set. The transition time moves only when the status does.
func Condition(conditions *[]metav1.Condition, c metav1.Condition) {
	c.Message = text.Cut(c.Message, MaxMessage, "...")
	meta.SetStatusCondition(conditions, c)
}
