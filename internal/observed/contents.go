package observed

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	synccommon "github.com/argoproj/gitops-engine/pkg/sync/common"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/text"
)

// Remains are the objects of a namespace that somebody may still want. The namespace is to be deleted.
type Remains []metav1.PartialObjectMetadata

// RemainsOf leaves out of a namespace's objects those that nobody needs: what Kubernetes or this operator puts there,
// what is deleted by itself, and what belongs to another object. It never leaves out a PersistentVolumeClaim or an
// object that is marked to be kept, unless it is being deleted already. The most valuable objects come first.
func RemainsOf(objects []metav1.PartialObjectMetadata, product, instance string) Remains {
	var out Remains
	for i := range objects {
		o := &objects[i]
		switch {
		case !o.DeletionTimestamp.IsZero():
		case isClaim(o), isToBeKept(o):
			out = append(out, *o)
		case IsDerived(o.GroupVersionKind().GroupKind()), len(o.OwnerReferences) > 0, isOfKubernetes(o), isHook(o),
			isFurniture(o, product, instance):
		default:
			out = append(out, *o)
		}
	}
	slices.SortFunc(out, func(a, b metav1.PartialObjectMetadata) int {
		return cmp.Or(rank(&a)-rank(&b), cmp.Compare(nameOf(&a), nameOf(&b)))
	})
	return out
}

func rank(o *metav1.PartialObjectMetadata) int {
	switch {
	case isClaim(o):
		return 0
	case isToBeKept(o):
		return 1
	}
	return 2
}

func isClaim(o *metav1.PartialObjectMetadata) bool {
	return o.GroupVersionKind().GroupKind() == schema.GroupKind{Kind: "PersistentVolumeClaim"}
}

// isToBeKept says whether Helm or Argo CD would keep the object when its release or Application is deleted.
func isToBeKept(o *metav1.PartialObjectMetadata) bool {
	if o.Annotations["helm.sh/resource-policy"] == "keep" {
		return true
	}
	for _, option := range strings.Split(o.Annotations[synccommon.AnnotationSyncOptions], ",") {
		switch strings.TrimSpace(option) {
		case synccommon.SyncOptionDisableDeletion, synccommon.SyncOptionDisablePrune,
			synccommon.SyncOptionDeleteRequireConfirm, synccommon.SyncOptionPruneRequireConfirm:
			return true
		}
	}
	return false
}

// isHook says whether the object is a hook. A hook is created anew when it is needed. Argo CD does not prune old ones.
func isHook(o *metav1.PartialObjectMetadata) bool {
	return o.Annotations[synccommon.AnnotationKeyHook] != "" || o.Annotations["helm.sh/hook"] != ""
}

// IsDerived says whether objects of a kind only describe other objects. Nobody needs them for themselves, and there may
// be very many.
func IsDerived(kind schema.GroupKind) bool {
	switch kind {
	case schema.GroupKind{Kind: "Event"}, schema.GroupKind{Group: "events.k8s.io", Kind: "Event"},
		schema.GroupKind{Kind: "Endpoints"}, schema.GroupKind{Group: "discovery.k8s.io", Kind: "EndpointSlice"},
		schema.GroupKind{Group: "coordination.k8s.io", Kind: "Lease"}:
		return true
	}
	return false
}

// isOfKubernetes says whether the control plane, OpenShift or a service mesh makes the object in every namespace.
func isOfKubernetes(o *metav1.PartialObjectMetadata) bool {
	switch o.GroupVersionKind().GroupKind() {
	case schema.GroupKind{Kind: "ServiceAccount"}:
		return slices.Contains([]string{"default", "builder", "deployer"}, o.Name)
	case schema.GroupKind{Group: "rbac.authorization.k8s.io", Kind: "RoleBinding"},
		schema.GroupKind{Group: "authorization.openshift.io", Kind: "RoleBinding"}:
		return slices.Contains([]string{"system:image-pullers", "system:image-builders", "system:deployers"}, o.Name)
	case schema.GroupKind{Kind: "ConfigMap"}:
		return slices.Contains([]string{"kube-root-ca.crt", "openshift-service-ca.crt", "istio-ca-root-cert"}, o.Name)
	case schema.GroupKind{Kind: "Secret"}:
		// the token of such a service account
		return o.Annotations["kubernetes.io/service-account.name"] != "" ||
			o.Annotations["openshift.io/internal-registry-auth-token.service-account"] != ""
	}
	return false
}

// isFurniture says whether the operator puts the object into every namespace of a product.
func isFurniture(o *metav1.PartialObjectMetadata, product, instance string) bool {
	return slices.Contains([]string{"RoleBinding", "ResourceQuota", "LimitRange", "NetworkPolicy", "Secret"}, o.Kind) &&
		o.Labels[api.LabelProduct] == product && o.Labels[api.LabelInstance] == instance &&
		o.Labels["app.kubernetes.io/managed-by"] == "nautes"
}

func nameOf(o *metav1.PartialObjectMetadata) string { return o.Kind + " " + o.Name }

// String names the first few objects.
func (r Remains) String() string {
	const shown = 5
	names := make([]string, len(r))
	for i := range r {
		names[i] = nameOf(&r[i])
	}
	return text.Few(names, shown)
}

// Fingerprint identifies these objects and the kinds that could not be listed. An approval with this fingerprint is not
// valid for other objects.
func (r Remains) Fingerprint(unlisted []string) string {
	h := sha256.New()
	for i := range r {
		fmt.Fprintf(h, "%s %s\n", nameOf(&r[i]), r[i].UID)
	}
	for _, kind := range unlisted {
		fmt.Fprintf(h, "? %s\n", kind)
	}
	return hex.EncodeToString(h.Sum(nil)[:6])
}
