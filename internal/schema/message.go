package schema

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// problems turns errors into problems, each message once, sorted by field. It does not repeat values, because they may
// contain anything.
func (c *compiled) problems(errs field.ErrorList) []*problem.Problem {
	var out []*problem.Problem
	for _, err := range errs {
		path, message := c.sentence(err)
		out = append(out, problem.New(problem.Invalid, problem.ReasonInvalidField, "%s", message).At(path))
	}
	if slices.ContainsFunc(out, func(p *problem.Problem) bool { return c.aboutName[p.Message] }) {
		// Our rule about names says more than the general rule of Kubernetes.
		out = slices.DeleteFunc(out,
			func(p *problem.Problem) bool { return p.Field == "metadata.name" && !c.aboutName[p.Message] })
	}
	slices.SortFunc(out, func(a, b *problem.Problem) int {
		return cmp.Or(strings.Compare(a.Field, b.Field), strings.Compare(a.Message, b.Message))
	})
	return slices.CompactFunc(out,
		func(a, b *problem.Problem) bool { return a.Field == b.Field && a.Message == b.Message })
}

// sentence returns the field of an error and its message for people.
func (c *compiled) sentence(err *field.Error) (path, message string) {
	path = err.Field
	if path == "<nil>" { // an error of the object as a whole
		path = ""
	}
	if c.aboutName[err.Detail] {
		return "metadata.name", err.Detail
	}
	switch err.Type {
	case field.ErrorTypeRequired:
		return path, path + " is missing: set it"
	case field.ErrorTypeNotSupported:
		return path, fmt.Sprintf("%s is not one of the known words: use %s", path,
			strings.TrimPrefix(err.Detail, "supported values: "))
	case field.ErrorTypeTooLong:
		return path,
			fmt.Sprintf("%s is too long, %s: shorten it", path, strings.Replace(err.Detail, "bytes", "characters", 1))
	case field.ErrorTypeTooMany:
		return path, fmt.Sprintf("%s has too many entries, it %s: remove some", path, err.Detail)
	case field.ErrorTypeDuplicate:
		return path, path + " stands in the list twice: remove one"
	case field.ErrorTypeForbidden:
		return path, fmt.Sprintf("%s is not permitted: %s", path, err.Detail)
	default:
		return path, invalid(path, err.Detail)
	}
}

// invalid explains a value that is wrong in itself. Our own rules bring a whole sentence.
func invalid(path, detail string) string {
	constraint, ofOpenAPI := strings.CutPrefix(detail, path+" in body ")
	switch {
	case !ofOpenAPI && strings.HasPrefix(path, "metadata."):
		return fmt.Sprintf("%s is not valid, %s: correct it", path, detail)
	case !ofOpenAPI:
		return detail
	case constraint == "should be at least 1 chars long":
		return path + " is empty: set it"
	case regexp.MustCompile(`^should be at least [0-9]+ chars long$`).MatchString(constraint):
		return fmt.Sprintf("%s is too short, it %s: lengthen it", path,
			strings.Replace(constraint, "chars", "characters", 1))
	}
	return fmt.Sprintf("%s %s: correct it", path, strings.Replace(constraint, "should", "must", 1))
}
