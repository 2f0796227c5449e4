package observed

import (
	"fmt"

	argo "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	synccommon "github.com/argoproj/gitops-engine/pkg/sync/common"
)

// MaxPrunes is how many of an Application's resources that are to be removed are kept. When these are removed, the next
// ones are kept.
const MaxPrunes = 200

// Strip is a cache transform. It drops what nobody reads, so that an Application with thousands of resources takes
// little memory, and one of others next to none. Of the resources it keeps: one per namespace, the first one written in
// each namespace, the first few of each state that is told of, and those that are to be removed.
func Strip(obj any) (any, error) {
	app, ok := obj.(*argo.Application)
	if !ok {
		return nil, fmt.Errorf("stripping an Application: got %T", obj)
	}
	app.ManagedFields = nil
	if isForeign(app) {
		stripForeign(app)
		return app, nil
	}
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
	bad, going, asking := map[string]int{}, 0, 0
	for _, r := range resources {
		l := like{r.Namespace, r.RequiresPruning, r.Status == argo.SyncStatusCodeOutOfSync}
		first := !seen[l]
		seen[l] = true
		state := stateOf(r)
		unhealthy := state != "" && bad[state] < MaxObjects
		if unhealthy {
			bad[state]++
		}
		goes := r.RequiresPruning && going < MaxPrunes
		if goes {
			going++
		}
		asks := r.RequiresDeletionConfirmation && asking < MaxObjects
		if asks {
			asking++
		}
		if first || unhealthy || goes || asks || isWritten(r) &&
			written[r.Namespace] == objectName(r.Kind, r.Namespace, r.Name) {
			kept = append(kept, r)
		}
	}
	return kept
}

// stateOf returns what is to be told of a resource, or nothing.
func stateOf(r argo.ResourceStatus) string {
	switch {
	case isUnhealthy(r):
		return string(r.Health.Status)
	case r.Status == argo.SyncStatusCodeOutOfSync && !r.RequiresPruning:
		return StateOutOfSync
	}
	return ""
}

// tellingOf returns the results about a failure, about a hook that runs, or about an object that a removal did not
// remove.
func tellingOf(results argo.ResourceResults) argo.ResourceResults {
	var kept argo.ResourceResults
	failed, skipped, hooks := 0, 0, 0
	for _, r := range results {
		switch {
		case isFailed(r) && failed < MaxObjects:
			failed++
		case isRunning(r) && hooks < MaxObjects:
			hooks++
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
	factsA, factsB := FactsOf(a), FactsOf(b)
	return SameSpec(a.Spec, b.Spec) &&
		same(a.Labels, b.Labels) &&
		same(ours(a.Annotations, factsA), ours(b.Annotations, factsB)) &&
		same(a.Finalizers, b.Finalizers) &&
		a.DeletionTimestamp.Equal(b.DeletionTimestamp) &&
		same(factsA, factsB)
}

// ours leaves out the annotations that request a refresh: Argo CD removes them itself. Of an Application that Argo CD
// refuses it is news that it looked again.
func ours(annotations map[string]string, f Facts) map[string]string {
	out := map[string]string{}
	for k, v := range annotations {
		if k != argo.AnnotationKeyHydrate && (k != argo.AnnotationKeyRefresh || f.Refusal() != "") {
			out[k] = v
		}
	}
	return out
}
