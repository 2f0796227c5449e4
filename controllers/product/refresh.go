package product

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/argocd"
	"github.com/nautes-labs/deployment-runtime/internal/apply"
	"github.com/nautes-labs/deployment-runtime/internal/desired"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
)

// refreshRetry is how soon to ask again where Argo CD has not taken an earlier request yet.
const refreshRetry = time.Second

// passOnRefreshes has Argo CD look at the repositories that somebody pushed to, as the annotations of the Product say,
// and takes the annotations off. One that cannot be passed on stays: nothing is lost but time, because Argo CD looks by
// itself now and then.
func (r *Reconciler) passOnRefreshes(ctx context.Context, s *scope) error {
	asked := refreshesAsked(s.product)
	if len(asked) == 0 {
		return nil
	}
	var failed []error
	before := s.product.DeepCopy()
	for _, repository := range asked {
		taken, err := r.refreshReaders(ctx, s, repository)
		switch {
		case err != nil:
			failed = append(failed, err)
		case !taken:
			s.LookAgain(refreshRetry) // Argo CD is still looking, perhaps at what was before the push
		default:
			delete(s.product.Annotations, api.AnnotationRefresh+repository)
		}
	}
	if _, err := apply.Patch(ctx, r.Client, before, s.product); err != nil {
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}

// refreshesAsked returns the repositories that the Product's annotations name: default.project, or CodeRepos.
func refreshesAsked(p *api.Product) []string {
	var out []string
	for name := range p.Annotations {
		if repository, asks := strings.CutPrefix(name, api.AnnotationRefresh); asks {
			out = append(out, repository)
		}
	}
	slices.Sort(out)
	return out
}

// refreshReaders refreshes what the product syncs or deploys from a repository, whoever owns it. It says whether all of
// them were free to take the request.
func (r *Reconciler) refreshReaders(ctx context.Context, s *scope, repository string) (bool, error) {
	if repository == identity.DefaultProject {
		return r.refreshStream(ctx, s.product)
	}
	all := true
	for _, rec := range s.records {
		if rec.Placement.CodeRepo != repository {
			continue
		}
		taken, err := r.refresh(ctx, rec.App)
		if err != nil {
			return false, err
		}
		all = all && taken
	}
	return all, nil
}

func (r *Reconciler) refreshStream(ctx context.Context, product *api.Product) (bool, error) {
	var app observed.Application
	err := r.Client.Get(ctx, client.ObjectKey{Namespace: r.ArgoCDNamespace, Name: identity.Stream(product.Name)}, &app)
	if apierrors.IsNotFound(err) || err == nil &&
		app.Annotations[api.AnnotationOwner] != desired.Owner(product.Name, r.Instance) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("getting the Application of default.project: %w", err)
	}
	return r.refresh(ctx, &app)
}

// refresh asks for one Application. The request carries the UID and nothing else of what was read: Argo CD writes its
// Applications all the time, and this write contradicts none of its own.
func (r *Reconciler) refresh(ctx context.Context, app *observed.Application) (taken bool, err error) {
	switch {
	case !app.DeletionTimestamp.IsZero():
		return true, nil
	case desired.AwaitsRefresh(app):
		return false, nil
	}
	before := app.DeepCopy()
	before.UID = "" // so that the patch names it
	err = r.Client.Patch(ctx, argocd.Pushed(app), client.MergeFrom(before))
	return true, client.IgnoreNotFound(err)
}
