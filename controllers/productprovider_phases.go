package controllers

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
	"github.com/nautes-labs/deployment-runtime/internal/apply"
	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
)

const (
	// defaultProject is the path of the repository that makes a group a product.
	defaultProject = "default.project"
	// asksPerPass bounds how many groups are asked for one by one in a pass.
	asksPerPass = 20
	// strangerRecheck is how long a group that is not ours is not asked for again.
	strangerRecheck = 10 * time.Minute
)

func (r *ProductProviderReconciler) judge(ctx context.Context, s *productProviderScope) error {
	return rules.ProductProvider(ctx, r.Lookup, s.provider)
}

func (r *ProductProviderReconciler) connect(ctx context.Context, s *productProviderScope) (err error) {
	if s.source, err = r.Lookup.CodeRepoProvider(ctx, s.provider.Spec.Name); err != nil {
		return err
	}
	if s.source == nil {
		return problem.New(problem.Missing, api.ReasonCodeRepoProviderNotFound, "code repo provider %q does not exist: create it, or correct spec.name", s.provider.Spec.Name)
	}
	s.host, s.token, err = r.Hosts.Host(ctx, s.source)
	return err
}

// listGroups asks which groups have a default.project. A list that breaks off is an error and changes nothing.
func (r *ProductProviderReconciler) listGroups(ctx context.Context, s *productProviderScope) error {
	projects, err := s.host.ProjectsNamed(ctx, s.token, defaultProject)
	if err != nil {
		return hostTrouble(err, s.source.Name)
	}
	s.wanted = map[string]api.ProductSpec{}
	for _, p := range projects {
		if p.Namespace.Kind != githost.KindGroup || p.Path != p.Namespace.Path+"/"+defaultProject || p.MarkedForDeletion {
			continue
		}
		s.wanted[productName(p.Namespace.ID)] = api.ProductSpec{
			Name: p.Namespace.Path,
			// Where people and Argo CD reach the git host; the provider's API may have another address.
			MetaDataPath: strings.TrimSuffix(s.source.Spec.HTTPAddress, "/") + "/" + p.Path + ".git",
		}
	}
	return nil
}

// readProducts reads the Products that there are.
func (r *ProductProviderReconciler) readProducts(ctx context.Context, s *productProviderScope) error {
	var products api.ProductList
	if err := r.Client.List(ctx, &products, client.InNamespace(r.SystemNamespace)); err != nil {
		return fmt.Errorf("listing the Products: %w", err)
	}
	s.stored = map[string]*api.Product{}
	for i := range products.Items {
		s.stored[products.Items[i].Name] = &products.Items[i]
	}
	return nil
}

// holdMoves changes nothing where so much seems to have moved that the git host may be another one than before: ids of groups mean
// nothing there, and every Product would follow a stranger.
func (r *ProductProviderReconciler) holdMoves(_ context.Context, s *productProviderScope) error {
	moved, own := 0, 0
	for name, p := range s.stored {
		if p.Labels[api.LabelProvider] != s.provider.Name {
			continue
		}
		own++
		want, listed := s.wanted[name]
		if !listed || p.Spec == want || p.Spec.MetaDataPath == "" {
			continue
		}
		if p.Spec.Name != want.Name {
			moved++
		}
		if p.Spec.Name != want.Name && !strings.HasPrefix(p.Spec.MetaDataPath, strings.TrimSuffix(s.source.Spec.HTTPAddress, "/")+"/") {
			return tooManyMoves("the address of the git host and the path of group %s changed together", name)
		}
	}
	if r.Brake.Holds(moved, own) {
		return tooManyMoves("%d of %d groups moved at once", moved, own)
	}
	return nil
}

func tooManyMoves(format string, args ...any) error {
	return problem.New(problem.Conflict, api.ReasonTooManyMoves, "%s: is it the same git host? nothing was changed; correct the CodeRepoProvider, or change the Products yourself",
		fmt.Sprintf(format, args...))
}

// writeProducts makes the Products that are missing, and follows groups that were renamed. What was made by other means, or by another
// provider, is left alone. One Product that cannot be written keeps no other one waiting.
func (r *ProductProviderReconciler) writeProducts(ctx context.Context, s *productProviderScope) error {
	var failed []error
	for _, name := range slices.Sorted(maps.Keys(s.wanted)) {
		stored := s.stored[name]
		switch {
		case stored == nil:
			mine, err := r.isOurs(ctx, s, name)
			if err != nil {
				return err
			}
			if !mine {
				continue
			}
			if err := r.Client.Create(ctx, r.product(s, name)); err != nil {
				failed = append(failed, refused(fmt.Errorf("creating Product %s: %w", name, err)))
			}
		case stored.Labels[api.LabelProvider] != s.provider.Name:
			s.foreign = append(s.foreign, name)
		default:
			after := stored.DeepCopy()
			after.Spec = s.wanted[name]
			delete(after.Annotations, api.AnnotationGroupReplaced)
			if _, err := apply.Patch(ctx, r.Client, stored, after); err != nil {
				failed = append(failed, refused(err))
			}
		}
	}
	return errors.Join(failed...)
}

// isOurs says whether a group may become a product: it is more than a name that waits for its deletion, and the provider's token may make deploy
// tokens there. Everybody can make a public group with a default.project on a git host that is shared.
func (r *ProductProviderReconciler) isOurs(ctx context.Context, s *productProviderScope, product string) (bool, error) {
	now := r.Clock.Now()
	key := s.provider.Name + "/" + product
	if until, known := r.strangers[key]; known && now.Before(until) || s.asked >= asksPerPass {
		return false, nil
	}
	s.asked++
	group, err := s.host.Group(ctx, s.token, strconv.FormatInt(groupOf(product), 10))
	if err == nil && !group.MarkedForDeletion {
		_, err = s.host.DeployTokens(ctx, s.token, githost.OfGroup(groupOf(product)))
	}
	switch {
	case problem.Is(err, problem.Missing), problem.Is(err, problem.Forbidden), err == nil && group.MarkedForDeletion:
		if r.strangers == nil {
			r.strangers = map[string]time.Time{}
		}
		maps.DeleteFunc(r.strangers, func(_ string, until time.Time) bool { return now.After(until) })
		r.strangers[key] = now.Add(strangerRecheck)
		return false, nil
	case err != nil:
		return false, hostTrouble(err, s.source.Name)
	}
	return true, nil
}

func (r *ProductProviderReconciler) product(s *productProviderScope, name string) *api.Product {
	return &api.Product{
		ObjectMeta: metav1.ObjectMeta{Namespace: r.SystemNamespace, Name: name, Labels: map[string]string{api.LabelProvider: s.provider.Name}},
		Spec:       s.wanted[name],
	}
}

// confirmMissing looks after the Products whose group was not in the list. Each is asked for on its own. That nothing is there is only
// reported; that another group is there stops what would come from it.
func (r *ProductProviderReconciler) confirmMissing(ctx context.Context, s *productProviderScope) error {
	for _, name := range slices.Sorted(maps.Keys(s.stored)) {
		p := s.stored[name]
		if _, listed := s.wanted[name]; listed || p.Labels[api.LabelProvider] != s.provider.Name {
			continue
		}
		s.asked++
		if s.asked > 2*asksPerPass {
			s.unchecked++
			continue
		}
		project, err := s.host.Project(ctx, s.token, p.Spec.Name+"/"+defaultProject)
		switch {
		case problem.Is(err, problem.Missing), err == nil && project.MarkedForDeletion:
			s.missing = append(s.missing, name)
		case err != nil:
			return hostTrouble(err, s.source.Name)
		case project.Namespace.ID != groupOf(name):
			s.replaced = append(s.replaced, name)
			after := p.DeepCopy()
			metav1.SetMetaDataAnnotation(&after.ObjectMeta, api.AnnotationGroupReplaced, strconv.FormatInt(project.Namespace.ID, 10))
			if _, err := apply.Patch(ctx, r.Client, p, after); err != nil {
				return err
			}
		}
	}
	return nil
}
