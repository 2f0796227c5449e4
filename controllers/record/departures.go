package record

import (
	"fmt"
	"slices"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/desired"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
)

// HeldDepartures says which namespaces the runtime gave up that stay until a person approves that they go.
func (r *Record) HeldDepartures() []string {
	var out []string
	for _, d := range r.Placement.Departures {
		if d.Hold == placement.HoldNone || r.Approves(d.Namespace) || !r.holdsDeparture(d.Namespace) {
			continue
		}
		place := Place(desired.Destination{Cluster: r.Placement.Destination.Cluster, Namespace: d.Namespace})
		out = append(out, fmt.Sprintf("%s, which runtime %s does not name any more (%s): name it again "+
			"in spec.namespaces, or approve that it is deleted: %s",
			place, r.Placement.Runtime.Name, d.Why(), r.Approval(d.Namespace, r.Placement.Runtime.UID)))
	}
	return out
}

// TornDown says whether Argo CD has removed what the Application deployed: the removal was asked for and only our
// finalizer is left.
func (r *Record) TornDown() bool {
	return r.Teardown != nil && !r.App.DeletionTimestamp.IsZero() &&
		slices.Equal(r.App.Finalizers, []string{api.Finalizer})
}

// GivesUp returns the namespaces that the record does not need any more: all of a runtime that was torn down, and of a
// living one those that it left and whose departure is cleared. A departure that is held stays so when the runtime
// goes: the approval of its removal was not for that.
func (r *Record) GivesUp() []string {
	var out []string
	for _, ns := range r.Placement.Leaving {
		if !r.holdsDeparture(ns) {
			out = append(out, ns)
		}
	}
	if r.TornDown() {
		out = append(out, r.Placement.Namespaces...)
	}
	return out
}

// Holds returns the namespaces that the record still needs.
func (r *Record) Holds() []string {
	given := r.GivesUp()
	return slices.DeleteFunc(slices.Concat(r.Placement.Namespaces, r.Placement.Leaving),
		func(ns string) bool { return slices.Contains(given, ns) })
}

// holdsDeparture says whether a namespace that the runtime left may not be deleted yet.
func (r *Record) holdsDeparture(namespace string) bool {
	d := r.Placement.Departure(namespace)
	switch {
	case r.Placement.DeletionPolicy == api.DeletionPolicyOrphan: // it is going to be kept
		return false
	case d != nil && d.Cleared:
		return false
	case r.TornDown():
		return d != nil && d.Hold != placement.HoldNone && !r.Approves(namespace)
	}
	return true
}

// Place names a namespace on a cluster in a message.
func Place(d desired.Destination) string {
	return fmt.Sprintf("namespace %s on cluster %s", d.Namespace, d.Cluster)
}

// Approval returns the command by which a person lets a namespace go.
func (r *Record) Approval(namespace, token string) string {
	return fmt.Sprintf("kubectl -n %s annotate --overwrite application %s %s=%s", r.App.Namespace, r.App.Name,
		api.AnnotationApproveNamespace+namespace, token)
}
