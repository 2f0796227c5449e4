package wire

import "reflect"

// Resource is what REST knows of a kind. Members of its types meet the fields of a spec by their Go names. So a
// field of a spec that REST has too is a line in the item and one in the body.
//
// Tags of items say what the command line makes of a member: apply:"name,omitempty" is its name in the CRD form,
// where it is not that of the member in camelCase, and whether an empty value is left out; apply:"-" is for what
// cannot be applied, and apply:"status" for what is no part of the spec. empty:"x" is what an empty field stands
// for. Tags of bodies: absent:"keep" is for a member that the guide does not have: where it is absent, the stored
// value stays.
type Resource struct {
	// Item is the type of what is answered, List of a page of items, and Body of what is saved: struct{} where
	// nothing is.
	Item, List, Body reflect.Type

	// selectors are the keys of a field_selector: members, "key=member" where the names differ, and ".in" for lists.
	selectors []string
	// tolerates is a member without a meaning that the upstream CLI sends.
	tolerates string
	// keeps is a member of the spec that REST does not have. It keeps its value if a document in the CRD form lacks it.
	keeps string
}

// resources returns the table of the kinds that REST serves.
func resources() []Resource {
	binding := resource[CodeRepoBinding, CodeRepoBindingBody]("coderepo", "product", "projects.in")
	binding.tolerates = "product_name" // the product that the binding lies in
	repo := resource[CodeRepo, CodeRepoBody]("project", "pipeline_runtime", "deployment_runtime")
	repo.keeps = "credentialsSecretRef"
	product := resource[Product, ProductBody]("product_name=name")
	product.tolerates = "product"
	return []Resource{
		resource[DeploymentRuntime, DeploymentRuntimeBody](
			"projects_ref.in", "manifest_source.code_repo", "destination"),
		resource[Environment, EnvironmentBody]("cluster", "env_type"),
		resource[Project, ProjectBody]("project_name=name"),
		repo,
		binding,
		product,
		resource[Cluster, struct{}](),
	}
}

func resource[I, B any](selectors ...string) Resource {
	return Resource{
		Item: reflect.TypeFor[I](), List: reflect.TypeFor[List[I]](), Body: reflect.TypeFor[B](), selectors: selectors,
	}
}

// ResourceOf returns the row of a kind.
func ResourceOf(kind string) (Resource, bool) {
	for _, r := range resources() {
		if r.Item.Name() == kind {
			return r, true
		}
	}
	return Resource{}, false
}

// DeploymentRuntime is the item of a DeploymentRuntime: the members of the guide, then additive ones.
type DeploymentRuntime struct {
	// Product is the full path of the product's group.
	Product string `json:"product" doc:"Full path of the product's group." example:"nautes-labs"`
	Name    string `json:"name" doc:"Name of the deployment runtime." example:"dr-dev"`
	// ProjectsRef names projects of the product. Never null.
	ProjectsRef    []string       `json:"projects_ref" nullable:"false" doc:"Projects of the product that are deployed."`
	ManifestSource ManifestSource `json:"manifest_source" doc:"Where the manifests lie."`
	// Destination is the name of an environment of the product: always a string.
	Destination string `json:"destination" doc:"Environment of the product." example:"env-dev"`
	// Namespaces on the runtime cluster; empty stands for one that is named like the runtime. Never null.
	Namespaces []string `json:"namespaces" apply:",omitempty" nullable:"false" doc:"Namespaces on the runtime cluster; empty: one named like the runtime."`
	// DeletionPolicy is Delete or Orphan.
	DeletionPolicy string `json:"deletion_policy" apply:",omitempty" empty:"Delete" enum:"Delete,Orphan" doc:"What happens to the workloads when the runtime is deleted."`
	Suspend        bool   `json:"suspend" apply:",omitempty" doc:"Automated sync is off: what runs keeps running."`
	// Status is absent when the management cluster does not answer.
	Status *Status `json:"status,omitempty" apply:"status" doc:"What the management cluster says; absent when it cannot be read."`
}

// DeploymentRuntimeBody is what is saved.
type DeploymentRuntimeBody struct {
	ProjectsRef    []string       `json:"projects_ref" required:"false" doc:"Projects of the product that are deployed. Empty: the product as a whole."`
	ManifestSource ManifestSource `json:"manifest_source"`
	// Destination is also read in the form of newer clients: {"environment","namespaces"}.
	Destination    string   `json:"destination" doc:"Environment of the product." example:"env-dev"`
	Namespaces     []string `json:"namespaces" absent:"keep" required:"false" doc:"Namespaces on the runtime cluster. Absent: as stored; null: one named like the runtime."`
	DeletionPolicy *string  `json:"deletion_policy" absent:"keep" empty:"Delete" required:"false" enum:"Delete,Orphan" doc:"Absent: as stored; null: Delete."`
	Suspend        *bool    `json:"suspend" absent:"keep" required:"false" doc:"Stop automated sync. Absent: as stored; null: false."`
}

// ManifestSource says where manifests lie. CodeRepo is a human name.
type ManifestSource struct {
	CodeRepo       string `json:"code_repo" doc:"Path of the repository in the product's group, or group/path of one that is bound to the product." example:"api-server"`
	TargetRevision string `json:"target_revision" doc:"HEAD, refs/heads/<branch>, refs/tags/<tag>, a whole commit id, or a short name (branch, or else tag)." example:"HEAD"`
	Path           string `json:"path" doc:"Directory with the manifests." example:"manifests/development"`
}

// The phases of a runtime whose file is deleted and that is not gone yet.
const (
	PhaseRemoving = "Removing"
	PhaseHeld     = "Held"
)

// Status is the operator's status of a runtime.
type Status struct {
	// Phase is empty as long as the runtime has a file.
	Phase    string `json:"phase,omitempty" enum:"Removing,Held" doc:"Only where the file is deleted and the runtime is not gone yet. Removing: it is being removed. Held: it runs on until a person decides."`
	Ready    bool   `json:"ready"`
	Reason   string `json:"reason"`
	Message  string `json:"message"`
	Cluster  string `json:"cluster"`
	Sync     string `json:"sync"`
	Health   string `json:"health"`
	Revision string `json:"revision"`
	// Conditions and Images are those of one runtime; lists leave them out.
	Conditions []Condition `json:"conditions,omitempty" doc:"All conditions; absent in lists."`
	Images     []string    `json:"images,omitempty" doc:"Images that run, at most 20; absent in lists."`
}

// Standing is what the operator says of an object that is no runtime.
type Standing struct {
	Ready      bool        `json:"ready"`
	Reason     string      `json:"reason"`
	Message    string      `json:"message"`
	Conditions []Condition `json:"conditions" nullable:"false"`
}

// Environment is the item of an Environment.
type Environment struct {
	Product string    `json:"product"`
	Name    string    `json:"name"`
	Cluster string    `json:"cluster"`
	EnvType string    `json:"env_type"`
	Status  *Standing `json:"status,omitempty" apply:"status" doc:"What the management cluster says; only in the answer to GET of one environment."`
}

// EnvironmentBody is what is saved.
type EnvironmentBody struct {
	Cluster string `json:"cluster" doc:"Cluster that hosts the environment."`
	EnvType string `json:"env_type" doc:"For people, such as dev, test or prod."`
}

// Project is the item of a Project.
type Project struct {
	Product  string `json:"product"`
	Name     string `json:"name"`
	Language string `json:"language"`
}

// ProjectBody is what is saved.
type ProjectBody struct {
	Language string `json:"language" doc:"Programming language."`
}

// CodeRepo is the item of a CodeRepo. Name is the path of the repository in the product's group.
type CodeRepo struct {
	Product           string  `json:"product"`
	Name              string  `json:"name"`
	Project           string  `json:"project"`
	Webhook           Webhook `json:"webhook"`
	DeploymentRuntime bool    `json:"deployment_runtime"`
	PipelineRuntime   bool    `json:"pipeline_runtime"`
	Git               Git     `json:"git"`
}

// CodeRepoBody is what is saved.
type CodeRepoBody struct {
	Project           string       `json:"project" required:"false" doc:"Project that the repository belongs to."`
	Webhook           *webhookBody `json:"webhook" required:"false"`
	DeploymentRuntime bool         `json:"deployment_runtime" required:"false" doc:"The repository holds manifests."`
	PipelineRuntime   bool         `json:"pipeline_runtime" required:"false" doc:"The repository holds pipelines."`
	Git               *gitBody     `json:"git" required:"false"`
}

// Webhook says which events are of interest, in GitLab's words.
type Webhook struct {
	Events []string `json:"events" nullable:"false"`
}

type webhookBody struct {
	Events []string `json:"events" required:"false" doc:"Events of the repository, as GitLab names them, such as push_events."`
}

// Git holds what the git host knows about a repository or a product's group.
type Git struct {
	GitLab GitLab `json:"gitlab"`
}

// GitLab is what GitLab knows about a project or a group. A member that could not be read is empty.
type GitLab struct {
	Name        string `json:"name"`
	Path        string `json:"path"`
	Visibility  string `json:"visibility" apply:",omitempty"`
	Description string `json:"description" apply:",omitempty"`
	// ParentID of a group; absent at the top, and for projects.
	ParentID int64 `json:"parent_id,omitempty" apply:",omitempty"`
	// The clone URLs of a project; absent for groups.
	SSHURLToRepo  string `json:"ssh_url_to_repo,omitempty" apply:"-"`
	HTTPURLToRepo string `json:"http_url_to_repo,omitempty" apply:"-"`
}

type gitBody struct {
	GitLab gitlabBody `json:"gitlab"`
}

type gitlabBody struct {
	Name        string `json:"name" required:"false" doc:"Name for people."`
	Path        string `json:"path" required:"false" doc:"Last part of the path."`
	Visibility  string `json:"visibility" required:"false" enum:"private,internal,public"`
	Description string `json:"description" required:"false"`
	ParentID    int64  `json:"parent_id" required:"false" doc:"Of a product: id of the group that it lies in."`
}

// CodeRepoBinding is the item of a CodeRepoBinding. Product is the product that may use the code repo. The binding lies
// in the product that owns the code repo.
type CodeRepoBinding struct {
	Product     string   `json:"product" doc:"Product that may use the code repo."`
	Name        string   `json:"name"`
	Projects    []string `json:"projects" nullable:"false" doc:"Projects of that product; empty: the whole product."`
	Permissions string   `json:"permissions" enum:"readonly,readwrite"`
	CodeRepo    string   `json:"coderepo" apply:"codeRepo"`
}

// CodeRepoBindingBody is what is saved.
type CodeRepoBindingBody struct {
	Product     string   `json:"product" doc:"Product that may use the code repo."`
	Projects    []string `json:"projects" required:"false" doc:"Projects of that product. Empty: the whole product."`
	Permissions string   `json:"permissions" enum:"readonly,readwrite"`
	CodeRepo    string   `json:"coderepo"`
}

// Product is the item of a product. Name is the full path of its group.
type Product struct {
	Name   string    `json:"name"`
	Git    Git       `json:"git"`
	Status *Standing `json:"status,omitempty" apply:"status" doc:"What the management cluster says; only in the answer to GET of one product."`
}

// ProductBody is what is saved.
type ProductBody struct {
	Git *gitBody `json:"git" required:"false"`
}

// Cluster is the item of a Cluster: the facts with which a product chooses one.
type Cluster struct {
	Name        string `json:"name"`
	Usage       string `json:"usage"`
	ClusterType string `json:"cluster_type"`
	ClusterKind string `json:"cluster_kind"`
	WorkerType  string `json:"worker_type"`
	Ready       bool   `json:"ready" apply:"status"`
	Reason      string `json:"reason" apply:"status"`
}
