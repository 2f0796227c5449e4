package wire

import (
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/kinds"
)

// Body is the parsed body of a save. It knows which members were absent, so that it can be applied to a stored object.
type Body struct {
	// Kind of the object.
	Kind string
	// Unknown members, by their paths.
	Unknown []string
	// GitLab is the part of the body about the project or group of a code repo or a product; nil for other kinds.
	GitLab *GitLabBody

	// onto applies the body to a spec.
	onto setter
}

// GitLabBody is the member git.gitlab. A nil field was absent.
type GitLabBody struct {
	Name, Path, Visibility, Description *string
	ParentID                            *int64
}

// Parse reads the body of a save in the REST form. An error is a *problem.Problem with ReasonBadRequest: the body is no
// JSON object, has a member twice or in two spellings, or has a wrong type. Parse does not check whether values are
// permitted.
func Parse(kind string, raw []byte) (*Body, error) {
	o, err := parseObject(raw)
	if err != nil {
		return nil, err
	}
	return parseBody(kind, o)
}

func parseBody(kind string, o *object) (*Body, error) {
	res, found := ResourceOf(kind)
	if !found || res.Body.NumField() == 0 {
		return nil, badRequest("objects of kind %s cannot be saved", shown(kind))
	}
	r, b := newReader(o), &Body{Kind: kind}
	b.onto = b.members(r, res.Body)
	r.tolerate(res.tolerates)
	if account, _, _ := r.find("account"); !isEmpty(account) { // newer versions of upstream deploy with it
		r.unknown = append(r.unknown, "account")
	}
	for f := range res.Item.Fields() { // items have members that cannot be set
		r.tolerate(memberName(f))
	}
	if err := r.finish(); err != nil {
		return nil, err
	}
	b.Unknown = sortedUnknown(r)
	return b, nil
}

// Onto returns the object that the body makes of the stored one, or of none (nil). It replaces the members of the
// guide. An absent additive member keeps its stored value, and null resets it. Labels and annotations stay. The stored
// object is not changed.
//
// The names of code repos and of products stay as they were written. spec.product stays as it was stored, and is empty
// in a new object.
func (b *Body) Onto(stored client.Object) client.Object {
	var o client.Object
	if stored != nil {
		o = stored.DeepCopyObject().(client.Object)
	} else {
		k, _ := kinds.ByName(b.Kind)
		o = k.New()
		o.GetObjectKind().SetGroupVersionKind(api.GroupVersion.WithKind(b.Kind))
	}
	if kinds.NameOf(o) == b.Kind {
		b.onto(kinds.SpecOf(o))
	}
	return o
}
