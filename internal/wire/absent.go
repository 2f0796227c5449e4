package wire

import (
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

// additive are the members of spec, in the CRD form, that a client which only knows the guide does not send.
func additive(kind string) []string {
	switch kind {
	case "DeploymentRuntime":
		return []string{"deletionPolicy", "namespaces", "suspend"}
	case "CodeRepo":
		return []string{"credentialsSecretRef"}
	}
	return nil
}

// Absent returns the additive members of spec that a document in the CRD form does not hold. One that is null is held: it asks for the default.
func Absent(raw []byte) []string {
	o, err := parseObject(raw)
	if err != nil {
		return nil // ParseObject says what is wrong
	}
	kind, _ := o.member("kind")
	name, _ := kind.(string)
	if name == "DeploymentRuntime" {
		modernize(o)
	}
	v, _ := o.member("spec")
	spec, isObject := v.(*object)
	return slices.DeleteFunc(additive(name), func(member string) bool {
		if !isObject {
			return false
		}
		_, held := spec.member(member)
		return held
	})
}

// Keep gives obj what stored holds in members that are absent, as Absent returns them, and says what it kept: "suspend true".
func Keep(obj, stored client.Object, absent []string) (kept []string) {
	is := func(member string) bool { return slices.Contains(absent, member) }
	switch o := obj.(type) {
	case *api.DeploymentRuntime:
		s, known := stored.(*api.DeploymentRuntime)
		if !known {
			return nil
		}
		if is("deletionPolicy") && s.Spec.DeletionPolicy != "" {
			o.Spec.DeletionPolicy = s.Spec.DeletionPolicy
			if o.Spec.DeletionPolicy != api.DeletionPolicyDelete {
				kept = append(kept, "deletionPolicy "+string(o.Spec.DeletionPolicy))
			}
		}
		if is("namespaces") && len(s.Spec.Namespaces) > 0 {
			o.Spec.Namespaces = slices.Clone(s.Spec.Namespaces)
			kept = append(kept, "namespaces "+strings.Join(o.Spec.Namespaces, ","))
		}
		if is("suspend") && s.Spec.Suspend {
			o.Spec.Suspend = true
			kept = append(kept, "suspend true")
		}
	case *api.CodeRepo:
		s, known := stored.(*api.CodeRepo)
		if known && is("credentialsSecretRef") && s.Spec.CredentialsSecretRef != nil {
			o.Spec.CredentialsSecretRef = s.Spec.CredentialsSecretRef.DeepCopy()
			kept = append(kept, fmt.Sprintf("credentialsSecretRef %s", o.Spec.CredentialsSecretRef.Name))
		}
	}
	return kept
}
