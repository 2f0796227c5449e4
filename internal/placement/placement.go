// Package placement says where a runtime lives: the type that the operator resolves, deploys, and records in the
// annotation of the Application, and the rules of what happens when a runtime meets an earlier record.
//
// The record is the memory of the system. Whatever exists on a runtime cluster is named by a record that was written before.
// Everything here is pure.
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

// Placement is the complete answer to "where does this runtime live, and from what".
type Placement struct {
	Runtime     RuntimeRef  `json:"runtime"`
	Product     string      `json:"product"`
	Destination Destination `json:"destination"`
	// ClusterUID is the identity of the cluster at the time of the record. Nothing is torn down on another one.
	ClusterUID string `json:"clusterUID"`
	// Namespaces on the cluster: the first one is where manifests without a namespace go. While a change of namespaces is under
	// way the record holds the old ones behind the new ones.
	Namespaces []string `json:"namespaces"`
	// Leaving are namespaces that hold nothing of the runtime any more and are to be deleted, unless another runtime uses them.
	Leaving []string `json:"leaving,omitempty"`
	// Departures say how far the deletion of each namespace in Leaving is.
	Departures []Departure `json:"departures,omitempty"`
	// CodeRepo and RepoProduct say which CodeRepo of which product the manifests come from.
	CodeRepo    string `json:"codeRepo"`
	RepoProduct string `json:"repoProduct"`
	RepoURL     string `json:"repoURL"`
	// Revision is the user's word. Ref is the full name that Argo CD is asked for instead, where the word is a short name; RefFound says that it
	// was found, so that it stays: see Follow.
	Revision string `json:"targetRevision"`
	Ref      string `json:"ref,omitempty"`
	RefFound bool   `json:"refFound,omitempty"`
	Path     string `json:"path"`
	// Halted is the reason for which nothing new may be deployed, such as a permission that was taken away; empty while it may. What runs
	// keeps running, but nobody syncs it, and it does not keep what other products lent.
	Halted string `json:"halted,omitempty"`
	// Server is the cluster's URL, for people. Argo CD is given the name.
	Server string `json:"server,omitempty"`

	Switches `json:",inline"`

	// Instance is the UID of the management cluster's kube-system namespace.
	Instance string `json:"instance"`
}

// HaltedMoving is Halted while a runtime moves to another repository and Argo CD still has the one before: nobody judges that one any more.
const HaltedMoving = "Moving"

// Switches are the fields that a user may turn also while the rules refuse the runtime.
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

// Encode returns the record as stored in AnnotationPlacement. Equal placements give equal bytes.
func (p Placement) Encode() string {
	b, err := json.Marshal(p)
	if err != nil { // strings, bools and slices of strings always marshal
		panic(fmt.Sprintf("encoding a placement: %v", err))
	}
	return string(b)
}

// Decode reads a record. An error means that the annotation was damaged: nothing may be done to what it stands for.
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

// Widen returns p with the namespaces of old behind its own: what the record says while namespaces change.
func (p Placement) Widen(old []string) Placement {
	p.Namespaces = slices.Clone(p.Namespaces)
	for _, n := range old {
		if !slices.Contains(p.Namespaces, n) {
			p.Namespaces = append(p.Namespaces, n)
		}
	}
	return p
}

// SameRuntime says whether both speak of the same namespace and name, in whatever life.
func (r RuntimeRef) SameRuntime(other RuntimeRef) bool {
	return r.Namespace == other.Namespace && r.Name == other.Name
}

// SortedNamespaces returns the namespaces in order.
func (p Placement) SortedNamespaces() []string {
	s := slices.Clone(p.Namespaces)
	sort.Strings(s)
	return s
}
