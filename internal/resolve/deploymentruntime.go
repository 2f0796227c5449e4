// Package resolve finds the objects that an object refers to. It is pure: facts come from a Lookup. A missing object is
// a value. An error means that a fact could not be looked up.
package resolve

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// Resolution holds the objects that a DeploymentRuntime refers to. An object that was not found is nil; Problems report
// it.
type Resolution struct {
	Product     *api.Product
	Environment *api.Environment
	Cluster     *api.Cluster
	// CodeRepo may lie in another product, if that product binds it to this one.
	CodeRepo *api.CodeRepo
	// Placement is complete when Missing is nil.
	Placement placement.Placement
	// Missing is the first reference that does not resolve.
	Missing *problem.Problem
	// Problems are all references that do not resolve, each with its field.
	Problems []*problem.Problem
	// Unchecked names the references that could not be checked, by the reasons that they would have, because there is
	// nobody to ask.
	Unchecked []string
}

// DeploymentRuntime resolves a runtime. instance identifies the management cluster.
func DeploymentRuntime(ctx context.Context, l Lookup, r *api.DeploymentRuntime, instance string) (Resolution, error) {
	_, codeRepo := identity.CodeRepoOf(r)
	res := Resolution{Placement: placement.Placement{
		Runtime:    placement.RuntimeRef{Namespace: r.Namespace, Name: r.Name, UID: string(r.UID)},
		Product:    r.Namespace,
		Namespaces: slices.Clone(r.EffectiveNamespaces()),
		CodeRepo:   codeRepo,
		Revision:   r.Spec.ManifestSource.TargetRevision,
		Path:       r.Spec.ManifestSource.Path,
		Switches:   placement.SwitchesOf(r),
		Instance:   instance,
	}}
	res.Placement.Destination.Environment = r.Spec.Destination
	product, err := Get[api.Product](ctx, l, "", r.Namespace)
	if err := res.tolerate(err, api.ReasonProductNotFound); err != nil {
		return res, err
	}
	res.Product = product
	if err := res.destination(ctx, l, r); err != nil {
		return res, err
	}
	err = res.source(ctx, l, r)
	return res, err
}

func (res *Resolution) destination(ctx context.Context, l Lookup, r *api.DeploymentRuntime) error {
	const field = "spec.destination"
	env, err := Get[api.Environment](ctx, l, r.Namespace, r.Spec.Destination)
	if err != nil {
		return res.tolerate(err, api.ReasonEnvironmentNotFound)
	}
	if res.Environment = env; env == nil {
		res.missing(field, api.ReasonEnvironmentNotFound, "environment %q does not exist in %s: create it, or correct "+
			"spec.destination", r.Spec.Destination, r.Namespace)
		return nil
	}
	name := env.Spec.Cluster
	cluster, err := Get[api.Cluster](ctx, l, "", name)
	if err != nil {
		return res.tolerate(err, api.ReasonClusterNotFound, api.ReasonClusterNotReady)
	}
	if res.Cluster = cluster; cluster == nil {
		res.missing(field, api.ReasonClusterNotFound,
			"environment %q names cluster %q, which is not registered: ask the platform team to register it, or "+
				"correct the environment", r.Spec.Destination, name)
		return nil
	}
	res.Placement.Destination.Cluster = name
	res.Placement.ClusterUID = cluster.Status.UID
	res.Placement.Server = strings.TrimSuffix(cluster.Spec.APIServer, "/")
	if cluster.Status.UID == "" {
		res.missing(field, api.ReasonClusterNotReady,
			"cluster %q has not been reached yet: the deployment starts once it is ready; see kubectl "+
				"describe cluster %s", name, name)
	}
	return nil
}

func (res *Resolution) source(ctx context.Context, l Lookup, r *api.DeploymentRuntime) error {
	repo, missing, err := codeRepoOf(ctx, l, r)
	if err != nil {
		return res.tolerate(err, api.ReasonCodeRepoNotFound)
	}
	if missing != nil {
		res.keep(missing)
		return nil
	}
	res.CodeRepo = repo
	res.Placement.RepoProduct = repo.Namespace
	url, missing, err := cloneURL(ctx, l, repo)
	if err != nil {
		return res.tolerate(err, api.ReasonCodeRepoProviderNotFound, api.ReasonRepoOutsideProduct)
	}
	res.Placement.RepoURL = url
	if missing != nil && repo.Namespace != r.Namespace {
		missing = withoutItsOwner(missing, repo.Name)
	}
	if missing != nil {
		res.keep(missing.At(codeRepoField))
	}
	return nil
}

// codeRepoField is the field in which a runtime names its code repo.
const codeRepoField = "spec.manifestSource.codeRepo"

// withoutItsOwner returns the problem of another product's code repo with a message that does not name that product or
// its objects.
func withoutItsOwner(p *problem.Problem, repo string) *problem.Problem {
	return problem.New(p.Class, p.Reason,
		"code repo %q belongs to another product and has no clone URL that can be used: ask its owner to look at the "+
			"CodeRepo, or name another in %s", repo, codeRepoField)
}

// codeRepoOf finds the code repo that a runtime names. It lies in the runtime's own product, or in another product that
// the reference names and that binds it to this one. A reference without a product leads to another product only if the
// runtime is already deployed from that product's code repo.
func codeRepoOf(ctx context.Context, l Lookup, r *api.DeploymentRuntime) (*api.CodeRepo, *problem.Problem, error) {
	owner, name := identity.CodeRepoOf(r)
	if owner != r.Namespace {
		return lentBy(ctx, l, owner, r)
	}
	repo, err := Get[api.CodeRepo](ctx, l, owner, name)
	if err != nil || repo != nil {
		return repo, nil, err
	}
	if r.Spec.ManifestSource.CodeRepo == name {
		lender, err := recordedLender(ctx, l, r)
		if err != nil {
			return nil, nil, err
		}
		if lender != "" {
			return lentBy(ctx, l, lender, r)
		}
	}
	return nil, problem.New(problem.Missing, api.ReasonCodeRepoNotFound,
		"code repo %q does not exist in %s: create it, or correct %s; to use another product's, write "+
			"<product>/<code repo>", name, r.Namespace, codeRepoField).At(codeRepoField), nil
}

func lentBy(ctx context.Context, l Lookup, owner string, r *api.DeploymentRuntime) (*api.CodeRepo,
	*problem.Problem, error) {
	_, name := identity.CodeRepoOf(r)
	repo, err := Lent(ctx, l, Loan{Owner: owner, CodeRepo: name, Borrower: r.Namespace})
	if err != nil || repo != nil {
		return repo, nil, err
	}
	return nil, problem.New(problem.Missing, api.ReasonCodeRepoNotFound,
		"code repo %q does not exist, or is not bound to %s: ask its owner for a CodeRepoBinding, or correct %s",
		r.Spec.ManifestSource.CodeRepo, r.Namespace, codeRepoField).At(codeRepoField), nil
}

// Loan names a code repo that one product may have bound to another.
type Loan struct{ Owner, CodeRepo, Borrower string }

// Lent returns a code repo that its owner binds to the borrower. It returns nil if there is no binding or no code repo.
// The two cases look the same, so that the borrower does not learn which objects another product has.
func Lent(ctx context.Context, l Lookup, loan Loan) (*api.CodeRepo, error) {
	bindings, err := List[api.CodeRepoBinding](ctx, l, loan.Owner)
	if err != nil {
		return nil, err
	}
	bound := slices.ContainsFunc(bindings, func(b *api.CodeRepoBinding) bool {
		return b.Spec.CodeRepo == loan.CodeRepo && b.Spec.Product == loan.Borrower && b.DeletionTimestamp.IsZero()
	})
	if !bound {
		return nil, nil
	}
	return Get[api.CodeRepo](ctx, l, loan.Owner, loan.CodeRepo)
}

// recordedLender returns the other product from whose code repo of this name the runtime is deployed; empty if there is
// none.
func recordedLender(ctx context.Context, l Lookup, r *api.DeploymentRuntime) (string, error) {
	records, err := l.Recorded(ctx, r.Namespace, r.Name)
	if err != nil {
		return "", fmt.Errorf("looking up the record of %s/%s: %w", r.Namespace, r.Name, err)
	}
	for i := range records {
		rec := &records[i]
		if !rec.Runtime.SameRuntime(placement.RuntimeRef{Namespace: r.Namespace, Name: r.Name}) {
			continue
		}
		if rec.CodeRepo == r.Spec.ManifestSource.CodeRepo && rec.RepoProduct != r.Namespace {
			return rec.RepoProduct, nil
		}
		return "", nil
	}
	if was := r.Status.Placement; was != nil { // the Application was deleted by hand and will be written again
		if owner, found := strings.CutSuffix(was.CodeRepo, "/"+r.Spec.ManifestSource.CodeRepo); found {
			return owner, nil
		}
	}
	return "", nil
}

func cloneURL(ctx context.Context, l Lookup, repo *api.CodeRepo) (string, *problem.Problem, error) {
	provider, err := Get[api.CodeRepoProvider](ctx, l, "", repo.Spec.CodeRepoProvider)
	if err != nil {
		return "", nil, err
	}
	if provider == nil {
		return "", problem.New(problem.Missing, api.ReasonCodeRepoProviderNotFound,
			"code repo %q names code repo provider %q, which does not exist: ask the platform team to create it, or "+
				"correct the code repo", repo.Name, repo.Spec.CodeRepoProvider), nil
	}
	owner, err := Get[api.Product](ctx, l, "", repo.Namespace)
	if err != nil {
		return "", nil, err
	}
	if owner == nil {
		return "", problem.New(problem.Missing, api.ReasonProductNotFound,
			"the product that owns code repo %q does not exist", repo.Name), nil
	}
	if elsewhere, err := OtherHost(ctx, l, owner, provider); err != nil || elsewhere != nil {
		return "", elsewhere, err
	}
	url, p := RepoURL(provider, owner.Spec.Name, repo)
	return url, p, nil
}

// tolerate notes the references that nobody could be asked for. It returns any other error.
func (res *Resolution) tolerate(err error, reasons ...string) error {
	if !errors.Is(err, ErrUnchecked) {
		return err
	}
	res.Unchecked = append(res.Unchecked, reasons...)
	return nil
}

func (res *Resolution) missing(field, reason, format string, args ...any) {
	res.keep(problem.New(problem.Missing, reason, format, args...).At(field))
}

// keep adds a problem. The first one is also the missing reference.
func (res *Resolution) keep(p *problem.Problem) {
	res.Problems = append(res.Problems, p)
	if res.Missing == nil {
		res.Missing = p
	}
}
