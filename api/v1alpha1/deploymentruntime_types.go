package v1alpha1

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// DeletionPolicy says what happens to the workloads when a DeploymentRuntime is deleted.
// +kubebuilder:validation:Enum=Delete;Orphan
type DeletionPolicy string

const (
	// DeletionPolicyDelete removes the workloads and the namespaces that were made for the runtime.
	DeletionPolicyDelete DeletionPolicy = "Delete"
	// DeletionPolicyOrphan leaves workloads and namespaces as they are; only the Application goes.
	DeletionPolicyOrphan DeletionPolicy = "Orphan"
)

// ManifestSource says where the manifests lie.
type ManifestSource struct {
	// CodeRepo is the resource name of a CodeRepo of this product, such as repo-3. One of another product is written
	// with the product that owns it, such as product-9/repo-5; a CodeRepoBinding of that product must bind it to this
	// one. A name without a product never means another product's CodeRepo, except for a runtime that is deployed from
	// there since before the product was part of the name.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=317
	// +kubebuilder:validation:Pattern=`^([a-z0-9]([-a-z0-9]*[a-z0-9])?/)?[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`
	CodeRepo string `json:"codeRepo"`

	// Path of the directory that holds the manifests, relative to the root of the repository, without "." or ".."
	// segments; "." alone is the root. Example: manifests/development.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="!self.startsWith('/')",message="path must be relative to the root of the repository: remove the leading /"
	// +kubebuilder:validation:XValidation:rule="self == '.' || !self.split('/').exists(s, s.size() == 0 || s == '.' || s == '..')",message="path must be clean and stay inside the repository: no empty, \".\" or \"..\" segment, no trailing /"
	// +kubebuilder:validation:XValidation:rule="!self.matches('[\\\\x00-\\\\x1f\\\\x7f\\\\\\\\]')",message="path must not contain control characters or backslashes"
	Path string `json:"path"`

	// TargetRevision says what to deploy: HEAD (the repository's default branch), refs/heads/<branch>, refs/tags/<tag>,
	// a commit id with all of its 40 digits, or a short name. A short name is the branch of that name, or, where the
	// repository has no such branch, the tag. Once it was found it stays what it is: a branch or a tag that comes or
	// goes later does not change it. Anything else is a name as well: 1.x is a branch or a tag and no range of
	// versions, and an abbreviated commit id is not looked for. Other references, such as refs/merge-requests/1/head,
	// are not deployed, and commit ids are not of a code repo of another product. It must be a valid git reference name
	// (git-check-ref-format).
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=244
	// +kubebuilder:validation:XValidation:rule="self.matches('^[^\\\\x00-\\\\x20\\\\x7f~^:?*\\\\[\\\\\\\\]+$') && !self.contains('..') && !self.contains('@{') && !self.contains('//') && self != '@'",message="targetRevision must be a branch, tag, commit id or HEAD: no spaces, control characters, \"..\", \"@{\", \"//\" or any of ~ ^ : ? * [ \\"
	// +kubebuilder:validation:XValidation:rule="!self.startsWith('-') && !self.startsWith('/') && !self.endsWith('/') && !self.endsWith('.') && !self.split('/').exists(s, s.startsWith('.') || s.endsWith('.lock'))",message="targetRevision must be a valid git reference name: it must not begin with - or /, end with / or ., and no part may begin with . or end with .lock"
	TargetRevision string `json:"targetRevision"`
}

// DeploymentRuntimeSpec says what is wanted.
// +kubebuilder:validation:XValidation:rule="!has(self.namespaces) || self.namespaces.all(n, n.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$'))",message="namespaces must be DNS labels: lower-case letters, digits and -, at most 63 characters"
type DeploymentRuntimeSpec struct {
	// Product is the resource name of the product that the runtime belongs to, such as product-7. It must be the
	// namespace that the runtime lies in.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Product string `json:"product"`

	// ProjectsRef names the Projects of the product that the runtime deploys. Each of them must be permitted to use the
	// code repo. Empty means the product as a whole.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=200
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	ProjectsRef []string `json:"projectsRef,omitempty"`

	// ManifestSource says where the manifests lie.
	ManifestSource ManifestSource `json:"manifestSource"`

	// Destination names an Environment of the same product. Once the runtime is deployed it cannot change: delete the
	// runtime, wait until it is gone, and create it anew.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Destination string `json:"destination"`

	// Namespaces on the runtime cluster that the manifests may use. The first one is where manifests without a
	// namespace go. Defaults to one namespace that has the name of the runtime.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=20
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	Namespaces []string `json:"namespaces,omitempty"`

	// DeletionPolicy says what happens to the workloads when the runtime is deleted: Delete removes them, Orphan leaves
	// them as they are. Defaults to Delete.
	// +optional
	// +kubebuilder:default=Delete
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`

	// Suspend stops automated sync: what runs keeps running, and new commits wait. Defaults to false.
	// +optional
	Suspend bool `json:"suspend,omitempty"`
}

// PlacementStatus says where the runtime is deployed. It mirrors what the operator recorded in the Application.
type PlacementStatus struct {
	// Environment that the runtime is deployed to.
	Environment string `json:"environment"`
	// Cluster that hosts the environment.
	Cluster string `json:"cluster"`
	// Server is the URL of that cluster's API server.
	// +optional
	Server string `json:"server,omitempty"`
	// Namespaces on that cluster.
	// +listType=set
	// +kubebuilder:validation:MaxItems=40
	Namespaces []string `json:"namespaces,omitempty"`
	// Application is the name of the Argo CD Application.
	Application string `json:"application"`
	// AppProject is the name of the Argo CD AppProject.
	AppProject string `json:"appProject"`
	// RepoURL is the clone URL of the code repo.
	RepoURL string `json:"repoURL"`
	// CodeRepo is the CodeRepo that the runtime is deployed from, with the product that owns it where that is another
	// one, such as product-9/repo-5: what spec.manifestSource.codeRepo should say. Absent where it is not known.
	// +optional
	CodeRepo string `json:"codeRepo,omitempty"`
}

// IllegalProjectRef is a project that may not use the code repo.
type IllegalProjectRef struct {
	// ProjectName is the entry of projectsRef.
	ProjectName string `json:"projectName"`
	// Reason says why, and what to do.
	Reason string `json:"reason"`
}

// ResourceStatus is an object of the manifests, or one that these make, that is not as it should be.
type ResourceStatus struct {
	// Group of the object's kind; empty for the core group.
	// +optional
	Group string `json:"group,omitempty"`
	// Kind of the object.
	Kind string `json:"kind"`
	// Namespace of the object; absent where it has none or where it is not known.
	// +optional
	Namespace string `json:"namespace,omitempty"`
	// Name of the object.
	Name string `json:"name"`
	// State says in a word what is wrong: a word of Argo CD for the health (Degraded, Missing, Progressing, Suspended,
	// Unknown), OutOfSync, SyncFailed, Failed (a hook), Awaited (the sync waits for it), NotRunning (the runtime cluster
	// says why its pods do not run), Held (it runs on although the revision does not hold it), Excluded (the settings of
	// Argo CD leave it out) or Repeated (the manifests hold it more than once). Others may be added.
	State string `json:"state"`
	// Message says why, in at most 500 bytes.
	// +optional
	Message string `json:"message,omitempty"`
}

// RolloutOutcome says how a rollout ended.
// +kubebuilder:validation:Enum=Deploying;Deployed;Failed;Replaced
type RolloutOutcome string

const (
	// RolloutDeploying says that the sync began, and that the runtime is not ready with this revision yet.
	RolloutDeploying RolloutOutcome = "Deploying"
	// RolloutDeployed says that the runtime was ready with this revision.
	RolloutDeployed RolloutOutcome = "Deployed"
	// RolloutFailed says that the sync failed, or what was deployed is degraded. It becomes Deployed when a later try
	// succeeds.
	RolloutFailed RolloutOutcome = "Failed"
	// RolloutReplaced says that the next rollout began before the runtime was ready.
	RolloutReplaced RolloutOutcome = "Replaced"
)

// DeployedRevision is a rollout: a revision that Argo CD began to deploy.
type DeployedRevision struct {
	// Revision is the commit id.
	Revision string `json:"revision"`
	// TargetRevision is the branch, tag or commit that was asked for.
	TargetRevision string `json:"targetRevision,omitempty"`
	// Path that the manifests were taken from.
	Path string `json:"path,omitempty"`
	// Outcome says how it ended. Absent for a rollout that ended while no operator looked: then it is only known that
	// its objects were applied.
	// +optional
	Outcome RolloutOutcome `json:"outcome,omitempty"`
	// Message says why it failed.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Message string `json:"message,omitempty"`
	// Author of the commit, as git tells. Absent where that could not be read.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Author string `json:"author,omitempty"`
	// StartedAt is when its first sync began.
	// +optional
	StartedAt *metav1.Time `json:"startedAt,omitempty"`
	// FinishedAt is when the outcome was seen.
	// +optional
	FinishedAt *metav1.Time `json:"finishedAt,omitempty"`
	// Images that ran when the runtime was ready with it, at most 10.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	// +kubebuilder:validation:items:MaxLength=255
	Images []string `json:"images,omitempty"`
}

// DeploymentRuntimeStatus says what is. It is rebuilt in every pass. Only history holds what cannot be rebuilt.
type DeploymentRuntimeStatus struct {
	// ObservedGeneration is the generation of the spec that this status speaks of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Conditions: Accepted, Resolved, Applied, Synced and Healthy, in the order in which they are reached, and Ready,
	// which sums them up.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// Placement says where the runtime is deployed. Absent as long as nothing is recorded.
	// +optional
	Placement *PlacementStatus `json:"placement,omitempty"`
	// Sync is Argo CD's word for whether what runs is what the repository says: Synced, OutOfSync or Unknown.
	// +optional
	Sync string `json:"sync,omitempty"`
	// Health is Argo CD's word for the health of the workloads: Healthy, Progressing, Degraded, Missing (also where
	// nothing is deployed), Suspended or Unknown.
	// +optional
	Health string `json:"health,omitempty"`
	// Revision is the commit id that is deployed.
	// +optional
	Revision string `json:"revision,omitempty"`
	// ShortRevision is the beginning of revision, for the print column.
	// +optional
	ShortRevision string `json:"shortRevision,omitempty"`
	// Images that run, at most 20.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=20
	Images []string `json:"images,omitempty"`
	// Resources are objects that are not as they should be, the gravest first, at most 20.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=20
	Resources []ResourceStatus `json:"resources,omitempty"`
	// IllegalProjectRefs lists the projects that may not use the code repo.
	// +optional
	// +listType=map
	// +listMapKey=projectName
	// +kubebuilder:validation:MaxItems=200
	IllegalProjectRefs []IllegalProjectRef `json:"illegalProjectRefs,omitempty"`
	// History of the last 20 rollouts, the newest first. A commit that changes no manifest is none.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=20
	History []DeployedRevision `json:"history,omitempty"`
}

// DeploymentRuntime says: deploy what lies at this code repo, revision and path to this environment.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=deploymentruntimes,shortName=dr,categories=nautes
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Environment",type=string,JSONPath=`.spec.destination`
// +kubebuilder:printcolumn:name="Cluster",type=string,JSONPath=`.status.placement.cluster`
// +kubebuilder:printcolumn:name="Sync",type=string,JSONPath=`.status.sync`
// +kubebuilder:printcolumn:name="Health",type=string,JSONPath=`.status.health`
// +kubebuilder:printcolumn:name="Revision",type=string,JSONPath=`.status.shortRevision`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="CodeRepo",type=string,priority=1,JSONPath=`.spec.manifestSource.codeRepo`
// +kubebuilder:printcolumn:name="Path",type=string,priority=1,JSONPath=`.spec.manifestSource.path`
// +kubebuilder:printcolumn:name="Target",type=string,priority=1,JSONPath=`.spec.manifestSource.targetRevision`
// +kubebuilder:printcolumn:name="Namespaces",type=string,priority=1,JSONPath=`.status.placement.namespaces`
// +kubebuilder:printcolumn:name="Deletion",type=string,priority=1,JSONPath=`.spec.deletionPolicy`
// +kubebuilder:printcolumn:name="Suspend",type=boolean,priority=1,JSONPath=`.spec.suspend`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.matches('^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$')",message="the name must be a DNS label: lower-case letters, digits and -, at most 63 characters"
type DeploymentRuntime struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   DeploymentRuntimeSpec   `json:"spec"`
	Status DeploymentRuntimeStatus `json:"status,omitempty"`
}

// DeploymentRuntimeList is a list of DeploymentRuntimes.
// +kubebuilder:object:root=true
type DeploymentRuntimeList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []DeploymentRuntime `json:"items"`
}

// EffectiveNamespaces returns spec.namespaces, or the default: one namespace that has the name of the runtime.
func (r *DeploymentRuntime) EffectiveNamespaces() []string {
	if len(r.Spec.Namespaces) > 0 {
		return r.Spec.Namespaces
	}
	return []string{r.Name}
}

// CodeRepoRef returns the product and the name of the code repo that is named. A name without a product is one of the
// product itself.
func (r *DeploymentRuntime) CodeRepoRef() (product, name string) {
	if product, name, qualified := strings.Cut(r.Spec.ManifestSource.CodeRepo, "/"); qualified {
		return product, name
	}
	return r.Namespace, r.Spec.ManifestSource.CodeRepo
}

// CodeRepoOf returns how a runtime of a product names a code repo that owner owns.
func CodeRepoOf(product, owner, name string) string {
	if owner == product {
		return name
	}
	return owner + "/" + name
}

// GetConditions returns the conditions of the status.
func (r *DeploymentRuntime) GetConditions() []metav1.Condition { return r.Status.Conditions }
