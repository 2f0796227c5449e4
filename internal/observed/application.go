package observed

import (
	"slices"
	"sort"
	"strings"

	argo "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	synccommon "github.com/argoproj/gitops-engine/pkg/sync/common"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
)

// Facts is what Argo CD reports about an Application, without timestamps. Equal facts mean the same.
type Facts struct {
	// Sync and Health are Argo CD's own words.
	Sync, Health, HealthMessage string
	// Revision is the commit that Argo CD compared. Deployed is the commit that the deployed objects are equal to, or
	// else the commit that was applied last.
	Revision, Deployed string
	// Compared says that Argo CD made the comparison with the current spec.
	Compared bool
	// Current says that Argo CD judged the health at or after the end of the last sync.
	Current bool
	// Stale says that what was Applied differs, but may have been compared before: Argo CD's times are whole seconds.
	Stale bool
	// Running says that an operation runs or is about to run.
	Running bool
	// Syncing is the commit that the running operation applies.
	Syncing string
	// Outdated says that the running operation only waits, that a newer commit waits for its end, and that ending it
	// stops nothing.
	Outdated bool
	// Failed says that the last sync of the compared revision failed. Failure says why and names the object.
	Failed  bool
	Failure string
	// Again says that objects that the compared revision holds differ from it although it was applied before.
	Again bool
	// Applied says that the last operation succeeded and was of the compared revision. Own says that any operation ever
	// succeeded.
	Applied, Own bool
	// Sight is what Argo CD reports about the revision in the spec.
	Sight placement.Sight
	// Errors are Argo CD's error conditions, by type.
	Errors map[string]string
	// SourceType is the type as which Argo CD read the source, such as "Directory"; empty before the first comparison.
	SourceType string
	// Prunes is what Argo CD would remove.
	Prunes Prunes
	// Shared are the objects that Argo CD counts to another Application as well.
	Shared []Shared
	// Resources is the number of resources that Argo CD manages, as far as Strip kept them. Namespaces are those that
	// hold any.
	Resources  int
	Namespaces []string
	// Written names, for each namespace, the first object of the manifests that was certainly written there.
	Written map[string]string
	// Objects are those that are not as they should be, the gravest first, see InQuestion.
	Objects []api.ResourceStatus
	Images  []string
}

// The conditions of Argo CD that mean an error.
const (
	ErrorInvalidSpec = argo.ApplicationConditionInvalidSpecError
	ErrorComparison  = argo.ApplicationConditionComparisonError
	ErrorSync        = argo.ApplicationConditionSyncError
	ErrorDeletion    = argo.ApplicationConditionDeletionError
)

// Refusal is why Argo CD refuses the Application and does nothing with it; empty where it does not.
func (f Facts) Refusal() string { return f.Errors[ErrorInvalidSpec] }

// FactsOf reads an Application.
func FactsOf(app *argo.Application) Facts {
	s := app.Status
	f := Facts{
		Sync: string(s.Sync.Status), Health: string(s.Health.Status), HealthMessage: s.Health.Message,
		Revision: s.Sync.Revision, SourceType: string(s.SourceType),
		Compared:  comparedToSpec(app),
		Running:   running(app),
		Current:   s.ReconciledAt != nil,
		Resources: len(s.Resources),
		Images:    slices.Clone(s.Summary.Images),
		Errors:    errorsOf(s.Conditions),
		Prunes:    prunesOf(app),
		Shared:    sharedOf(s.Conditions),
		Own:       len(s.History) > 0,
	}
	f.Sight = sightOf(app, f)
	sort.Strings(f.Images)
	f.Namespaces = placesOf(s.Resources)
	f.Written = writtenOf(s.Resources)
	if op := s.OperationState; op != nil {
		if op.FinishedAt != nil && s.ReconciledAt != nil {
			f.Current = !s.ReconciledAt.Time.Before(op.FinishedAt.Time)
		}
		if op.SyncResult != nil && op.Phase == synccommon.OperationSucceeded {
			f.Deployed = op.SyncResult.Revision
			f.Applied, f.Own = f.Deployed == f.Revision, true
			f.Stale = f.Applied && f.Sync == string(argo.SyncStatusCodeOutOfSync) &&
				!op.FinishedAt.Before(s.ReconciledAt)
		}
		f.Failed, f.Failure = failure(app)
		f.Syncing, f.Outdated = syncing(app), outdated(app, f.Compared)
	}
	f.Again = comesBack(app, f)
	if f.Sync == string(argo.SyncStatusCodeSynced) {
		f.Deployed = f.Revision // even if the commit changed none of the objects, so that nothing was applied
	}
	f.Objects = objectsOf(app, f.Failed, f.Again)
	return f
}

// sightOf recognizes a missing revision by Argo CD's error message. Nothing else in an Application reports it.
func sightOf(app *argo.Application, f Facts) placement.Sight {
	if app.Spec.Source == nil {
		return placement.Sight{}
	}
	s := placement.Sight{Target: app.Spec.Source.TargetRevision}
	s.Absent = strings.Contains(f.Errors[ErrorComparison], "unable to resolve '"+s.Target+"' to a commit SHA")
	if f.Compared && !s.Absent &&
		(f.Sync == string(argo.SyncStatusCodeSynced) || f.Sync == string(argo.SyncStatusCodeOutOfSync)) {
		s.Commit = f.Revision
	}
	return s
}

func comparedToSpec(app *argo.Application) bool {
	to := app.Status.Sync.ComparedTo
	return app.Status.Sync.Status != "" && app.Spec.Source != nil &&
		same(withoutEmptyDirectory(to.Source), withoutEmptyDirectory(*app.Spec.Source)) &&
		to.Destination.Name == app.Spec.Destination.Name &&
		to.Destination.Namespace == app.Spec.Destination.Namespace &&
		same(to.IgnoreDifferences, app.Spec.IgnoreDifferences)
}

// withoutEmptyDirectory removes the empty directory that Argo CD adds when it writes a source.
func withoutEmptyDirectory(s argo.ApplicationSource) argo.ApplicationSource {
	if s.Directory != nil && s.Directory.IsZero() {
		s.Directory = nil
	}
	return s
}

func objectName(kind, namespace, name string) string {
	if namespace == "" {
		return kind + " " + name
	}
	return kind + " " + namespace + "/" + name
}

// placesOf returns the namespaces that hold resources.
func placesOf(resources []argo.ResourceStatus) []string {
	var namespaces []string
	for _, r := range resources {
		if r.Namespace != "" && !slices.Contains(namespaces, r.Namespace) {
			namespaces = append(namespaces, r.Namespace)
		}
	}
	sort.Strings(namespaces)
	return namespaces
}

// writtenOf returns, for each namespace, the first object that was written there. It leaves out objects that are
// missing, differ from the repository, or only wait to be pruned.
func writtenOf(resources []argo.ResourceStatus) map[string]string {
	written := map[string]string{}
	for _, r := range resources {
		if !isWritten(r) {
			continue
		}
		name := objectName(r.Kind, r.Namespace, r.Name)
		if first, found := written[r.Namespace]; !found || name < first {
			written[r.Namespace] = name
		}
	}
	return written
}

func isWritten(r argo.ResourceStatus) bool {
	return r.Namespace != "" && r.Status == argo.SyncStatusCodeSynced && !r.RequiresPruning
}

func errorsOf(conditions []argo.ApplicationCondition) map[string]string {
	out := map[string]string{}
	for _, c := range conditions {
		if c.IsError() {
			out[c.Type] = oneLine(c.Message)
		}
	}
	return out
}

// oneLine replaces white space by single spaces: messages of Argo CD can have several lines.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// OperationFinishedAt returns when the last operation ended, or the zero time.
func OperationFinishedAt(app *argo.Application) metav1.Time {
	if op := app.Status.OperationState; op != nil && op.FinishedAt != nil {
		return *op.FinishedAt
	}
	return metav1.Time{}
}
