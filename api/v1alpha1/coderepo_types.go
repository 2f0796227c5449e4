package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Webhook says which events of a code repo are of interest.
type Webhook struct {
	// Events in GitLab's words, such as push_events.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	Events []string `json:"events,omitempty"`
}

// CodeRepoSpec describes a git repository of a product.
// +kubebuilder:validation:XValidation:rule="has(self.url) && self.url.size() > 0 || has(self.repoName) && self.repoName.size() > 0",message="either repoName or url is needed"
type CodeRepoSpec struct {
	// CodeRepoProvider names the CodeRepoProvider that serves the repository.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	CodeRepoProvider string `json:"codeRepoProvider"`
	// Product is the resource name of the product. It must be the namespace that the code repo lies in.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Product string `json:"product"`
	// Project that the code repo belongs to. Empty means that it belongs to the product as a whole, and that projects
	// use it by a CodeRepoBinding.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Project string `json:"project,omitempty"`
	// RepoName is the path of the repository in the product's group, such as api-server.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	// +kubebuilder:validation:Pattern=`^([A-Za-z0-9_.][A-Za-z0-9_.-]*)?$`
	RepoName string `json:"repoName,omitempty"`
	// URL is the clone URL. It must lie under the provider's address and the product's path. Defaults to
	// <provider's httpAddress>/<product's path>/<repoName>.git.
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	URL string `json:"url,omitempty"`
	// DeploymentRuntime says that the code repo holds manifests to deploy.
	// +optional
	DeploymentRuntime bool `json:"deploymentRuntime,omitempty"`
	// PipelineRuntime says that the code repo holds pipelines.
	// +optional
	PipelineRuntime bool `json:"pipelineRuntime,omitempty"`
	// Webhook says which events are of interest.
	// +optional
	Webhook *Webhook `json:"webhook,omitempty"`
	// CredentialsSecretRef names a Secret of the system namespace that holds read credentials: keys username and
	// password, or sshPrivateKey. The Secret must carry the label nautes.resource.nautes.io/product with this product.
	// Defaults to the Secret "<product>-git", where it exists; without it the repository is read anonymously.
	// +optional
	CredentialsSecretRef *SecretRef `json:"credentialsSecretRef,omitempty"`
}

// CodeRepoStatus says what the operator knows of a code repo.
type CodeRepoStatus struct {
	// ObservedGeneration is the generation of the spec that this status speaks of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Conditions; Ready says whether the code repo can be deployed from. RepositoryFound, of a code repo that is named
	// by the id of a project, says whether its path leads to that project.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// URL is the clone URL that is used.
	// +optional
	URL string `json:"url,omitempty"`
	// DefaultBranch is the branch that HEAD means, of a code repo that is named by the id of a project.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	DefaultBranch string `json:"defaultBranch,omitempty"`
}

// CodeRepo is a git repository of a product.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=coderepoes,shortName=coderepos,categories=nautes
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Repo",type=string,JSONPath=`.spec.repoName`
// +kubebuilder:printcolumn:name="Project",type=string,JSONPath=`.spec.project`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="URL",type=string,priority=1,JSONPath=`.status.url`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.matches('^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$')",message="the name must be a DNS label: lower-case letters, digits and -, at most 63 characters"
type CodeRepo struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   CodeRepoSpec   `json:"spec"`
	Status CodeRepoStatus `json:"status,omitempty"`
}

// CodeRepoList is a list of CodeRepos.
// +kubebuilder:object:root=true
type CodeRepoList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []CodeRepo `json:"items"`
}

// GetConditions returns the conditions of the status.
func (r *CodeRepo) GetConditions() []metav1.Condition { return r.Status.Conditions }

// CodeRepoProviderSpec describes a git host.
type CodeRepoProviderSpec struct {
	// HTTPAddress is the base of HTTP clone URLs, such as https://gitlab.example.com.
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:Pattern=`^https?://[^\s/@?#*]+(/[^\s?#*]*)?$`
	HTTPAddress string `json:"httpAddress"`
	// SSHAddress is the base of SSH clone URLs, such as ssh://git@gitlab.example.com:2222.
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	SSHAddress string `json:"sshAddress,omitempty"`
	// APIServer is the base of the host's REST API, such as https://gitlab.example.com/api/v4.
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	APIServer string `json:"apiServer,omitempty"`
	// ProviderType is the kind of git host. Only gitlab is known.
	// +kubebuilder:validation:Enum=gitlab
	ProviderType string `json:"providerType"`
	// CredentialsSecretRef names the Secret of the system namespace that holds the provider's token. It is used by the
	// operator alone and never reaches Argo CD.
	// +optional
	CredentialsSecretRef *SecretRef `json:"credentialsSecretRef,omitempty"`
}

// CodeRepoProvider is a git host, in the system namespace.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=coderepoproviders,categories=nautes
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Type",type=string,JSONPath=`.spec.providerType`
// +kubebuilder:printcolumn:name="Address",type=string,JSONPath=`.spec.httpAddress`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.matches('^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$')",message="the name must be a DNS label: lower-case letters, digits and -, at most 63 characters"
type CodeRepoProvider struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   CodeRepoProviderSpec `json:"spec"`
	Status ObservedStatus       `json:"status,omitempty"`
}

// CodeRepoProviderList is a list of CodeRepoProviders.
// +kubebuilder:object:root=true
type CodeRepoProviderList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []CodeRepoProvider `json:"items"`
}

// GetConditions returns the conditions of the status.
func (p *CodeRepoProvider) GetConditions() []metav1.Condition { return p.Status.Conditions }
