package catalog

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// IsAbsent decides whether an object does not exist. Nothing else in this repository decides that. An object is absent
// only when the API server itself, not a cache, answers 404 and the answer is about this object. Every other error
// means that the object could not be looked up.
func IsAbsent(ctx context.Context, live client.Reader, key client.ObjectKey, into client.Object) (bool, error) {
	err := live.Get(ctx, key, into)
	switch {
	case err == nil:
		return false, nil
	case apierrors.IsNotFound(err) && !apierrors.HasStatusCause(err, metav1.CauseTypeUnexpectedServerResponse):
		return true, nil
	}
	return false, fmt.Errorf("getting %s: %w", key, err)
}

// NamespaceStands says whether a namespace exists and is not being deleted.
func NamespaceStands(ctx context.Context, live client.Reader, name string) (bool, error) {
	var ns corev1.Namespace
	absent, err := IsAbsent(ctx, live, client.ObjectKey{Name: name}, &ns)
	return err == nil && !absent && ns.DeletionTimestamp.IsZero() && ns.Status.Phase != corev1.NamespaceTerminating, err
}

// KindStands says whether a CustomResourceDefinition is established and not being deleted.
func KindStands(ctx context.Context, live client.Reader, crd string) (bool, error) {
	var def apiextensionsv1.CustomResourceDefinition
	absent, err := IsAbsent(ctx, live, client.ObjectKey{Name: crd}, &def)
	if err != nil || absent || !def.DeletionTimestamp.IsZero() {
		return false, err
	}
	for _, c := range def.Status.Conditions {
		if c.Type == apiextensionsv1.Established {
			return c.Status == apiextensionsv1.ConditionTrue, nil
		}
	}
	return false, nil
}
