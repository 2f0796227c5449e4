// Package apply writes objects. A write is either a Create, which claims a name, or a patch that carries the
// resourceVersion that was read. So a write never overwrites a version that was not read, an update never recreates a
// deleted object, and an object that is already as wanted is not written.
package apply

import (
	"context"
	"fmt"
	"reflect"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Patch changes an object from before, the object as it was read, to after. It reports whether it wrote anything. If
// somebody else changed the object meanwhile, apierrors.IsConflict recognizes the error.
func Patch(ctx context.Context, c client.Client, before, after client.Object) (bool, error) {
	if reflect.DeepEqual(before, after) {
		return false, nil // the usual case, without encoding both
	}
	change, err := client.MergeFrom(before).Data(after)
	if err != nil {
		return false, fmt.Errorf("comparing %s: %w", client.ObjectKeyFromObject(after), err)
	}
	if string(change) == "{}" {
		return false, nil
	}
	if err := c.Patch(ctx, after,
		client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})); err != nil {
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
