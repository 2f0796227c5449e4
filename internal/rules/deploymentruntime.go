package rules

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/resolve"
)

// DeploymentRuntime returns all rules that the runtime violates, the most basic first. A reference that does not
// resolve is no violation here, because the resolution reports it. Rules that need the reference are left out.
func DeploymentRuntime(
	ctx context.Context, l Lookup, r *api.DeploymentRuntime, res resolve.Resolution, system SystemNamespaces,
) ([]*problem.Problem, error) {
	v, _, err := gatherRuntime(ctx, l, r, res, system).judge()
	return v.Violations, err
}

// checkRuntime resolves the runtime, then checks it. References that do not resolve are violations.
func checkRuntime(ctx context.Context, l Lookup, r *api.DeploymentRuntime, system SystemNamespaces) (Verdict, error) {
	res, err := resolve.DeploymentRuntime(ctx, l, r, "")
	if err != nil {
		return Verdict{}, fmt.Errorf("resolving runtime %s: %w", r.Name, err)
	}
	judged, whole, err := gatherRuntime(ctx, l, r, res, system).judge()
	if err != nil || !whole {
		return judged, err
	}
	v := Verdict{Violations: slices.Concat(res.Problems, judged.Violations)}
	v.leaveUnchecked(res.Unchecked...)
	v.leaveUnchecked(judged.Unchecked...)
	return v, nil
}

// judge returns the violations. whole says whether all rules were checked: the rules after the basic ones are left out
// for a runtime that belongs to no product.
func (c *runtimeCase) judge() (v Verdict, whole bool, err error) {
	if failed(c.named.err) {
		return Verdict{}, false, c.named.err
	}
	if v, err = all(c.basics()); err != nil {
		return Verdict{}, false, err
	}
	if whole = len(v.Violations) == 0; whole {
		more, err := all(c.rules())
		if err != nil {
			return Verdict{}, false, err
		}
		v.Violations = more.Violations
		v.leaveUnchecked(more.Unchecked...)
	}
	if c.deployed == nil || len(v.Violations) == 0 && c.resolution.Missing == nil {
		return v, whole, nil // a runtime without violations moves to the source that it names
	}
	recorded, err := all(c.recordedRules())
	v.Violations = append(v.Violations, recorded.Violations...)
	return v, whole, err
}

func (c *runtimeCase) basics() []rule {
	return []rule{
		{[]string{api.ReasonProductMismatch}, c.productIsTheNamespace, nil},
		{[]string{api.ReasonProductNotFound}, c.productExists, nil},
	}
}

func (c *runtimeCase) rules() []rule {
	refusedEnvironment, environmentUnknown := c.environmentIsAccepted()
	return []rule{
		{[]string{api.ReasonGroupReplaced, api.ReasonGroupMoved}, c.productHasItsGroup, nil},
		{[]string{api.ReasonGroupReplaced, api.ReasonGroupMoved}, c.lenderHasItsGroup, c.lender.err},
		{[]string{api.ReasonRepositoryReplaced}, c.codeRepoIsNotReplaced, nil},
		{[]string{api.ReasonForbiddenMetadata}, c.metadataSteersNothing, nil},
		{[]string{api.ReasonDestinationImmutable}, c.deployedDestinationIsUnchanged, c.named.err},
		{[]string{api.ReasonClusterNotAllowed, api.ReasonClusterImmutable, api.ReasonEnvironmentOnSameCluster},
			func() []*problem.Problem { return refusedEnvironment }, environmentUnknown},
		{[]string{api.ReasonClusterNotAllowed}, c.clusterTakesNewRuntimes, c.placeUnknown()},
		{[]string{api.ReasonProjectNotFound}, c.projectsExist, unanswered(c.projects)},
		{[]string{api.ReasonInvalid}, c.revisionIsABranchOrATag, nil},
		{[]string{api.ReasonInvalid}, c.commitOfOthersIsNotNamed, c.commitUnknown()},
		{[]string{api.ReasonTwinRuntime}, c.hasNoTwin, c.alike.err},
		{[]string{api.ReasonNamespaceReserved}, c.namespacesAreNotReserved, c.reservedUnknown()},
		{[]string{api.ReasonNamespaceInUse}, c.namespacesAreFree, cmp.Or(c.clusterUnknown(), c.holders.err)},
		{[]string{api.ReasonProductLimitReached}, c.productKeepsItsLimits, c.limitsUnknown()},
		{[]string{api.ReasonPermissionDenied, api.ReasonPermissionRevoked},
			c.projectsMayUseTheCodeRepo, cmp.Or(c.unresolved(api.ReasonCodeRepoNotFound), c.bindings.err)},
		{[]string{api.ReasonCodeRepoOwnerChanged}, c.codeRepoKeepsItsOwner, c.named.err},
	}
}

// recordedRules are about the source that a runtime with a violation stays deployed from. A product that may not use
// that source any more must not keep it by naming a source that does not exist, or by any other mistake.
func (c *runtimeCase) recordedRules() []rule {
	d := c.deployed
	return []rule{
		{[]string{api.ReasonPermissionRevoked}, c.recordedCodeRepoIsStillPermitted,
			cmp.Or(d.codeRepo.err, d.bindings.err)},
		{[]string{api.ReasonGroupReplaced, api.ReasonGroupMoved}, c.recordedProductHasItsGroup, d.product.err},
		{[]string{api.ReasonRepoOutsideProduct},
			c.recordedURLLiesInItsProduct, cmp.Or(d.product.err, d.codeRepo.err, d.provider.err)},
		{[]string{api.ReasonRepositoryReplaced}, c.recordedCodeRepoIsNotReplaced, d.codeRepo.err},
		{[]string{api.ReasonInvalid}, c.recordedRevisionIsABranchOrATag, nil},
	}
}

// unresolved returns ErrUnchecked when nobody could be asked for a reference. reason is the reason that a missing
// reference would give.
func (c *runtimeCase) unresolved(reason string) error {
	if slices.Contains(c.resolution.Unchecked, reason) {
		return fmt.Errorf("resolving runtime %s: %s: %w", c.runtime.Name, reason, ErrUnchecked)
	}
	return nil
}

func (c *runtimeCase) productIsTheNamespace() []*problem.Problem {
	if c.runtime.Spec.Product == c.runtime.Namespace {
		return nil
	}
	return only(problem.New(problem.Invalid, api.ReasonProductMismatch,
		"spec.product is %q but the runtime lies in %s: a runtime belongs to the product of its namespace; "+
			"correct spec.product",
		c.runtime.Spec.Product, c.runtime.Namespace).At("spec.product"))
}

func (c *runtimeCase) productExists() []*problem.Problem {
	if c.resolution.Product != nil || slices.Contains(c.resolution.Unchecked, api.ReasonProductNotFound) {
		return nil
	}
	return only(problem.New(problem.Missing, api.ReasonProductNotFound,
		"namespace %s belongs to no Product: create the Product, or move the runtime to the namespace of one",
		c.runtime.Namespace).At("metadata.namespace"))
}

// productHasItsGroup: once a product's group has left its path, whatever lies at that path belongs to strangers.
func (c *runtimeCase) productHasItsGroup() []*problem.Problem {
	if c.resolution.Product == nil {
		return nil
	}
	why := Detached(c.resolution.Product)
	if why == nil {
		return nil
	}
	return only(problem.New(why.Class, why.Reason,
		"%s: what runs keeps running, but nothing new is deployed; ask the platform team", why.Message))
}

// lenderHasItsGroup is the same rule for a code repo of another product. The message does not name that product.
func (c *runtimeCase) lenderHasItsGroup() []*problem.Problem {
	if c.lender.value == nil || Detached(c.lender.value) == nil {
		return nil
	}
	return only(problem.New(problem.Forbidden, Detached(c.lender.value).Reason,
		"code repo %q lies at the path of a group that is not there any more: what runs keeps running, but nothing "+
			"new is deployed; ask the owner of the repo, or name another in %s",
		c.resolution.CodeRepo.Name, codeRepoField).At(codeRepoField))
}

func (c *runtimeCase) metadataSteersNothing() []*problem.Problem { return Metadata(c.runtime) }

func (c *runtimeCase) deployedDestinationIsUnchanged() []*problem.Problem {
	if c.own == nil || c.own.Destination.Environment == c.runtime.Spec.Destination {
		return nil
	}
	return only(problem.New(problem.Invalid, api.ReasonDestinationImmutable,
		"the runtime is deployed to %q and stays there; its destination cannot change to %q: set it back, or delete "+
			"the runtime, wait until it is gone, and create it anew",
		c.own.Destination.Environment, c.runtime.Spec.Destination).At("spec.destination"))
}

// environmentIsAccepted returns only the first reason why the environment is refused. The environment's own status has
// the others.
func (c *runtimeCase) environmentIsAccepted() ([]*problem.Problem, error) {
	if c.environment == nil || c.resolution.Cluster == nil && c.clusterUnknown() == nil {
		return nil, nil
	}
	name := c.resolution.Environment.Name
	v, err := all(c.environment.rules())
	switch {
	case len(v.Violations) > 0:
		p := v.Violations[0]
		refused := problem.New(p.Class, p.Reason, "environment %q cannot be used: %s", name, p.Message)
		return only(refused.At("spec.destination")), nil
	case len(v.Unchecked) > 0:
		return nil, fmt.Errorf("judging environment %s: %w", name, ErrUnchecked)
	}
	return nil, err
}

// clusterTakesNewRuntimes: a cluster that is being removed keeps the runtimes that are recorded there. A record of an
// earlier life of the runtime counts as well.
func (c *runtimeCase) clusterTakesNewRuntimes() []*problem.Problem {
	if !c.clusterIsLeaving() || c.named.err != nil {
		return nil
	}
	there := slices.ContainsFunc(c.named.value, func(r Record) bool {
		return r.Destination.Cluster == c.resolution.Cluster.Name && isRecordOf(&r, c.runtime)
	})
	if there {
		return nil
	}
	return only(TakesNothingNew(c.resolution.Cluster).At("spec.destination"))
}

// clusterIsLeaving says whether the cluster exists and is being removed. A missing cluster is reported by the
// environment.
func (c *runtimeCase) clusterIsLeaving() bool {
	return c.resolution.Cluster != nil && TakesNothingNew(c.resolution.Cluster) != nil
}

// placeUnknown says why clusterTakesNewRuntimes cannot be checked. It needs the records only if the cluster is being
// removed.
func (c *runtimeCase) placeUnknown() error {
	if c.clusterIsLeaving() {
		return c.named.err
	}
	return nil
}

func (c *runtimeCase) projectsExist() []*problem.Problem {
	var violations []*problem.Problem
	for i, project := range c.projects {
		if project.absent() {
			violations = append(violations, problem.New(problem.Missing, api.ReasonProjectNotFound,
				"project %q does not exist in %s: create it, or remove it from spec.projectsRef",
				c.runtime.Spec.ProjectsRef[i], c.runtime.Namespace).At(projectField(i)))
		}
	}
	return violations
}

func projectField(i int) string { return fmt.Sprintf("spec.projectsRef[%d]", i) }

// hasNoTwin names one twin, always the same one. If the records are not known, age and name decide.
func (c *runtimeCase) hasNoTwin() []*problem.Problem {
	var twin *api.DeploymentRuntime
	for _, other := range c.alike.value {
		same := other.Name != c.runtime.Name && c.isTwin(other)
		if same && other.DeletionTimestamp.IsZero() && !c.goesBefore(other) && (twin == nil || other.Name < twin.Name) {
			twin = other
		}
	}
	if twin == nil {
		return nil
	}
	return only(problem.New(problem.Conflict, api.ReasonTwinRuntime,
		"runtime %q already deploys the same code repo, revision and path to %q: change one of them, or delete "+
			"one of the two",
		twin.Name, twin.Spec.Destination).At("spec.manifestSource"))
}

// uses says whether the runtime names this code repo.
func uses(r *api.DeploymentRuntime, product, codeRepo string) bool {
	owner, name := identity.CodeRepoOf(r)
	return owner == product && name == codeRepo
}

// goesBefore says whether this runtime wins against another one of the product. A recorded runtime wins against one
// that is not recorded, then the older one wins, then the first by name. A runtime that is not created yet counts as
// the youngest.
func (c *runtimeCase) goesBefore(other *api.DeploymentRuntime) bool {
	theirs := c.records[other.Name]
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
