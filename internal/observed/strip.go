package observed

import (
	"fmt"

	argo "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
)

// maxUnhealthy is how many unhealthy resources of an Application are kept for messages.
const maxUnhealthy = 10

// Strip is a cache transform: it drops what nobody reads, so that an Application of thousands of resources costs no memory. Of the
// resources it keeps one per namespace, the first of those that were written there, and the first few that are not healthy.
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
			op.SyncResult.Resources = failedOf(op.SyncResult.Resources)
		}
	}
	return app, nil
}

func someOf(resources []argo.ResourceStatus) []argo.ResourceStatus {
	seen, written := map[string]bool{}, writtenOf(resources)
	var kept []argo.ResourceStatus
	bad := 0
	for _, r := range resources {
		first := !seen[r.Namespace]
		seen[r.Namespace] = true
		unhealthy := isUnhealthy(r) && bad < maxUnhealthy
		if unhealthy {
			bad++
		}
		if first || unhealthy || isWritten(r) && written[r.Namespace] == objectName(r.Kind, r.Namespace, r.Name) {
			kept = append(kept, r)
		}
	}
	return kept
}

func failedOf(results argo.ResourceResults) argo.ResourceResults {
	var kept argo.ResourceResults
	for _, r := range results {
		if string(r.Status) != "SyncFailed" && string(r.HookPhase) != "Failed" && string(r.HookPhase) != "Error" {
			continue
		}
		if len(kept) < maxUnhealthy {
			kept = append(kept, r)
		}
	}
	return kept
}

// SaysTheSame says whether two states of an Application make no difference to us. Argo CD writes timestamps at every refresh.
func SaysTheSame(a, b *argo.Application) bool {
	return SameSpec(a.Spec, b.Spec) &&
		same(a.Labels, b.Labels) &&
		same(ours(a.Annotations), ours(b.Annotations)) &&
		same(a.Finalizers, b.Finalizers) &&
		a.DeletionTimestamp.Equal(b.DeletionTimestamp) &&
		same(FactsOf(a), FactsOf(b))
}

// ours leaves out the annotations by which a refresh is asked for: Argo CD removes them by itself.
func ours(annotations map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range annotations {
		if k != argo.AnnotationKeyRefresh && k != argo.AnnotationKeyHydrate {
			out[k] = v
		}
	}
	return out
}
