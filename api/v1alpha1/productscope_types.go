package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// EnvironmentSpec describes a stage of a product.
type EnvironmentSpec struct {
	// Product is the resource name of the product. It must be the namespace that the environment lies in.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Product string `json:"product"`
	// Cluster names the Cluster that hosts the environment. It cannot change while runtimes are deployed to the
	// environment.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Cluster string `json:"cluster"`
	// EnvType is the stage in the product's own words, such as dev, test or prod.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	EnvType string `json:"envType"`
}

// Environment is a named stage of a product that one runtime cluster hosts.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=environments,shortName=env,categories=nautes
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Type",type=string,JSONPath=`.spec.envType`
// +kubebuilder:printcolumn:name="Cluster",type=string,JSONPath=`.spec.cluster`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.matches('^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$')",message="the name must be a DNS label: lower-case letters, digits and -, at most 63 characters"
type Environment struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   EnvironmentSpec `json:"spec"`
	Status ObservedStatus  `json:"status,omitempty"`
}

// EnvironmentList is a list of Environments.
// +kubebuilder:object:root=true
type EnvironmentList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Environment `json:"items"`
}

// GetConditions returns the conditions of the status.
func (e *Environment) GetConditions() []metav1.Condition { return e.Status.Conditions }

// ProjectSpec describes a microservice of a product.
type ProjectSpec struct {
	// Product is the resource name of the product. It must be the namespace that the project lies in.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Product string `json:"product"`
	// Language that the project is written in.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Language string `json:"language,omitempty"`
}

// Project is a microservice of a product.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=projects,categories=nautes
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Language",type=string,JSONPath=`.spec.language`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.matches('^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$')",message="the name must be a DNS label: lower-case letters, digits and -, at most 63 characters"
type Project struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   ProjectSpec    `json:"spec"`
	Status ObservedStatus `json:"status,omitempty"`
}

// ProjectList is a list of Projects.
// +kubebuilder:object:root=true
type ProjectList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Project `json:"items"`
}

// GetConditions returns the conditions of the status.
func (p *Project) GetConditions() []metav1.Condition { return p.Status.Conditions }

// Permissions that a binding gives.
// +kubebuilder:validation:Enum=readonly;readwrite
type Permissions string

// CodeRepoBindingSpec permits projects to use a code repo.
type CodeRepoBindingSpec struct {
	// CodeRepo is the resource name of a CodeRepo of the product that the binding lies in, such as repo-3.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	CodeRepo string `json:"codeRepo"`
	// Product is the resource name of the product that may use the code repo: the own one, or another.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Product string `json:"product"`
	// Projects of that product that may use the code repo. Empty means the whole product.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=200
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	Projects []string `json:"projects,omitempty"`
	// Permissions: readonly or readwrite. Deploying needs to read only.
	Permissions Permissions `json:"permissions"`
}

// CodeRepoBinding permits projects, or a whole product, to use a code repo. It lies with the code repo.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=coderepobindings,categories=nautes
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="CodeRepo",type=string,JSONPath=`.spec.codeRepo`
// +kubebuilder:printcolumn:name="Product",type=string,JSONPath=`.spec.product`
// +kubebuilder:printcolumn:name="Permissions",type=string,JSONPath=`.spec.permissions`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.matches('^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$')",message="the name must be a DNS label: lower-case letters, digits and -, at most 63 characters"
type CodeRepoBinding struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   CodeRepoBindingSpec `json:"spec"`
	Status ObservedStatus      `json:"status,omitempty"`
}

// CodeRepoBindingList is a list of CodeRepoBindings.
// +kubebuilder:object:root=true
type CodeRepoBindingList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []CodeRepoBinding `json:"items"`
}

// GetConditions returns the conditions of the status.
func (b *CodeRepoBinding) GetConditions() []metav1.Condition { return b.Status.Conditions }
