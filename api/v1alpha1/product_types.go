package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ProductSpec describes a product: an IT system, in GitLab a group.
type ProductSpec struct {
	// Name is the full path of the product's group, such as nautes-labs. It is also the name of the user group that
	// gets access to the product's namespaces and Applications.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9_.][A-Za-z0-9_.-]*(/[A-Za-z0-9_.][A-Za-z0-9_.-]*)*$`
	Name string `json:"name"`
	// MetaDataPath is the clone URL of the product's repository default.project, whose branch main holds the product's
	// resources. Empty means that nothing is synced: the resources are applied by other means.
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	MetaDataPath string `json:"metaDataPath,omitempty"`
}

// NamespaceProblem says why a namespace on a runtime cluster is not prepared.
type NamespaceProblem struct {
	// Cluster that the namespace is on.
	Cluster string `json:"cluster"`
	// Namespace on that cluster.
	Namespace string `json:"namespace"`
	// Reason is a CamelCase word, as in conditions.
	Reason string `json:"reason"`
	// Message says what is wrong and what to do.
	Message string `json:"message"`
}

// ProductStatus says what the operator knows of a product.
type ProductStatus struct {
	// ObservedGeneration is the generation of the spec that this status speaks of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Conditions: Synced (default.project is applied), TenancyReady (the namespaces on the runtime clusters are
	// prepared), RuntimesSettled (no teardown is held, no Application has lost its runtime), and Ready, which sums them
	// up. Besides these CredentialsReady, and Served where the operator is sharded.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// NamespaceProblems lists the namespaces on runtime clusters that are not prepared, at most 100.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=100
	NamespaceProblems []NamespaceProblem `json:"namespaceProblems,omitempty"`
	// Revision of default.project that is applied.
	// +optional
	Revision string `json:"revision,omitempty"`
	// Runtimes is the number of runtimes that are recorded, those being removed included.
	// +optional
	Runtimes int32 `json:"runtimes,omitempty"`
	// Shard of the operator that serves the product. Empty: the operator without a shard. It follows the label shard
	// once the operator that serves the product has ended its work on it.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Shard string `json:"shard,omitempty"`
}

// Product is an IT system, in the system namespace. Its resources lie in the namespace of the same name.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=products,categories=nautes
// +kubebuilder:printcolumn:name="Group",type=string,JSONPath=`.spec.name`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Synced",type=string,JSONPath=`.status.conditions[?(@.type=="Synced")].reason`
// +kubebuilder:printcolumn:name="Runtimes",type=integer,JSONPath=`.status.runtimes`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Shard",type=string,JSONPath=`.status.shard`,priority=1
// +kubebuilder:validation:XValidation:rule="self.metadata.name.matches('^product-[a-z0-9]([-a-z0-9]{0,44}[a-z0-9])?$')",message="the name must be product-<group id>"
type Product struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   ProductSpec   `json:"spec"`
	Status ProductStatus `json:"status,omitempty"`
}

// ProductList is a list of Products.
// +kubebuilder:object:root=true
type ProductList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Product `json:"items"`
}

// GetConditions returns the conditions of the status.
func (p *Product) GetConditions() []metav1.Condition { return p.Status.Conditions }

// ProductProviderSpec says where products come from.
type ProductProviderSpec struct {
	// Type of the source. Only coderepo is known: the groups of a CodeRepoProvider.
	// +kubebuilder:validation:Enum=coderepo
	Type string `json:"type"`
	// Name of the CodeRepoProvider.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
	// AllowedGroups are the full paths of the groups that may become products, such as nautes-labs or company/teams. A
	// path covers the group and all groups below it. Required: without a path no new product is taken; the Products
	// that there are stay. A Product whose group moves to a path that is not covered keeps what it has, and does not
	// follow.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=255
	// +kubebuilder:validation:items:Pattern=`^[A-Za-z0-9_.][A-Za-z0-9_.-]*(/[A-Za-z0-9_.][A-Za-z0-9_.-]*)*$`
	AllowedGroups []string `json:"allowedGroups,omitempty"`
}

// ProductProvider is a source of products, in the system namespace.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=productproviders,categories=nautes
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Type",type=string,JSONPath=`.spec.type`
// +kubebuilder:printcolumn:name="Provider",type=string,JSONPath=`.spec.name`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.matches('^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$')",message="the name must be a DNS label: lower-case letters, digits and -, at most 63 characters"
type ProductProvider struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   ProductProviderSpec `json:"spec"`
	Status ObservedStatus      `json:"status,omitempty"`
}

// ProductProviderList is a list of ProductProviders.
// +kubebuilder:object:root=true
type ProductProviderList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ProductProvider `json:"items"`
}

// GetConditions returns the conditions of the status.
func (p *ProductProvider) GetConditions() []metav1.Condition { return p.Status.Conditions }
