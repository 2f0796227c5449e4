package observed

import (
	"fmt"

	argo "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	synccommon "github.com/argoproj/gitops-engine/pkg/sync/common"
)

// maxUnhealthy is how many unhealthy resources of an Application are kept for messages.
const maxUnhealthy = 10

// MaxPrunes is how many of an Application's resources that are to be removed are kept. When these are removed, the next
// ones are kept.
const MaxPrunes = 200

// Strip is a cache transform. It drops what nobody reads, so that an Application with thousands of resources takes
// little memory. Of the resources it keeps: one per namespace, the first one written in each namespace, the first few
// that are not healthy, those that are to be removed, and one of the others that differs from the repository.
func Strip(obj any) (any, error) {
	app, ok := obj.(*argo.Application)
	if !ok {
		return nil, fmt.Errorf("stripping an Application: got %T", obj)
	}
	app.ManagedFields = nil
	app.Status.ObservedAt = nil
	app.Status.Resources = someOf(app.Status.Resources)
	if op := app.Status.OperationState; op != nil {
		op.Operation.Info = nil
		if op.SyncResult != nil {
			op.SyncResult.ManagedNamespaceMetadata = nil
			op.SyncResult.Resources = tellingOf(op.SyncResult.Resources)
		}
	}
	return app, nil
}

func someOf(resources []argo.ResourceStatus) []argo.ResourceStatus {
	type like struct {
		namespace       string
		goes, outOfSync bool
	}
	seen, written := map[like]bool{}, writtenOf(resources)
	var kept []argo.ResourceStatus
	bad, going := 0, 0
	for _, r := range resources {
		l := like{r.Namespace, r.RequiresPruning, r.Status == argo.SyncStatusCodeOutOfSync}
		first := !seen[l]
		seen[l] = true
		unhealthy := isUnhealthy(r) && bad < maxUnhealthy
		if unhealthy {
			bad++
		}
		goes := r.RequiresPruning && going < MaxPrunes
		if goes {
			going++
		}
		if first || unhealthy || goes || isWritten(r) &&
			written[r.Namespace] == objectName(r.Kind, r.Namespace, r.Name) {
			kept = append(kept, r)
		}
	}
	return kept
}

// tellingOf returns the results about a failure, or about an object that a removal did not remove.
func tellingOf(results argo.ResourceResults) argo.ResourceResults {
	var kept argo.ResourceResults
	failed, skipped := 0, 0
	for _, r := range results {
		switch {
		case (r.Status == synccommon.ResultCodeSyncFailed || r.HookPhase == synccommon.OperationFailed ||
			r.HookPhase == synccommon.OperationError) && failed < maxUnhealthy:
			failed++
		case r.Status == synccommon.ResultCodePruneSkipped && skipped < MaxPrunes:
			skipped++
		default:
			continue
		}
		kept = append(kept, r)
	}
	return kept
}

// SaysTheSame says whether the difference between two states of an Application does not matter to us. Argo CD writes
// timestamps at every refresh.
func SaysTheSame(a, b *argo.Application) bool {
	return SameSpec(a.Spec, b.Spec) &&
		same(a.Labels, b.Labels) &&
		same(ours(a.Annotations), ours(b.Annotations)) &&
		same(a.Finalizers, b.Finalizers) &&
		a.DeletionTimestamp.Equal(b.DeletionTimestamp) &&
		same(FactsOf(a), FactsOf(b))
}

// ours leaves out the annotations that request a refresh: Argo CD removes them itself.
func ours(annotations map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range annotations {
		if k != argo.AnnotationKeyRefresh && k != argo.AnnotationKeyHydrate {
			out[k] = v
		}
	}
	return out
}
