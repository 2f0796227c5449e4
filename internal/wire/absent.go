package wire

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/kinds"
)

// additive returns the optional members of spec, in the CRD form, that a client of the guide does not know and so does
// not send. The values are what an empty member means.
func additive(kind string) map[string]string {
	members := map[string]string{}
	res, _ := ResourceOf(kind)
	if res.keeps != "" {
		members[res.keeps] = ""
	}
	if res.Body != nil {
		for f := range res.Body.Fields() {
			if keeps(f) {
				members[camel(memberName(f))] = f.Tag.Get("empty")
			}
		}
	}
	return members
}

// Absent returns the additive members of spec that a document in the CRD form lacks. A member with null is not absent:
// it asks for the default.
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
	return slices.DeleteFunc(slices.Sorted(maps.Keys(additive(name))), func(member string) bool {
		if !isObject {
			return false
		}
		_, held := spec.member(member)
		return held
	})
}

// Keep sets the absent members of obj, as Absent returns them, to their values in stored. kept describes them, such as
// "suspend true".
func Keep(obj, stored client.Object, absent []string) (kept []string) {
	kind := kinds.NameOf(obj)
	if stored == nil || kinds.NameOf(stored) != kind {
		return nil
	}
	defaults := additive(kind)
	copied, _ := stored.DeepCopyObject().(client.Object)
	for _, member := range absent {
		name := strings.ToUpper(member[:1]) + member[1:]
		value := kinds.SpecOf(copied).FieldByName(name)
		if !value.IsValid() || value.IsZero() {
			continue
		}
		kinds.SpecOf(obj).FieldByName(name).Set(value)
		if told := tell(value); told != defaults[member] {
			kept = append(kept, member+" "+told)
		}
	}
	return kept
}

// tell formats a value of a spec for people.
func tell(v reflect.Value) string {
	switch v := v.Interface().(type) {
	case []string:
		return strings.Join(v, ",")
	case *api.SecretRef:
		return v.Name
	}
	return fmt.Sprint(v.Interface())
}
