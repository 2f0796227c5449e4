// Package apply writes objects. Every write is either a Create, which claims a name, or a patch that carries the
// resourceVersion that was read: nothing is ever overwritten that was not seen, nothing that vanished is recreated by an
// update, and an object that is as wanted is not written at all.
package apply

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Patch brings an object from before, as it was read, to after. It reports whether there was anything to write. The error
// of a lost race is apierrors.IsConflict.
func Patch(ctx context.Context, c client.Client, before, after client.Object) (bool, error) {
	change, err := client.MergeFrom(before).Data(after)
	if err != nil {
		return false, fmt.Errorf("comparing %s: %w", client.ObjectKeyFromObject(after), err)
	}
	if string(change) == "{}" {
		return false, nil
	}
	if err := c.Patch(ctx, after, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})); err != nil {
		return false, fmt.Errorf("patching %s: %w", client.ObjectKeyFromObject(after), err)
	}
	return true, nil
}

// Delete deletes exactly the object that was read: same UID, same resourceVersion.
func Delete(ctx context.Context, c client.Client, obj client.Object, opts ...client.DeleteOption) error {
	uid, version := obj.GetUID(), obj.GetResourceVersion()
	opts = append(opts, client.Preconditions(metav1.Preconditions{UID: &uid, ResourceVersion: &version}))
	if err := c.Delete(ctx, obj, opts...); err != nil {
		return fmt.Errorf("deleting %s: %w", client.ObjectKeyFromObject(obj), err)
	}
	return nil
}
