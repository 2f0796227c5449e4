package observed

import (
	"regexp"
	"slices"
	"strings"

	argo "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	synccommon "github.com/argoproj/gitops-engine/pkg/sync/common"

	"github.com/nautes-labs/deployment-runtime/internal/placement"
)

// Prunes is what Argo CD would remove, if it were permitted to, because the compared revision does not hold it.
type Prunes struct {
	// Objects are sorted. There are at most as many as Strip keeps.
	Objects []placement.Object
	// All says that there are no other objects: the path in the repository is empty.
	All bool
	// OthersDiffer says that other objects differ from the repository too.
	OthersDiffer bool
	// Tried says that the last operation removes objects. Kept are the objects that it did not remove because their
	// annotations forbid it (Prune=false).
	Tried bool
	Kept  []placement.Object
	// Generated says that the manifests come from Kustomize or Helm.
	Generated bool
}

func prunesOf(app *argo.Application) Prunes {
	var p Prunes
	others := false
	for _, r := range app.Status.Resources {
		switch {
		case r.RequiresPruning && r.Status == argo.SyncStatusCodeOutOfSync:
			p.Objects = append(p.Objects,
				placement.Object{Group: r.Group, Kind: r.Kind, Namespace: r.Namespace, Name: r.Name})
		default:
			others = true
			p.OthersDiffer = p.OthersDiffer || r.Status == argo.SyncStatusCodeOutOfSync
		}
	}
	slices.SortFunc(p.Objects, placement.Object.Compare)
	p.All = len(p.Objects) > 0 && !others
	p.Generated = app.Status.SourceType != "" && app.Status.SourceType != argo.ApplicationSourceTypeDirectory
	if op := app.Status.OperationState; op != nil && op.Operation.Sync != nil && op.Operation.Sync.Prune &&
		op.Phase.Completed() {
		p.Tried, p.Kept = true, keptOf(op)
	}
	return p
}

// keptOf returns the objects that a removal did not remove because they are marked to be kept. Other results may be
// those of an earlier sync: Argo CD keeps them in a new one that waits.
func keptOf(op *argo.OperationState) []placement.Object {
	var kept []placement.Object
	for _, r := range resultsOf(op) {
		if r.Status == synccommon.ResultCodePruneSkipped && strings.Contains(r.Message, "no prune") {
			kept = append(kept, placement.Object{Group: r.Group, Kind: r.Kind, Namespace: r.Namespace, Name: r.Name})
		}
	}
	return kept
}

// Removable says whether objects can be removed now: Argo CD has applied the rest of the compared revision, as far as
// it can.
func (f Facts) Removable() bool {
	done := f.Applied || !f.Prunes.OthersDiffer
	return len(f.Prunes.Objects) > 0 && f.Sync == string(argo.SyncStatusCodeOutOfSync) && f.Compared && !f.Running &&
		done && (!f.Failed || f.Prunes.Tried)
}

// Shared is an object that Argo CD counts to two Applications.
type Shared struct {
	// Object is the kind and name of the object.
	Object string
	// Other is the name of the other Application; empty if Argo CD's message could not be parsed.
	Other string
}

// sharedSentence is Argo CD's message about an object of two Applications: the object, this Application, the other one.
var sharedSentence = regexp.MustCompile(`^([A-Za-z0-9]+/[^ /]+) is part of applications [^ ]+ and ([^ ]+)$`)

func sharedOf(conditions []argo.ApplicationCondition) []Shared {
	var out []Shared
	for _, c := range conditions {
		if c.Type != argo.ApplicationConditionSharedResourceWarning {
			continue
		}
		s := Shared{Object: "an object"}
		if found := sharedSentence.FindStringSubmatch(c.Message); found != nil {
			s.Object, s.Other = strings.Replace(found[1], "/", " ", 1), found[2]
		}
		out = append(out, s)
	}
	return out
}
