package rules

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/resolve"
)

// runtimeCase is what the rules of a runtime look at: gathered first, judged second.
type runtimeCase struct {
	runtime    *api.DeploymentRuntime
	resolution resolve.Resolution
	own        *Record // nil when this runtime is not recorded
	ofProduct  []Record
	// recordsUnchecked is the error of a Lookup that cannot ask for records. Rules that need own return it.
	recordsUnchecked error
	system           SystemNamespaces
}

// DeploymentRuntime returns all rules that the runtime violates, the most basic first. A reference that does not resolve is
// no violation: the resolution says so itself, and rules that need it are left out.
func DeploymentRuntime(ctx context.Context, l Lookup, r *api.DeploymentRuntime, res resolve.Resolution, system SystemNamespaces) ([]*problem.Problem, error) {
	v, _, err := judgeRuntime(ctx, l, r, res, system)
	return v.Violations, err
}

// checkRuntime resolves the runtime first: what it refers to must be there.
func checkRuntime(ctx context.Context, l Lookup, r *api.DeploymentRuntime, system SystemNamespaces) (Verdict, error) {
	res, err := resolve.DeploymentRuntime(ctx, l, r, "")
	if err != nil {
		return Verdict{}, fmt.Errorf("resolving runtime %s: %w", r.Name, err)
	}
	judged, whole, err := judgeRuntime(ctx, l, r, res, system)
	if err != nil || !whole {
		return judged, err
	}
	v := Verdict{Violations: slices.Concat(res.Problems, judged.Violations)}
	v.leaveUnchecked(res.Unchecked...)
	v.leaveUnchecked(judged.Unchecked...)
	return v, nil
}

// judgeRuntime says in whole whether all was judged: a runtime that belongs to no product ends it early.
func judgeRuntime(ctx context.Context, l Lookup, r *api.DeploymentRuntime, res resolve.Resolution, system SystemNamespaces) (v Verdict, whole bool, err error) {
	c := &runtimeCase{runtime: r, resolution: res, system: system}
	c.ofProduct, err = l.RecordsOf(ctx, r.Namespace)
	switch {
	case errors.Is(err, ErrUnchecked):
		c.recordsUnchecked = err
	case err != nil:
		return Verdict{}, false, fmt.Errorf("looking up the records of %s: %w", r.Namespace, err)
	}
	c.own = c.recordOf(r)
	if v, err = all(ctx, l, c, runtimeBasics()); err != nil {
		return Verdict{}, false, err
	}
	if len(v.Violations) > 0 {
		err = v.addOfRecorded(ctx, l, c)
		return v, false, err
	}
	more, err := all(ctx, l, c, runtimeRules())
	if err != nil {
		return Verdict{}, false, err
	}
	v.Violations = append(v.Violations, more.Violations...)
	v.leaveUnchecked(more.Unchecked...)
	if len(v.Violations) == 0 && res.Missing == nil {
		return v, true, nil // it moves to what it names; what it is deployed from now does not matter any more
	}
	err = v.addOfRecorded(ctx, l, c)
	return v, true, err
}

// addOfRecorded judges what the runtime goes on being deployed from because, as something about it is wrong, it does not move.
func (v *Verdict) addOfRecorded(ctx context.Context, l Lookup, c *runtimeCase) error {
	if c.own == nil { // what another life of the runtime left is deployed all the same
		c.own = c.recordNamed(c.runtime)
	}
	if c.own == nil {
		return nil
	}
	recorded, err := all(ctx, l, c, recordedRules())
	v.Violations = append(v.Violations, recorded.Violations...)
	return err
}

func runtimeBasics() []rule[*runtimeCase] {
	return []rule[*runtimeCase]{
		{[]string{api.ReasonProductMismatch}, productIsTheNamespace},
		{[]string{api.ReasonProductNotFound}, productExists},
	}
}

func runtimeRules() []rule[*runtimeCase] {
	return []rule[*runtimeCase]{
		{[]string{api.ReasonGroupReplaced, api.ReasonGroupMoved}, productHasItsGroup},
		{[]string{api.ReasonGroupReplaced, api.ReasonGroupMoved}, codeRepoOfOthersHasItsGroup},
		{[]string{api.ReasonRepositoryReplaced}, codeRepoIsNotReplaced},
		{[]string{api.ReasonForbiddenMetadata}, runtimeMetadataSteersNothing},
		{[]string{api.ReasonDestinationImmutable}, deployedDestinationIsUnchanged},
		{[]string{api.ReasonClusterNotAllowed, api.ReasonClusterImmutable, api.ReasonEnvironmentOnSameCluster}, environmentIsAccepted},
		{[]string{api.ReasonClusterNotAllowed}, clusterTakesNewRuntimes},
		{[]string{api.ReasonProjectNotFound}, projectsExist},
		{[]string{api.ReasonInvalid}, revisionIsABranchOrATag},
		{[]string{api.ReasonInvalid}, commitOfOthersIsNotNamed},
		{[]string{api.ReasonTwinRuntime}, hasNoTwin},
		{[]string{api.ReasonNamespaceReserved}, namespacesAreNotReserved},
		{[]string{api.ReasonNamespaceInUse}, namespacesAreFree},
		{[]string{api.ReasonProductLimitReached}, productKeepsItsLimits},
		{[]string{api.ReasonPermissionDenied, api.ReasonPermissionRevoked}, projectsMayUseTheCodeRepo},
		{[]string{api.ReasonCodeRepoOwnerChanged}, codeRepoKeepsItsOwner},
	}
}

// recordedRules are about what the runtime is deployed from. Whoever lost that must not keep it by naming something else that does not exist, or
// by any other mistake.
func recordedRules() []rule[*runtimeCase] {
	return []rule[*runtimeCase]{
		{[]string{api.ReasonPermissionRevoked}, recordedCodeRepoIsStillPermitted},
		{[]string{api.ReasonGroupReplaced, api.ReasonGroupMoved}, recordedProductHasItsGroup},
		{[]string{api.ReasonRepoOutsideProduct}, recordedURLLiesInItsProduct},
		{[]string{api.ReasonRepositoryReplaced}, recordedCodeRepoIsNotReplaced},
		{[]string{api.ReasonInvalid}, recordedRevisionIsABranchOrATag},
	}
}

// recordNamed returns the record of any life of the runtime.
func (c *runtimeCase) recordNamed(r *api.DeploymentRuntime) *Record {
	for i := range c.ofProduct {
		if rec := &c.ofProduct[i]; rec.Runtime.Namespace == r.Namespace && rec.Runtime.Name == r.Name {
			return rec
		}
	}
	return nil
}

// recordOf returns the record of this very life of the runtime.
func (c *runtimeCase) recordOf(r *api.DeploymentRuntime) *Record {
	for i := range c.ofProduct {
		if rec := &c.ofProduct[i]; rec.Runtime.Namespace == r.Namespace && rec.Runtime.Name == r.Name && rec.Runtime.UID == string(r.UID) {
			return rec
		}
	}
	return nil
}

func productIsTheNamespace(_ context.Context, _ Lookup, c *runtimeCase) ([]*problem.Problem, error) {
	if c.runtime.Spec.Product == c.runtime.Namespace {
		return nil, nil
	}
	return only(problem.New(problem.Invalid, api.ReasonProductMismatch,
		"spec.product is %q but the runtime lies in %s: a runtime belongs to the product of its namespace; correct spec.product",
		c.runtime.Spec.Product, c.runtime.Namespace).At("spec.product")), nil
}

func productExists(_ context.Context, _ Lookup, c *runtimeCase) ([]*problem.Problem, error) {
	if c.resolution.Product != nil || slices.Contains(c.resolution.Unchecked, api.ReasonProductNotFound) {
		return nil, nil
	}
	return only(problem.New(problem.Missing, api.ReasonProductNotFound,
		"namespace %s belongs to no Product: create the Product, or move the runtime to the namespace of one", c.runtime.Namespace).At("metadata.namespace")), nil
}

// productHasItsGroup: what lies at the path of a group that is not there any more belongs to strangers.
func productHasItsGroup(_ context.Context, _ Lookup, c *runtimeCase) ([]*problem.Problem, error) {
	if c.resolution.Product == nil {
		return nil, nil
	}
	why := Detached(c.resolution.Product)
	if why == nil {
		return nil, nil
	}
	return only(problem.New(why.Class, why.Reason, "%s: what runs keeps running, but nothing new is deployed; ask the platform team", why.Message)), nil
}

// codeRepoOfOthersHasItsGroup is the same for a code repo of another product, which the message does not name.
func codeRepoOfOthersHasItsGroup(ctx context.Context, l Lookup, c *runtimeCase) ([]*problem.Problem, error) {
	repo := c.resolution.CodeRepo
	if repo == nil || repo.Namespace == c.runtime.Namespace {
		return nil, nil
	}
	detached, err := productOfCodeRepoHasItsGroup(ctx, l, repo)
	if err != nil || len(detached) == 0 {
		return nil, err
	}
	return only(problem.New(problem.Forbidden, detached[0].Reason,
		"code repo %q lies at the path of a group that is not there any more: what runs keeps running, but nothing new is deployed; ask the owner of the repo, or name another in %s",
		repo.Name, codeRepoField).At(codeRepoField)), nil
}

func runtimeMetadataSteersNothing(_ context.Context, _ Lookup, c *runtimeCase) ([]*problem.Problem, error) {
	return Metadata(c.runtime), nil
}

func deployedDestinationIsUnchanged(_ context.Context, _ Lookup, c *runtimeCase) ([]*problem.Problem, error) {
	if c.own == nil || c.own.Destination.Environment == c.runtime.Spec.Destination {
		return nil, c.recordsUnchecked
	}
	return only(problem.New(problem.Invalid, api.ReasonDestinationImmutable,
		"the runtime is deployed to %q and stays there; its destination cannot change to %q: set it back, or delete the runtime, wait until it is gone, and create it anew",
		c.own.Destination.Environment, c.runtime.Spec.Destination).At("spec.destination")), nil
}

// environmentIsAccepted gives the first reason only: the environment says the others itself.
func environmentIsAccepted(ctx context.Context, l Lookup, c *runtimeCase) ([]*problem.Problem, error) {
	env := c.resolution.Environment
	if env == nil || c.resolution.Cluster == nil && !slices.Contains(c.resolution.Unchecked, api.ReasonClusterNotFound) {
		return nil, nil
	}
	var unchecked error
	for _, r := range environmentRules() {
		violations, err := r.holds(ctx, l, env)
		if len(violations) > 0 {
			p := violations[0]
			return only(problem.New(p.Class, p.Reason, "environment %q cannot be used: %s", env.Name, p.Message).At("spec.destination")), nil
		}
		if err != nil && !errors.Is(err, ErrUnchecked) {
			return nil, err
		}
		unchecked = cmp.Or(unchecked, err)
	}
	return nil, unchecked
}

// clusterTakesNewRuntimes: a cluster that is being removed keeps those that are recorded there, in whatever life.
func clusterTakesNewRuntimes(_ context.Context, _ Lookup, c *runtimeCase) ([]*problem.Problem, error) {
	if c.resolution.Cluster == nil {
		return nil, nil // the environment says it
	}
	leaving := TakesNothingNew(c.resolution.Cluster)
	if leaving == nil {
		return nil, nil
	}
	there := slices.ContainsFunc(c.ofProduct, func(r Record) bool {
		return r.Runtime.SameRuntime(placement.RuntimeRef{Namespace: c.runtime.Namespace, Name: c.runtime.Name}) && r.Destination.Cluster == c.resolution.Cluster.Name
	})
	if there || c.recordsUnchecked != nil {
		return nil, c.recordsUnchecked
	}
	return only(leaving.At("spec.destination")), nil
}

func projectsExist(ctx context.Context, l Lookup, c *runtimeCase) ([]*problem.Problem, error) {
	var violations []*problem.Problem
	for i, name := range c.runtime.Spec.ProjectsRef {
		project, err := l.Project(ctx, c.runtime.Namespace, name)
		if err != nil {
			return violations, fmt.Errorf("looking up project %s: %w", name, err)
		}
		if project == nil {
			violations = append(violations, problem.New(problem.Missing, api.ReasonProjectNotFound,
				"project %q does not exist in %s: create it, or remove it from spec.projectsRef", name, c.runtime.Namespace).At(projectField(i)))
		}
	}
	return violations, nil
}

func projectField(i int) string { return fmt.Sprintf("spec.projectsRef[%d]", i) }

// hasNoTwin names one twin, always the same. Where records cannot be asked for, age and name decide.
func hasNoTwin(ctx context.Context, l Lookup, c *runtimeCase) ([]*problem.Problem, error) {
	runtimes, err := l.Runtimes(ctx, c.runtime.Namespace)
	if err != nil {
		return nil, fmt.Errorf("looking up the runtimes of %s: %w", c.runtime.Namespace, err)
	}
	var twin *api.DeploymentRuntime
	for i := range runtimes {
		other := &runtimes[i]
		same := areTwins(c.runtime, other) && c.targetOf(c.runtime) == c.targetOf(other)
		if same && other.DeletionTimestamp.IsZero() && !c.goesBefore(other) && (twin == nil || other.Name < twin.Name) {
			twin = other
		}
	}
	if twin == nil {
		return nil, nil
	}
	return only(problem.New(problem.Conflict, api.ReasonTwinRuntime,
		"runtime %q already deploys the same code repo, revision and path to %q: change one of them, or delete one of the two",
		twin.Name, twin.Spec.Destination).At("spec.manifestSource")), nil
}

// areTwins says whether two runtimes may well deploy the same. Whether "v1" means what "refs/tags/v1" means, only their records tell.
func areTwins(a, b *api.DeploymentRuntime) bool {
	return a.Name != b.Name && deploymentOf(a) == deploymentOf(b)
}

// deployment is what a runtime deploys, and where, whichever way it says that: two runtimes with the same one may be twins.
type deployment struct {
	destination, product, codeRepo, revision, path string
}

func deploymentOf(r *api.DeploymentRuntime) deployment {
	s := r.Spec.ManifestSource
	product, codeRepo := identity.CodeRepoOf(r)
	return deployment{
		destination: r.Spec.Destination, product: product, codeRepo: codeRepo,
		revision: placement.ShortRevision(s.TargetRevision), path: s.Path,
	}
}

// uses says whether a runtime names that code repo.
func uses(r *api.DeploymentRuntime, product, codeRepo string) bool {
	owner, name := identity.CodeRepoOf(r)
	return owner == product && name == codeRepo
}

// goesBefore says whether this runtime wins against another of the product: recorded beats older beats name. What is not created
// yet is the youngest.
func (c *runtimeCase) goesBefore(other *api.DeploymentRuntime) bool {
	theirs := c.recordOf(other)
	mine, his := c.runtime.CreationTimestamp.Time, other.CreationTimestamp.Time
	if c.own != nil && theirs != nil {
		mine, his = c.own.Since, theirs.Since
	}
	return cmp.Or(
		trueFirst(c.own != nil, theirs != nil),
		trueFirst(!mine.IsZero(), !his.IsZero()),
		mine.Compare(his),
		cmp.Compare(c.runtime.Name, other.Name),
	) < 0
}
