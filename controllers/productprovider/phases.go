package productprovider

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/githosts"
	"github.com/nautes-labs/deployment-runtime/controllers/phases"
	"github.com/nautes-labs/deployment-runtime/internal/apply"
	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/resolve"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
)

const (
	// asksPerPass bounds how many groups are asked for one by one in a pass: of those that are new, and of those that
	// are not shown.
	asksPerPass = 20
	// strangerRecheck is how long a group that is not ours is not asked for again.
	strangerRecheck = 10 * time.Minute
)

func (r *Reconciler) judge(ctx context.Context, s *scope) error {
	return rules.ProductProvider(ctx, r.Lookup, s.provider)
}

func (r *Reconciler) connect(ctx context.Context, s *scope) (err error) {
	if s.source, err = resolve.Get[api.CodeRepoProvider](ctx, r.Lookup, "", s.provider.Spec.Name); err != nil {
		return err
	}
	if s.source == nil {
		return problem.New(problem.Missing, api.ReasonCodeRepoProviderNotFound,
			"code repo provider %q does not exist: create it, or correct spec.name", s.provider.Spec.Name)
	}
	s.host, s.token, err = r.Hosts.Host(ctx, s.source)
	return err
}

// listGroups asks which groups have a default.project. A list that breaks off is an error and changes nothing.
func (r *Reconciler) listGroups(ctx context.Context, s *scope) error {
	projects, err := s.host.ProjectsNamed(ctx, s.token, identity.DefaultProject)
	if err != nil {
		return githosts.Trouble(err, s.source.Name)
	}
	s.groups = map[string]listedGroup{}
	for i := range projects {
		p := &projects[i]
		if p.Namespace.Kind != githost.KindGroup || p.Path != p.Namespace.Path+"/"+identity.DefaultProject ||
			p.MarkedForDeletion {
			continue
		}
		s.groups[identity.Product(p.Namespace.ID)] = listedGroupOf(p, s.source.Spec.HTTPAddress)
	}
	return nil
}

// readProducts reads the Products that there are.
func (r *Reconciler) readProducts(ctx context.Context, s *scope) error {
	var products api.ProductList
	if err := r.Client.List(ctx, &products, client.InNamespace(r.SystemNamespace)); err != nil {
		return fmt.Errorf("listing the Products: %w", err)
	}
	s.own, s.others = map[string]*api.Product{}, map[string]bool{}
	for i := range products.Items {
		p := &products.Items[i]
		if p.Labels[api.LabelProvider] == s.provider.Name {
			s.own[p.Name] = p
		} else {
			s.others[p.Name] = true
		}
	}
	return nil
}

// settle has every Product follow its group, or stops what would come from a path that its group has left. It asks the
// git host nothing more, and one Product that cannot be written keeps no other one waiting.
func (r *Reconciler) settle(ctx context.Context, s *scope) error {
	all := situation{provider: s.provider, address: strings.TrimSuffix(s.source.Spec.HTTPAddress, "/"),
		groups: s.groups, own: s.own}
	judged, at := all.verdicts(r.Brake), all.holders()
	for _, name := range slices.Sorted(maps.Keys(judged)) {
		switch judged[name] {
		case follows:
			r.follow(ctx, s, name)
		case leftAllowed:
			s.outside = append(s.outside, name)
			s.failed = append(s.failed, r.annotate(ctx, s, name, api.AnnotationGroupMoved, s.groups[name].spec.Name))
		case doubted, unproven:
			s.doubted = append(s.doubted, name)
			s.failed = append(s.failed, r.annotate(ctx, s, name, api.AnnotationGroupMoved, s.groups[name].spec.Name))
		case replaced:
			s.replaced = append(s.replaced, name)
			holder := strconv.FormatInt(at[strings.ToLower(s.own[name].Spec.Name)], 10)
			s.failed = append(s.failed, r.annotate(ctx, s, name, api.AnnotationGroupReplaced, holder))
		case unlisted:
			s.unlisted = append(s.unlisted, name)
		}
	}
	s.settled = true
	return nil
}

// follow writes the Product as the git host has its group. A Product that cannot be written so is one that has not
// followed.
func (r *Reconciler) follow(ctx context.Context, s *scope, name string) {
	group, stored := s.groups[name], s.own[name]
	after := stored.DeepCopy()
	after.Spec = group.spec
	delete(after.Annotations, api.AnnotationGroupReplaced)
	delete(after.Annotations, api.AnnotationGroupMoved)
	delete(after.Annotations, api.AnnotationGroupGone)
	metav1.SetMetaDataAnnotation(&after.ObjectMeta, api.AnnotationDefaultProject, group.repository)
	_, err := apply.Patch(ctx, r.Client, stored, after)
	if err == nil {
		return
	}
	err = phases.Refused(err)
	if problem.As(err) != nil && stored.Spec.Name != group.spec.Name {
		err = errors.Join(err, r.annotate(ctx, s, name, api.AnnotationGroupMoved, group.spec.Name))
	}
	s.failed = append(s.failed, err)
}

// annotate sets an annotation of a Product, or takes it off where the value is empty.
func (r *Reconciler) annotate(ctx context.Context, s *scope, name, annotation, value string) error {
	after := s.own[name].DeepCopy()
	metav1.SetMetaDataAnnotation(&after.ObjectMeta, annotation, value)
	if value == "" {
		delete(after.Annotations, annotation)
	}
	_, err := apply.Patch(ctx, r.Client, s.own[name], after)
	return phases.Refused(err)
}

// takeNew makes a Product of every group that is allowed and ours. What was made by other means, or by another
// provider, is left alone. Groups that are not allowed are not even asked for.
func (r *Reconciler) takeNew(ctx context.Context, s *scope) error {
	for _, name := range slices.Sorted(maps.Keys(s.groups)) {
		switch {
		case s.own[name] != nil || !rules.GroupAllowed(s.provider.Spec.AllowedGroups, s.groups[name].spec.Name):
		case s.others[name]:
			s.foreign = append(s.foreign, name)
		default:
			s.fresh = append(s.fresh, name)
		}
	}
	for _, name := range r.asked.next(s.provider.Name, s.fresh, r.Clock.Now(), strangerRecheck) {
		mine, err := r.isOurs(ctx, s, name)
		r.remember(s, name, err == nil && !mine)
		if err != nil {
			s.failed = append(s.failed, githosts.Trouble(err, s.source.Name))
			break // its turn comes again after the others'
		}
		if !mine {
			continue
		}
		if err := r.Client.Create(ctx, r.product(s, name)); err != nil {
			s.failed = append(s.failed, phases.Refused(fmt.Errorf("creating Product %s: %w", name, err)))
		}
	}
	return nil
}

func (r *Reconciler) remember(s *scope, name string, no bool) {
	if r.asked == nil {
		r.asked = questions{}
	}
	r.asked[s.provider.Name+"/"+name] = answered{at: r.Clock.Now(), no: no}
}

// isOurs says whether a group may become a product: it is more than a name that waits for its deletion, and the
// provider's token may make deploy tokens there. It is the second thing that is asked for: the token of an
// administrator may do that everywhere.
func (r *Reconciler) isOurs(ctx context.Context, s *scope, product string) (bool, error) {
	id := s.groups[product].id
	group, err := s.host.GroupByID(ctx, s.token, id)
	if err == nil && !group.MarkedForDeletion {
		_, err = s.host.DeployTokens(ctx, s.token, githost.OfGroup(id))
	}
	if problem.Is(err, problem.Missing) || problem.Is(err, problem.Forbidden) {
		return false, nil
	}
	return err == nil && !group.MarkedForDeletion, err
}

func (r *Reconciler) product(s *scope, name string) *api.Product {
	return &api.Product{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: r.SystemNamespace, Name: name, Labels: map[string]string{api.LabelProvider: s.provider.Name},
			Annotations: map[string]string{api.AnnotationDefaultProject: s.groups[name].repository},
		},
		Spec: s.groups[name].spec,
	}
}

// confirmMissing asks for the Products of which the list shows neither their own group nor another one at its path.
// That nothing is there is only reported; that another group is there, which the list left out, stops what would come
// from it.
func (r *Reconciler) confirmMissing(ctx context.Context, s *scope) error {
	for _, name := range r.asked.next(s.provider.Name, s.unlisted, r.Clock.Now(), 0) {
		project, err := s.host.ProjectAt(ctx, s.token, s.own[name].Spec.Name+"/"+identity.DefaultProject)
		gone := problem.Is(err, problem.Missing) || err == nil && project.MarkedForDeletion
		r.remember(s, name, gone)
		switch {
		case gone:
			s.failed = append(s.failed, r.annotate(ctx, s, name, api.AnnotationGroupGone, "true"))
		case err != nil:
			s.failed = append(s.failed, githosts.Trouble(err, s.source.Name))
			return nil
		case identity.Product(project.Namespace.ID) != name:
			s.replaced = append(s.replaced, name)
			s.failed = append(s.failed,
				r.annotate(ctx, s, name, api.AnnotationGroupReplaced, strconv.FormatInt(project.Namespace.ID, 10)))
		default:
			s.failed = append(s.failed, r.annotate(ctx, s, name, api.AnnotationGroupGone, ""))
		}
	}
	return nil
}

// sumUp says what went wrong in the pass, once all of it is done.
func (r *Reconciler) sumUp(_ context.Context, s *scope) error {
	for _, name := range s.unlisted {
		a, known := r.asked[s.provider.Name+"/"+name]
		switch {
		case !known:
			s.unchecked++
		case a.no:
			s.missing = append(s.missing, name)
		}
	}
	r.asked.forget(s.provider.Name, s.fresh, s.unlisted)
	if err := errors.Join(s.failed...); err != nil {
		return err
	}
	if len(s.doubted) > 0 {
		return problem.New(problem.Conflict, api.ReasonTooManyMoves, "%s", doubtOf(s.doubted))
	}
	if len(s.provider.Spec.AllowedGroups) == 0 {
		return problem.New(problem.Invalid, api.ReasonNoGroupsAllowed,
			"spec.allowedGroups is empty: the Products that there are stay, but no new ones are taken; "+
				"set it to the paths of the groups that may become products").At("spec.allowedGroups")
	}
	return nil
}
