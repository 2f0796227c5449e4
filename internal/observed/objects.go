package observed

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	argo "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/argoproj/gitops-engine/pkg/health"
	synccommon "github.com/argoproj/gitops-engine/pkg/sync/common"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/text"
)

const (
	// MaxObjects is how many objects in question are kept.
	MaxObjects = 20
	// maxObjectMessage is how long the message about an object is at most.
	maxObjectMessage = 500
)

// The states of objects in question that are not Argo CD's words for health.
const (
	// StateFailed: the hook failed.
	StateFailed = "Failed"
	// StateSyncFailed: the object could not be applied or removed.
	StateSyncFailed = "SyncFailed"
	// StateNotRunning: pods of the object do not run, as the runtime cluster says.
	StateNotRunning = "NotRunning"
	// StateAwaited: the sync does not go on before this object is healthy, complete, gone or confirmed.
	StateAwaited = "Awaited"
	// StateHeld: the object runs on although the revision does not hold it.
	StateHeld = "Held"
	// StateOutOfSync: the object was applied and is not as the repository says again.
	StateOutOfSync = string(argo.SyncStatusCodeOutOfSync)
	// StateMissing is Argo CD's word for the health of an object that does not exist.
	StateMissing = string(health.HealthStatusMissing)
	// StateExcluded: the settings of Argo CD exclude the object, so it was not applied.
	StateExcluded = "Excluded"
	// StateRepeated: the manifests hold the object several times, and the last one was applied.
	StateRepeated = "Repeated"
)

// severity orders states: what is said of an object that has several, and which object is named first.
func severity(state string) int {
	order := []string{
		StateFailed, StateSyncFailed, StateNotRunning, string(health.HealthStatusDegraded), StateAwaited,
		StateHeld, StateMissing, StateOutOfSync, string(health.HealthStatusProgressing),
		string(health.HealthStatusSuspended), string(health.HealthStatusUnknown), StateExcluded, StateRepeated,
	}
	if i := slices.Index(order, state); i >= 0 {
		return i
	}
	return len(order)
}

// InQuestion returns the objects with each object once, in its gravest state, the gravest first, and at most as many as
// are shown.
func InQuestion(objects []api.ResourceStatus) []api.ResourceStatus {
	all := slices.Clone(objects)
	slices.SortStableFunc(all, func(a, b api.ResourceStatus) int {
		return cmp.Or(severity(a.State)-severity(b.State), cmp.Compare(NameOf(a), NameOf(b)),
			cmp.Compare(a.Group, b.Group), cmp.Compare(a.Message, b.Message))
	})
	var out []api.ResourceStatus
	for _, o := range all {
		same := slices.IndexFunc(out, func(other api.ResourceStatus) bool { return sameObject(o, other) })
		switch {
		case same < 0 && len(out) < MaxObjects:
			out = append(out, o)
		case same >= 0 && out[same].Message == "":
			out[same].Message = o.Message
		}
	}
	return out
}

// sameObject says whether two entries are about one object. An entry without a namespace may be about one that has it:
// Argo CD's messages do not always name the namespace.
func sameObject(a, b api.ResourceStatus) bool {
	return a.Group == b.Group && a.Kind == b.Kind && a.Name == b.Name &&
		(a.Namespace == b.Namespace || a.Namespace == "" || b.Namespace == "")
}

// NameOf names the object for people.
func NameOf(o api.ResourceStatus) string { return objectName(o.Kind, o.Namespace, o.Name) }

// Tell names the first of the objects of a runtime with its state and message, and says how many more there are, and
// where. So a text stays whole and useful, however many there are. It is empty when there is none.
func Tell(objects []api.ResourceStatus) string {
	if len(objects) == 0 {
		return ""
	}
	first := objects[0]
	told := NameOf(first) + " is " + first.State
	if first.Message != "" {
		told += ": " + first.Message
	}
	switch more := len(objects) - 1; {
	case len(objects) >= MaxObjects:
		told += fmt.Sprintf("; and at least %d more, see status.resources", more)
	case more > 0:
		told += fmt.Sprintf("; and %d more, see status.resources", more)
	}
	return told
}

// InState returns those of the objects that are in one of the states.
func InState(objects []api.ResourceStatus, states ...string) []api.ResourceStatus {
	var out []api.ResourceStatus
	for _, o := range objects {
		if slices.Contains(states, o.State) {
			out = append(out, o)
		}
	}
	return out
}

// objectsOf returns what Argo CD tells about objects that are not as they should be. Applied says that the compared
// revision was applied, so that a difference is not one that is about to go.
func objectsOf(app *argo.Application, failed, applied bool) []api.ResourceStatus {
	objects := slices.Concat(unhealthyOf(app.Status.Resources, applied), warnedOf(app.Status.Conditions))
	op := app.Status.OperationState
	switch {
	case op == nil:
	case failed:
		objects = append(objects, failedOf(op)...)
	case !op.Phase.Completed():
		objects = append(objects, awaitedOf(op)...)
	}
	return InQuestion(objects)
}

func unhealthyOf(resources []argo.ResourceStatus, applied bool) []api.ResourceStatus {
	var out []api.ResourceStatus
	for _, r := range resources {
		o := api.ResourceStatus{Group: r.Group, Kind: r.Kind, Namespace: r.Namespace, Name: r.Name}
		if isUnhealthy(r) {
			o.State, o.Message = string(r.Health.Status), shown(r.Health.Message)
			out = append(out, o)
		}
		if applied && r.Status == argo.SyncStatusCodeOutOfSync && !r.RequiresPruning {
			o.State = StateOutOfSync
			out = append(out, o)
		}
	}
	return out
}

func isUnhealthy(r argo.ResourceStatus) bool {
	return r.Health != nil && r.Health.Status != "" && r.Health.Status != health.HealthStatusHealthy
}

func failedOf(op *argo.OperationState) []api.ResourceStatus {
	var out []api.ResourceStatus
	for _, r := range resultsOf(op) {
		if isFailed(r) {
			state := StateSyncFailed
			if r.HookType != "" {
				state = StateFailed
			}
			out = append(out, api.ResourceStatus{Group: r.Group, Kind: r.Kind, Namespace: r.Namespace, Name: r.Name,
				State: state, Message: shown(r.Message)})
		}
	}
	return out
}

func isFailed(r *argo.ResourceResult) bool {
	return r.Status == synccommon.ResultCodeSyncFailed || r.HookPhase == synccommon.OperationFailed ||
		r.HookPhase == synccommon.OperationError
}

func resultsOf(op *argo.OperationState) argo.ResourceResults {
	if op.SyncResult == nil {
		return nil
	}
	return op.SyncResult.Resources
}

// waits are Argo CD's sentences about a sync that does not go on. The object is written as group/kind/name, or as
// group/version/kind/name where the sync waits for a person.
var waits = regexp.MustCompile(`^(?i:waiting for) ` +
	`(healthy state of|completion of hook|deletion of|pruning confirmation of) (\S*/)?(\w+)/(\S+?)(?: and (\d+) more.*)?$`)

// The waits for the health of an object, and for a person.
const healthy, confirmation = "healthy state of", "pruning confirmation of"

// AwaitsConfirmation says whether the running operation waits until a person confirms that objects go.
func (f Facts) AwaitsConfirmation() bool {
	return slices.ContainsFunc(f.Objects, func(o api.ResourceStatus) bool {
		return o.State == StateAwaited && o.Message == promptedBy
	})
}

// promptedBy is why an object waits for a person.
const promptedBy = "its sync-options hold Prune=confirm"

// awaitedOf returns the object that a running operation waits for.
func awaitedOf(op *argo.OperationState) []api.ResourceStatus {
	found := waits.FindStringSubmatch(oneLine(op.Message))
	if found == nil {
		return nil
	}
	o := api.ResourceStatus{Kind: found[3], Name: found[4], State: StateAwaited}
	group, version, versioned := strings.Cut(strings.TrimSuffix(found[2], "/"), "/")
	if found[1] == confirmation && !versioned { // apiVersion v1 has no group
		group, version = "", group
	}
	_, o.Group = version, group
	if found[1] == confirmation {
		o.Message = promptedBy
	}
	for _, r := range resultsOf(op) {
		if r.Group == o.Group && r.Kind == o.Kind && r.Name == o.Name {
			o.Namespace = r.Namespace
		}
	}
	return []api.ResourceStatus{o}
}

var (
	excludedSentence = regexp.MustCompile(`^Resource (\S*)/(\w+) (\S+) is excluded in the settings$`)
	repeatedSentence = regexp.MustCompile(`^Resource (\S*)/(\w+)/(\S*)/(\S+) appeared \d+ times among application resources\.$`)
)

// warnedOf returns the objects that Argo CD warns of. It calls the revision synced all the same.
func warnedOf(conditions []argo.ApplicationCondition) []api.ResourceStatus {
	var out []api.ResourceStatus
	for _, c := range conditions {
		switch c.Type {
		case argo.ApplicationConditionExcludedResourceWarning:
			if f := excludedSentence.FindStringSubmatch(c.Message); f != nil {
				out = append(out, api.ResourceStatus{Group: f[1], Kind: f[2], Name: f[3], State: StateExcluded,
					Message: "the settings of Argo CD exclude objects of this kind, so it was not applied"})
			}
		case argo.ApplicationConditionRepeatedResourceWarning:
			if f := repeatedSentence.FindStringSubmatch(c.Message); f != nil {
				out = append(out, api.ResourceStatus{Group: f[1], Kind: f[2], Namespace: f[3], Name: f[4],
					State:   StateRepeated,
					Message: "the manifests hold it more than once, and the last one was applied"})
			}
		}
	}
	return out
}

func shown(message string) string {
	return text.Cut(text.OneLine(oneLine(message)), maxObjectMessage, "...")
}
