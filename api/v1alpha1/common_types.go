package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// SecretKeyRef names a key of a Secret in the system namespace.
type SecretKeyRef struct {
	// Name of the Secret in the system namespace.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
	// Key in the Secret's data. Defaults to "value".
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Key string `json:"key,omitempty"`
}

// SecretRef names a Secret in the system namespace.
type SecretRef struct {
	// Name of the Secret in the system namespace.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
}

// GroupKind names a kind of cluster-scoped object.
// +kubebuilder:validation:XValidation:rule="!(has(self.group) && self.group in ['rbac.authorization.k8s.io', 'admissionregistration.k8s.io', 'apiregistration.k8s.io']) && !(self.kind == 'Namespace' && (!has(self.group) || self.group.size() == 0))",message="no product is granted Namespace or a kind of rbac.authorization.k8s.io, admissionregistration.k8s.io or apiregistration.k8s.io, because it would reach what others have: apply such objects yourself"
type GroupKind struct {
	// Group of the kind, such as scheduling.k8s.io; empty for the core group. Wildcards are not permitted.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9.-]*$`
	Group string `json:"group,omitempty"`
	// Kind, such as PriorityClass. Wildcards are not permitted.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9]+$`
	Kind string `json:"kind"`
}

// GroupKinds names kinds of cluster-scoped objects.
// +kubebuilder:validation:MaxItems=100
type GroupKinds []GroupKind

// ObservedStatus is the status of the kinds that are only judged.
type ObservedStatus struct {
	// ObservedGeneration is the generation of the spec that this status speaks of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Conditions of the object; Ready says whether it can be used, and why not.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}
