package wire

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
	Namespaces []string `json:"namespaces" nullable:"false" doc:"Namespaces on the runtime cluster; empty: one named like the runtime."`
	// DeletionPolicy is Delete or Orphan.
	DeletionPolicy string `json:"deletion_policy" enum:"Delete,Orphan" doc:"What happens to the workloads when the runtime is deleted."`
	Suspend        bool   `json:"suspend" doc:"Automated sync is off: what runs keeps running."`
	// Status is absent when the management cluster does not tell.
	Status *Status `json:"status,omitempty" doc:"What the management cluster says; absent when it cannot be read."`
}

// ManifestSource says where manifests lie. CodeRepo is a human name.
type ManifestSource struct {
	CodeRepo       string `json:"code_repo" doc:"Path of the repository in the product's group, or group/path of one that is bound to the product." example:"api-server"`
	TargetRevision string `json:"target_revision" doc:"HEAD, refs/heads/<branch>, refs/tags/<tag>, a whole commit id, or a short name (branch, or else tag)." example:"HEAD"`
	Path           string `json:"path" doc:"Directory with the manifests." example:"manifests/development"`
}

// Status is what the operator says of a runtime.
type Status struct {
	Ready    bool   `json:"ready"`
	Reason   string `json:"reason"`
	Message  string `json:"message"`
	Cluster  string `json:"cluster"`
	Sync     string `json:"sync"`
	Health   string `json:"health"`
	Revision string `json:"revision"`
}

// Environment is the item of an Environment.
type Environment struct {
	Product string `json:"product"`
	Name    string `json:"name"`
	Cluster string `json:"cluster"`
	EnvType string `json:"env_type"`
}

// Project is the item of a Project.
type Project struct {
	Product  string `json:"product"`
	Name     string `json:"name"`
	Language string `json:"language"`
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

// Webhook says which events are of interest, in GitLab's words.
type Webhook struct {
	Events []string `json:"events" nullable:"false"`
}

// Git holds what the git host keeps: of a repository, or of a product's group.
type Git struct {
	GitLab GitLab `json:"gitlab"`
}

// GitLab is what GitLab keeps of a project or a group. What could not be read is empty.
type GitLab struct {
	Name        string `json:"name"`
	Path        string `json:"path"`
	Visibility  string `json:"visibility"`
	Description string `json:"description"`
	// ParentID of a group; absent at the top, and for projects.
	ParentID int64 `json:"parent_id,omitempty"`
	// The clone URLs of a project; absent for groups.
	SSHURLToRepo  string `json:"ssh_url_to_repo,omitempty"`
	HTTPURLToRepo string `json:"http_url_to_repo,omitempty"`
}

// CodeRepoBinding is the item of a CodeRepoBinding. Product is who may use the code repo; the binding lies in the product that owns it.
type CodeRepoBinding struct {
	Product     string   `json:"product" doc:"Product that may use the code repo."`
	Name        string   `json:"name"`
	Projects    []string `json:"projects" nullable:"false" doc:"Projects of that product; empty: the whole product."`
	Permissions string   `json:"permissions" enum:"readonly,readwrite"`
	CodeRepo    string   `json:"coderepo"`
}

// Product is the item of a product. Name is the full path of its group.
type Product struct {
	Name string `json:"name"`
	Git  Git    `json:"git"`
}

// Cluster is the item of a Cluster: what a product needs to know to choose one.
type Cluster struct {
	Name        string `json:"name"`
	Usage       string `json:"usage"`
	ClusterType string `json:"cluster_type"`
	ClusterKind string `json:"cluster_kind"`
	WorkerType  string `json:"worker_type"`
	Ready       bool   `json:"ready"`
	Reason      string `json:"reason"`
}

// Saved is the answer to a save.
type Saved struct {
	Message  string   `json:"message"`
	Commit   string   `json:"commit"`
	Changed  bool     `json:"changed"`
	Warnings []string `json:"warnings" nullable:"false"`
}

// Deleted is the answer to a deletion.
type Deleted struct {
	Message  string   `json:"message"`
	Commit   string   `json:"commit"`
	Warnings []string `json:"warnings" nullable:"false"`
}

// List is the answer to a list. T is an item.
type List[T any] struct {
	Items    []T      `json:"items" nullable:"false"`
	Warnings []string `json:"warnings" nullable:"false"`
	// NextPageToken is absent on the last page.
	NextPageToken string `json:"next_page_token,omitempty"`
}

// The verdicts of a dry run.
const (
	VerdictSave      = "save"
	VerdictUnchanged = "unchanged"
	VerdictRefused   = "refused"
)

// DryRun is the answer to dry_run=true. Plan is a Plan, or null where nothing would be deployed; for a batch it is a list.
type DryRun struct {
	Verdict    string      `json:"verdict" enum:"save,unchanged,refused"`
	Base       string      `json:"base" doc:"Commit that was judged; empty for a repository without commits."`
	Diff       string      `json:"diff" doc:"Unified diff of the files."`
	Violations []Violation `json:"violations" nullable:"false"`
	Warnings   []string    `json:"warnings" nullable:"false"`
	Plan       any         `json:"plan"`
}

// Violation is one violated rule.
type Violation struct {
	// Rule is a stable CamelCase word, as in conditions.
	Rule string `json:"rule"`
	// Field is the member that is wrong, in the words of the form that was sent; empty when it is no single one.
	Field   string `json:"field"`
	Message string `json:"message"`
	// Params say which object it is about (kind, name) and name what else a program may want to know, such as referrers.
	Params map[string]string `json:"params"`
}

// Plan says where a runtime would go.
type Plan struct {
	// Name of the runtime.
	Name       string   `json:"name"`
	Cluster    string   `json:"cluster"`
	Server     string   `json:"server"`
	Namespaces []string `json:"namespaces" nullable:"false"`
	Source     Source   `json:"source"`
}

// Source is where a runtime is deployed from.
type Source struct {
	URL            string `json:"url"`
	TargetRevision string `json:"target_revision"`
	Path           string `json:"path"`
}

// Problem is the body of an error answer: application/problem+json.
type Problem struct {
	Type       string      `json:"type"`
	Title      string      `json:"title"`
	Status     int         `json:"status"`
	Detail     string      `json:"detail"`
	Instance   string      `json:"instance,omitempty"`
	Reason     string      `json:"reason"`
	RequestID  string      `json:"request_id"`
	Violations []Violation `json:"violations,omitempty"`
}
