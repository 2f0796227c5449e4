package desired

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	argo "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	synccommon "github.com/argoproj/gitops-engine/pkg/sync/common"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
)

// Attempts counts the requests to Argo CD for one cause: a revision that does not sync, or an error condition.
type Attempts struct {
	Cause string
	Count int
	Last  time.Time
}

// AttemptsOf reads the count from an Application. For another cause the count starts anew.
func AttemptsOf(app *argo.Application, cause string) Attempts {
	none := Attempts{Cause: cause}
	parts := strings.Split(app.Annotations[api.AnnotationSyncAttempts], "|")
	if len(parts) != 3 || parts[0] != cause {
		return none
	}
	count, errCount := strconv.Atoi(parts[1])
	last, errLast := time.Parse(time.RFC3339, parts[2])
	if errCount != nil || errLast != nil {
		return none
	}
	return Attempts{Cause: cause, Count: count, Last: last}
}

// Backoff returns how long to wait before the next attempt: it doubles from first up to limit.
func (a Attempts) Backoff(first, limit time.Duration) time.Duration {
	d := first
	for range a.Count {
		if d *= 2; d >= limit {
			return limit
		}
	}
	return d
}

func (a Attempts) next(now time.Time) string {
	return fmt.Sprintf("%s|%d|%s", a.Cause, a.Count+1, now.UTC().Format(time.RFC3339))
}

// WithRefresh returns app with the request to Argo CD to compare it again.
func WithRefresh(app *argo.Application) *argo.Application {
	out := app.DeepCopy()
	metav1.SetMetaDataAnnotation(&out.ObjectMeta, argo.AnnotationKeyRefresh, string(argo.RefreshTypeNormal))
	return out
}

// AwaitsRefresh says whether Argo CD has yet to do what WithRefresh asks: it takes the request off once it has.
func AwaitsRefresh(app *argo.Application) bool {
	_, asked := app.Annotations[argo.AnnotationKeyRefresh]
	return asked
}

// WithRefreshFor does the same as WithRefresh and counts the attempt. A hard one also has the repo-server produce the
// manifests anew: it remembers for an hour that it could not.
func WithRefreshFor(app *argo.Application, a Attempts, now time.Time, hard bool) *argo.Application {
	out := WithAttempt(WithRefresh(app), a, now)
	if hard {
		out.Annotations[argo.AnnotationKeyRefresh] = string(argo.RefreshTypeHard)
	}
	return out
}

// WithAttempt returns app with another attempt counted.
func WithAttempt(app *argo.Application, a Attempts, now time.Time) *argo.Application {
	out := app.DeepCopy()
	metav1.SetMetaDataAnnotation(&out.ObjectMeta, api.AnnotationSyncAttempts, a.next(now))
	return out
}

// WithReminder returns app with a change that tells Argo CD nothing new and has it look at the Application again.
func WithReminder(app *argo.Application, now time.Time) *argo.Application {
	out := app.DeepCopy()
	if _, asked := app.Annotations[argo.AnnotationKeyRefresh]; !asked && app.DeletionTimestamp.IsZero() {
		out = WithRefresh(app)
	}
	metav1.SetMetaDataAnnotation(&out.ObjectMeta, api.AnnotationReminded, now.UTC().Format(time.RFC3339))
	return out
}

// WithMemory returns app with the memory of objects that are held, see prune.Memory. Without a memory the annotation is
// removed.
func WithMemory(app *argo.Application, memory string) *argo.Application {
	out := app.DeepCopy()
	if memory == "" {
		delete(out.Annotations, api.AnnotationHeldRemovals)
	} else {
		metav1.SetMetaDataAnnotation(&out.ObjectMeta, api.AnnotationHeldRemovals, memory)
	}
	return out
}

// WithSync returns app with the request to Argo CD to sync the revision that it compared last, and counts the attempt.
// Without changes the sync is the one that Argo CD does by itself.
func WithSync(app *argo.Application, a Attempts, now time.Time, changes ...SyncChange) *argo.Application {
	out := WithAttempt(app, a, now)
	policy := app.Spec.SyncPolicy
	sync := &argo.SyncOperation{
		// Sync the source that was compared, even if the spec has changed since.
		Source:      app.Spec.Source.DeepCopy(),
		Revision:    app.Status.Sync.Revision,
		Prune:       policy.Automated != nil && policy.Automated.Prune,
		SyncOptions: slices.Clone(policy.SyncOptions),
	}
	for _, change := range changes {
		change(sync)
	}
	out.Operation = &argo.Operation{Sync: sync, InitiatedBy: argo.OperationInitiator{Username: identity.Initiator},
		Retry: argo.RetryStrategy{}}
	return out
}

// SyncChange changes what a requested sync does.
type SyncChange func(*argo.SyncOperation)

// Removing makes a sync remove objects that the revision does not hold. With objects the sync does nothing but remove
// these.
func Removing(objects ...placement.Object) SyncChange {
	return func(sync *argo.SyncOperation) {
		sync.Prune = true
		for _, o := range objects {
			sync.Resources = append(sync.Resources,
				argo.SyncOperationResource{Group: o.Group, Kind: o.Kind, Namespace: o.Namespace, Name: o.Name})
		}
	}
}

// TakingOver makes a sync take over objects that Argo CD counts to another Application.
func TakingOver() SyncChange {
	return func(sync *argo.SyncOperation) {
		sync.SyncOptions = slices.DeleteFunc(sync.SyncOptions,
			func(option string) bool { return option == failOnShared })
	}
}

// RunningNoHooks makes a sync run no hooks.
func RunningNoHooks() SyncChange {
	return func(sync *argo.SyncOperation) {
		sync.SyncStrategy = &argo.SyncStrategy{Apply: &argo.SyncStrategyApply{}}
	}
}

// WithOperationEnded returns app with its operation stopped. An operation that hangs, for example in a hook, would
// block the deletion for ever. An operation that has not begun is removed. One that runs is asked to end: Argo CD ends
// it while it works on the operation, so the operation stays in the Application.
func WithOperationEnded(app *argo.Application) *argo.Application {
	out := app.DeepCopy()
	state := out.Status.OperationState
	if state == nil || state.Phase.Completed() {
		out.Operation = nil
		return out
	}
	if out.Operation == nil {
		out.Operation = state.Operation.DeepCopy()
	}
	state.Phase = synccommon.OperationTerminating
	return out
}

// WithRecord returns app with another record and no other change.
func WithRecord(app *argo.Application, record string) *argo.Application {
	out := app.DeepCopy()
	metav1.SetMetaDataAnnotation(&out.ObjectMeta, api.AnnotationPlacement, record)
	return out
}

// WithTarget returns app with another record, and with the revision that this record means as target.
func WithTarget(app *argo.Application, p placement.Placement) *argo.Application {
	out := WithRecord(app, p.Encode())
	out.Spec.Source.TargetRevision = p.Target()
	return out
}

// WithoutAutomation returns app with automated sync switched off.
func WithoutAutomation(app *argo.Application) *argo.Application {
	out := app.DeepCopy()
	if out.Spec.SyncPolicy != nil {
		out.Spec.SyncPolicy.Automated = nil
	}
	return out
}

// WithoutRemovals returns app with automatic removal switched off.
func WithoutRemovals(app *argo.Application) *argo.Application {
	out := app.DeepCopy()
	if out.Spec.SyncPolicy != nil && out.Spec.SyncPolicy.Automated != nil {
		out.Spec.SyncPolicy.Automated.Prune = false
	}
	return out
}
