package desired

import (
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

// podSecurityEnforce is the label of Kubernetes' pod security admission.
const podSecurityEnforce = "pod-security.kubernetes.io/enforce"

// nameInNamespace is the name of the quota and the limit range in every prepared namespace.
const nameInNamespace = "nautes"

// NamespaceOf describes a namespace of a product on a runtime cluster.
type NamespaceOf struct {
	Product string
	// Group of users that get ClusterRole in the namespace; empty for nobody.
	Group       string
	ClusterRole string
	Name        string
	Instance    string
	Template    *api.NamespaceTemplate
	// Applications with the namespace in their record. The list is empty when not all of them are known.
	Applications []string
	// PullSecrets are the Secrets named by the template, as they are in the system namespace.
	PullSecrets []corev1.Secret
}

// Namespace returns the namespace itself.
func Namespace(n NamespaceOf) *corev1.Namespace {
	ns := &corev1.Namespace{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"},
		ObjectMeta: metav1.ObjectMeta{Name: n.Name, Labels: map[string]string{podSecurityEnforce: "baseline"}},
	}
	if t := n.Template; t != nil {
		maps.Copy(ns.Labels, t.Labels)
		ns.Annotations = maps.Clone(t.Annotations)
	}
	maps.Copy(ns.Labels, labels(n.Product, n.Instance))
	if len(n.Applications) > 0 {
		metav1.SetMetaDataAnnotation(&ns.ObjectMeta, api.AnnotationApplications, noteOf(n.Applications))
	}
	return ns
}

// maxNoted bounds the list of Applications on a namespace. Names have at most 63 characters, and all annotations of an
// object together 256 KiB.
const maxNoted = 1000

func noteOf(applications []string) string {
	applications = sortedSet(applications)
	if len(applications) > maxNoted {
		return api.EveryApplication
	}
	return strings.Join(applications, ",")
}

// RoleBinding gives the product's group its ClusterRole in the namespace.
func RoleBinding(n NamespaceOf) *rbacv1.RoleBinding {
	var members []rbacv1.Subject
	if n.Group != "" {
		members = []rbacv1.Subject{{Kind: rbacv1.GroupKind, APIGroup: rbacv1.GroupName, Name: n.Group}}
	}
	return &rbacv1.RoleBinding{
		TypeMeta:   metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "RoleBinding"},
		ObjectMeta: inNamespace(n, "nautes-members"),
		Subjects:   members,
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: n.ClusterRole},
	}
}

// ResourceQuota returns the quota of the template, or nil.
func ResourceQuota(n NamespaceOf) *corev1.ResourceQuota {
	if n.Template == nil || n.Template.ResourceQuota == nil {
		return nil
	}
	return &corev1.ResourceQuota{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ResourceQuota"},
		ObjectMeta: inNamespace(n, nameInNamespace),
		Spec:       *n.Template.ResourceQuota.DeepCopy(),
	}
}

// LimitRange returns the limit range of the template, or nil.
func LimitRange(n NamespaceOf) *corev1.LimitRange {
	if n.Template == nil || n.Template.LimitRange == nil {
		return nil
	}
	return &corev1.LimitRange{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "LimitRange"},
		ObjectMeta: inNamespace(n, nameInNamespace),
		Spec:       *n.Template.LimitRange.DeepCopy(),
	}
}

// KeptKinds returns the kinds with which a template limits a product. The product's manifests may not hold them,
// because Argo CD would overwrite the platform's objects.
func KeptKinds(t *api.NamespaceTemplate) []api.GroupKind {
	var kept []api.GroupKind
	if t != nil && t.ResourceQuota != nil {
		kept = append(kept, api.GroupKind{Kind: "ResourceQuota"})
	}
	if t != nil && t.LimitRange != nil {
		kept = append(kept, api.GroupKind{Kind: "LimitRange"})
	}
	return kept
}

// NetworkPolicies returns the network policies of the template.
func NetworkPolicies(n NamespaceOf) []networkingv1.NetworkPolicy {
	if n.Template == nil {
		return nil
	}
	var out []networkingv1.NetworkPolicy
	for _, p := range n.Template.NetworkPolicies {
		out = append(out, networkingv1.NetworkPolicy{
			TypeMeta:   metav1.TypeMeta{APIVersion: networkingv1.SchemeGroupVersion.String(), Kind: "NetworkPolicy"},
			ObjectMeta: inNamespace(n, p.Name),
			Spec:       *p.Spec.DeepCopy(),
		})
	}
	return out
}

// PullSecrets returns the copies of the template's image pull secrets.
func PullSecrets(n NamespaceOf) []corev1.Secret {
	var out []corev1.Secret
	for _, s := range n.PullSecrets {
		out = append(out, corev1.Secret{
			TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
			ObjectMeta: inNamespace(n, s.Name),
			Type:       s.Type,
			Data:       maps.Clone(s.Data),
		})
	}
	return out
}

// WithPullSecrets returns the ServiceAccount with the pull secrets added. Entries of others stay.
func WithPullSecrets(account *corev1.ServiceAccount, n NamespaceOf) *corev1.ServiceAccount {
	out := account.DeepCopy()
	for _, s := range n.PullSecrets {
		ref := corev1.LocalObjectReference{Name: s.Name}
		if !slices.Contains(out.ImagePullSecrets, ref) {
			out.ImagePullSecrets = append(out.ImagePullSecrets, ref)
		}
	}
	return out
}

func inNamespace(n NamespaceOf, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: n.Name, Name: name, Labels: labels(n.Product, n.Instance)}
}
