package wire

import (
	"slices"
	"strings"

	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// Selector is a field_selector that was read: terms that all have to hold. The zero value selects everything.
type Selector struct {
	terms []term
}

type term struct {
	key   string
	holds func(item any, value string) bool
	value string
}

// key is what can be selected by: how the values of an item compare with the wanted one.
type key struct {
	name  string
	exact bool // a boolean
	of    func(item any) []string
}

// ParseSelector reads key=value[,key=value...]: split on ",", then on the first "=". Strings match as case-sensitive substrings of the human
// names, booleans exactly, and of a list some element has to contain the value. An unknown or repeated key or an empty value is a
// *problem.Problem with ReasonBadRequest that names the known keys.
func ParseSelector(kind, selector string) (Selector, error) {
	if selector == "" {
		return Selector{}, nil
	}
	known := keysOf(kind)
	var s Selector
	seen := map[string]bool{}
	for _, part := range strings.Split(selector, ",") {
		name, value, hasValue := strings.Cut(part, "=")
		i := slices.IndexFunc(known, func(k key) bool { return spellings(k.name, name) })
		switch {
		case i < 0:
			return Selector{}, wrongSelector(known, "key %q is not known", shown(name))
		case !hasValue || value == "":
			return Selector{}, wrongSelector(known, "key %q has no value", shown(name))
		case seen[known[i].name]:
			return Selector{}, wrongSelector(known, "key %q stands there twice", shown(name))
		case known[i].exact && value != "true" && value != "false":
			return Selector{}, wrongSelector(known, "key %q takes true or false", shown(name))
		}
		seen[known[i].name] = true
		s.terms = append(s.terms, term{key: known[i].name, holds: known[i].matches, value: value})
	}
	return s, nil
}

func wrongSelector(known []key, format string, args ...any) *problem.Problem {
	names := make([]string, 0, len(known))
	for _, k := range known {
		names = append(names, k.name)
	}
	p := badRequest("field_selector: "+format, args...).At("field_selector")
	if len(names) == 0 {
		p.Message += "; this kind has no keys"
		return p
	}
	p.Message += "; write <key>=<value>, separated by commas, with the keys " + strings.Join(names, ", ")
	return p
}

// Matches says whether all terms hold for the item.
func (s Selector) Matches(item any) bool {
	for _, t := range s.terms {
		if !t.holds(item, t.value) {
			return false
		}
	}
	return true
}

// Without returns the selector without the term of a key, and the value that it has; "" where it has none.
func (s Selector) Without(key string) (rest Selector, value string) {
	for _, t := range s.terms {
		if t.key == key {
			value = t.value
		} else {
			rest.terms = append(rest.terms, t)
		}
	}
	return rest, value
}

func (k key) matches(item any, value string) bool {
	return slices.ContainsFunc(k.of(item), func(has string) bool {
		return has == value || !k.exact && strings.Contains(has, value)
	})
}

// text is a key for one string of an item of type T.
func text[T any](name string, of func(T) string) key {
	return texts(name, func(item T) []string { return []string{of(item)} })
}

func texts[T any](name string, of func(T) []string) key {
	return key{name: name, of: func(item any) []string {
		t, ok := item.(T)
		if !ok {
			return nil
		}
		return of(t)
	}}
}

func flag[T any](name string, of func(T) bool) key {
	k := text(name, func(item T) string {
		if of(item) {
			return "true"
		}
		return "false"
	})
	k.exact = true
	return k
}

func keysOf(kind string) []key {
	switch kind {
	case "DeploymentRuntime":
		return []key{
			texts("projects_ref.in", func(r *DeploymentRuntime) []string { return r.ProjectsRef }),
			text("manifest_source.code_repo", func(r *DeploymentRuntime) string { return r.ManifestSource.CodeRepo }),
			text("destination", func(r *DeploymentRuntime) string { return r.Destination }),
		}
	case "Environment":
		return []key{
			text("cluster", func(e *Environment) string { return e.Cluster }),
			text("env_type", func(e *Environment) string { return e.EnvType }),
		}
	case "CodeRepo":
		return []key{
			text("project", func(c *CodeRepo) string { return c.Project }),
			flag("pipeline_runtime", func(c *CodeRepo) bool { return c.PipelineRuntime }),
			flag("deployment_runtime", func(c *CodeRepo) bool { return c.DeploymentRuntime }),
		}
	case "CodeRepoBinding":
		return []key{
			text("coderepo", func(b *CodeRepoBinding) string { return b.CodeRepo }),
			text("product", func(b *CodeRepoBinding) string { return b.Product }),
			texts("projects.in", func(b *CodeRepoBinding) []string { return b.Projects }),
		}
	case "Project":
		return []key{text("project_name", func(p *Project) string { return p.Name })}
	case "Product":
		return []key{text("product_name", func(p *Product) string { return p.Name })}
	}
	return nil
}
