package wire

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

// DryRun is the answer to dry_run=true. Plan is a Plan, or null where nothing would be deployed; for a batch it is a
// list.
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
	// Field is the wrong member, in the form that was sent; empty when it is not a single one.
	Field   string `json:"field"`
	Message string `json:"message"`
	// Params name the object (kind, name) and hold other facts for programs, such as referrers.
	Params map[string]string `json:"params"`
}

// Plan says where a runtime would be deployed.
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
	// Warnings name members and parameters that mean nothing: one of them may be the misspelt cause.
	Warnings []string `json:"warnings,omitempty" doc:"Members and parameters that mean nothing and were ignored: one of them may be the cause."`
}
