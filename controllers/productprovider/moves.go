package productprovider

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
	"github.com/nautes-labs/deployment-runtime/internal/text"
)

// listedGroup is a group with a default.project, as the git host lists it.
type listedGroup struct {
	id   int64
	spec api.ProductSpec
	// repository identifies default.project: no other one has it, on whatever git host.
	repository string
}

func listedGroupOf(p *githost.Project, httpAddress string) listedGroup {
	return listedGroup{
		id: p.Namespace.ID,
		// Where people and Argo CD reach the git host; the provider's API may have another address.
		spec: api.ProductSpec{Name: p.Namespace.Path,
			MetaDataPath: strings.TrimSuffix(httpAddress, "/") + "/" + p.Path + ".git"},
		repository: p.Identity(),
	}
}

// verdict is what is to become of a Product of the provider.
type verdict int

const (
	// follows: the Product is, or becomes, as the git host has its group.
	follows verdict = iota
	// leftAllowed: its group went where the provider takes none.
	leftAllowed
	// doubted: what has the id of its group may be another group, of another git host.
	doubted
	// unproven is doubted where there are many of them.
	unproven
	// replaced: another group is at its path, and its own one is not shown.
	replaced
	// unlisted: neither its group nor another one is shown.
	unlisted
)

// situation is what a pass found out: the provider, the groups that its git host lists, and its Products, both by name.
type situation struct {
	provider *api.ProductProvider
	// address is the git host's, without a slash at its end.
	address string
	groups  map[string]listedGroup
	own     map[string]*api.Product
}

// holders are the groups by their paths. A git host does not tell upper from lower case there.
func (s situation) holders() map[string]int64 {
	at := make(map[string]int64, len(s.groups))
	for _, g := range s.groups {
		at[strings.ToLower(g.spec.Name)] = g.id
	}
	return at
}

// verdicts judges every Product of the provider. What says that a group is the same though its path is another is its
// default.project: by that no number of renames looks like another git host. Only where it was not written down yet,
// many at once do.
func (s situation) verdicts(brake placement.Brake) map[string]verdict {
	at := s.holders()
	out, many := map[string]verdict{}, 0
	for name, p := range s.own {
		g, isListed := s.groups[name]
		switch {
		case isListed:
			out[name] = s.verdictOf(g, p)
		case at[strings.ToLower(p.Spec.Name)] != 0:
			out[name] = replaced
		default:
			out[name] = unlisted
		}
		if out[name] == unproven {
			many++
		}
	}
	settled := follows
	if brake.Holds(many, len(s.own)) {
		settled = doubted
	}
	for name, v := range out {
		if v == unproven {
			out[name] = settled
		}
	}
	return out
}

func (s situation) verdictOf(g listedGroup, p *api.Product) verdict {
	known, allowed := p.Annotations[api.AnnotationDefaultProject], s.provider.Spec.AllowedGroups
	switch {
	case p.Spec.Name == g.spec.Name: // at most the git host has another address
		return follows
	case len(allowed) > 0 && !rules.GroupAllowed(allowed, g.spec.Name):
		return leftAllowed
	case p.Spec.MetaDataPath == "": // made by hand, and handed over
		return follows
	case !strings.HasPrefix(p.Spec.MetaDataPath, s.address+"/"): // the address changed as well
		return doubted
	case known == g.repository:
		return follows
	case known == "":
		return unproven
	}
	return doubted
}

// questions remembers when the git host was asked for a group on its own, and what it said, by provider and Product.
type questions map[string]answered

type answered struct {
	at time.Time
	// no: it shows no such group, or nothing that is ours.
	no bool
}

// next returns up to asksPerPass of the names, those first that were asked for longest ago. What is answered for some
// time is left out: so every name has its turn, however many there are.
func (q questions) next(provider string, names []string, now time.Time, good time.Duration) []string {
	due := slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		a := q[provider+"/"+name]
		return a.no && now.Before(a.at.Add(good))
	})
	slices.SortFunc(due, func(a, b string) int {
		if order := q[provider+"/"+a].at.Compare(q[provider+"/"+b].at); order != 0 {
			return order
		}
		elder, _ := identity.GroupOf(a)
		younger, _ := identity.GroupOf(b)
		return cmp.Compare(elder, younger)
	})
	return due[:min(len(due), asksPerPass)]
}

// forget drops what is remembered of other names of the provider.
func (q questions) forget(provider string, names ...[]string) {
	maps.DeleteFunc(q, func(key string, _ answered) bool {
		name, isOurs := strings.CutPrefix(key, provider+"/")
		return isOurs && !slices.ContainsFunc(names, func(some []string) bool { return slices.Contains(some, name) })
	})
}

func doubtOf(names []string) string {
	return fmt.Sprintf("the groups of %s seem to have moved, but may be others of the same ids: is it the same git "+
		"host? These Products do not follow, and nothing new is "+
		"deployed for them; correct the CodeRepoProvider, or set spec.name and spec.metaDataPath of the Products to "+
		"where their groups are now", text.Few(names, shownNames))
}
