// Package placement says where a runtime is deployed. It holds the type that the operator resolves, deploys, and
// records in the annotation of the Application. It also decides what happens when a runtime meets an earlier record.
//
// The record is the memory of the system: everything that exists on a runtime cluster is named by a record that was
// written before. Everything here is pure.
package placement

import (
	"encoding/json"
	"fmt"
	"slices"
	"sort"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

// RuntimeRef identifies one life of a DeploymentRuntime.
type RuntimeRef struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	UID       string `json:"uid"`
}

// Destination is what cannot change during the life of a runtime.
type Destination struct {
	Environment string `json:"environment"`
	Cluster     string `json:"cluster"`
}

// Placement is where a runtime is deployed to, and what is deployed there.
type Placement struct {
	Runtime     RuntimeRef  `json:"runtime"`
	Product     string      `json:"product"`
	Destination Destination `json:"destination"`
	// ClusterUID is the identity of the cluster when the record was written. Nothing is removed from a cluster with
	// another identity.
	ClusterUID string `json:"clusterUID"`
	// Namespaces on the cluster. Manifests without a namespace go to the first one. While the namespaces change, the
	// record holds the old ones after the new ones.
	Namespaces []string `json:"namespaces"`
	// Leaving are namespaces that hold nothing of the runtime any more. They are deleted unless another runtime uses
	// them.
	Leaving []string `json:"leaving,omitempty"`
	// Departures say how far the deletion of each namespace in Leaving is.
	Departures []Departure `json:"departures,omitempty"`
	// CodeRepo and RepoProduct say which CodeRepo of which product the manifests come from.
	CodeRepo    string `json:"codeRepo"`
	RepoProduct string `json:"repoProduct"`
	RepoURL     string `json:"repoURL"`
	// Revision is the revision as the user wrote it. Where that is a short name, Ref is the full name that Argo CD is
	// asked for instead. RefFound says that the repository has Ref; it then does not change any more, see Follow.
	Revision string `json:"targetRevision"`
	Ref      string `json:"ref,omitempty"`
	RefFound bool   `json:"refFound,omitempty"`
	Path     string `json:"path"`
	// Halted is the reason why nothing new may be deployed, such as a permission that was taken away. It is empty when
	// there is no such reason. While it is set, the deployed objects keep running, but nobody syncs the runtime, and
	// the record does not keep what other products lent.
	Halted string `json:"halted,omitempty"`
	// Server is the cluster's URL, for people. Argo CD finds the cluster by its name.
	Server string `json:"server,omitempty"`

	Switches `json:",inline"`

	// Instance is the UID of the management cluster's kube-system namespace.
	Instance string `json:"instance"`
}

// HaltedMoving is the value of Halted while a runtime moves to another repository and Argo CD still has the previous
// one. The rules do not judge the previous repository any more.
const HaltedMoving = "Moving"

// Switches are the fields that take effect even while the rules refuse the runtime.
type Switches struct {
	DeletionPolicy api.DeletionPolicy `json:"deletionPolicy"`
	Suspend        bool               `json:"suspend,omitempty"`
	Protect        bool               `json:"protect,omitempty"`
}

// SwitchesOf returns the switches of a runtime, with defaults applied.
func SwitchesOf(r *api.DeploymentRuntime) Switches {
	policy := r.Spec.DeletionPolicy
	if policy == "" {
		policy = api.DeletionPolicyDelete
	}
	return Switches{
		DeletionPolicy: policy,
		Suspend:        r.Spec.Suspend,
		Protect:        r.Annotations[api.AnnotationProtect] == "true",
	}
}

// Encode returns the record as it is stored in AnnotationPlacement. Equal placements give equal bytes.
func (p Placement) Encode() string {
	b, err := json.Marshal(p)
	if err != nil { // strings, bools and slices of strings always marshal
		panic(fmt.Sprintf("encoding a placement: %v", err))
	}
	return string(b)
}

// Decode reads a record. An error means that the annotation is damaged. Nothing may then be done to the objects that it
// recorded.
func Decode(s string) (Placement, error) {
	var p Placement
	if err := json.Unmarshal([]byte(s), &p); err != nil {
		return Placement{}, fmt.Errorf("decoding the placement record: %w", err)
	}
	if p.Runtime.Namespace == "" || p.Runtime.Name == "" || p.Destination.Cluster == "" || p.Product == "" {
		return Placement{}, fmt.Errorf("decoding the placement record: runtime, product or cluster is missing")
	}
	return p, nil
}

// Widen returns p with the old namespaces after its own. That is what the record holds while namespaces change.
func (p Placement) Widen(old []string) Placement {
	p.Namespaces = slices.Clone(p.Namespaces)
	for _, n := range old {
		if !slices.Contains(p.Namespaces, n) {
			p.Namespaces = append(p.Namespaces, n)
		}
	}
	return p
}

// SameRuntime says whether both have the same namespace and name. The UIDs may differ.
func (r RuntimeRef) SameRuntime(other RuntimeRef) bool {
	return r.Namespace == other.Namespace && r.Name == other.Name
}

// Holds says whether the record keeps the namespace from others: the runtime is in it, or is leaving it.
func (p Placement) Holds(namespace string) bool {
	return slices.Contains(p.Namespaces, namespace) || slices.Contains(p.Leaving, namespace)
}

// SortedNamespaces returns the namespaces in order.
func (p Placement) SortedNamespaces() []string {
	s := slices.Clone(p.Namespaces)
	sort.Strings(s)
	return s
}
