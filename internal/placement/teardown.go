package placement

import (
	"encoding/json"
	"fmt"
	"time"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

// Hold says why a removal does not go on by itself. A hold stays until a person approves the removal or the runtime
// comes back.
type Hold string

// The holds.
const (
	HoldNone             Hold = ""
	HoldProtected        Hold = "Protected"
	HoldTooManyAtOnce    Hold = "TooManyAtOnce"
	HoldTooManyTogether  Hold = "TooManyTogether"
	HoldNamespaceDeleted Hold = "NamespaceDeleted"
	HoldKindDeleted      Hold = "KindDeleted"
	HoldProductDeleted   Hold = "ProductDeleted"
)

// Because says in words why the removal is held.
func (h Hold) Because() string {
	switch h {
	case HoldProtected:
		return "the runtime is protected"
	case HoldTooManyAtOnce:
		return "many runtimes of the product were deleted at once"
	case HoldTooManyTogether:
		return "many runtimes were deleted at once"
	case HoldNamespaceDeleted:
		return "the namespace of the product was deleted"
	case HoldKindDeleted:
		return "the CustomResourceDefinition was deleted"
	case HoldProductDeleted:
		return "the Product is being deleted"
	case HoldNone:
		return "nothing holds it"
	}
	return string(h)
}

// Teardown is the intent to remove a runtime, as it is stored in AnnotationTeardown.
type Teardown struct {
	// RuntimeUID is the UID of the runtime that was deleted.
	RuntimeUID string             `json:"runtimeUID"`
	Policy     api.DeletionPolicy `json:"policy"`
	// RequestedAt is when the intent was written. The grace period starts there.
	RequestedAt time.Time `json:"requestedAt"`
	Hold        Hold      `json:"hold,omitempty"`
	// Because tells more about the hold, such as how many removals there were.
	Because string `json:"because,omitempty"`
}

// Why says in words why the removal is held.
func (t Teardown) Why() string { return t.Hold.why(t.Because) }

func (h Hold) why(because string) string {
	if because == "" {
		return h.Because()
	}
	return h.Because() + ": " + because
}

// ApprovedBy says whether the value of AnnotationApproveTeardown approves this removal.
func (t Teardown) ApprovedBy(value string) bool { return value == t.RuntimeUID }

// Encode returns the intent as it is stored.
func (t Teardown) Encode() string {
	b, err := json.Marshal(t)
	if err != nil { // strings and a time always marshal
		panic(fmt.Sprintf("encoding a teardown: %v", err))
	}
	return string(b)
}

// DecodeTeardown reads an intent.
func DecodeTeardown(s string) (Teardown, error) {
	var t Teardown
	if err := json.Unmarshal([]byte(s), &t); err != nil {
		return Teardown{}, fmt.Errorf("decoding the teardown request: %w", err)
	}
	if t.RuntimeUID == "" || t.RequestedAt.IsZero() {
		return Teardown{}, fmt.Errorf("decoding the teardown request: runtimeUID or requestedAt is missing")
	}
	return t, nil
}
