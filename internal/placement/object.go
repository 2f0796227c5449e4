package placement

import (
	"cmp"
	"strings"
)

// Object names one object on a runtime cluster.
type Object struct {
	Group, Kind, Namespace, Name string
}

// String names the object for people.
func (o Object) String() string {
	if o.Namespace == "" {
		return o.Kind + " " + o.Name
	}
	return o.Kind + " " + o.Namespace + "/" + o.Name
}

// Compare orders objects for display.
func (o Object) Compare(other Object) int {
	return cmp.Or(strings.Compare(o.String(), other.String()), strings.Compare(o.Group, other.Group))
}
