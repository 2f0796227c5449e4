package rules

import (
	"cmp"
	"context"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/resolve"
)

// runtimeCase holds the facts for the rules of a runtime.
type runtimeCase struct {
	runtime    *api.DeploymentRuntime
	resolution resolve.Resolution
	system     SystemNamespaces
	// records are the records of the product.
	records fact[[]Record]
	// own is the record with the UID of this runtime; nil when there is none.
	own *Record
	// environment is nil when the environment of the runtime does not exist.
	environment *environmentCase
	// onCluster are the records of all products on the cluster.
	onCluster fact[[]Record]
	// alike are the runtimes of the product that deploy the same code repo, revision and path. This runtime may be
	// among them.
	alike fact[[]*api.DeploymentRuntime]
	// projects are the projects that the runtime names.
	projects []found[api.Project]
	// lender is the product of the code repo, if that is another product.
	lender found[api.Product]
	// bindings are all bindings in the product of the code repo.
	bindings fact[[]*api.CodeRepoBinding]
	// deployed is nil when there is no record under the name of the runtime.
	deployed *deployedCase
}

// deployedCase holds the facts about the source that a runtime is deployed from. They come from the record of this life
// of the runtime or of an earlier one.
type deployedCase struct {
	*Record
	// owner is the product of the code repo.
	owner    string
	product  found[api.Product]
	codeRepo found[api.CodeRepo]
	provider found[api.CodeRepoProvider]
	bindings fact[[]*api.CodeRepoBinding]
}

func gatherRuntime(
	ctx context.Context, l Lookup, r *api.DeploymentRuntime, res resolve.Resolution, system SystemNamespaces,
) *runtimeCase {
	c := &runtimeCase{
		runtime: r, resolution: res, system: system,
		records:  answer(l.RecordsOf(ctx, r.Namespace)),
		alike:    answer(l.Deploying(ctx, r.Namespace, resolve.DeploymentOf(r))),
		projects: gatherProjects(ctx, l, r.Namespace, r.Spec.ProjectsRef),
	}
	c.own = c.recordOf(r)
	if res.Environment != nil {
		c.environment = gatherEnvironment(ctx, l, res.Environment, c.records)
	}
	if res.Cluster != nil {
		c.onCluster = answer(l.Records(ctx, res.Cluster.Name))
	}
	if repo := res.CodeRepo; repo != nil {
		c.bindings = answer(resolve.List[api.CodeRepoBinding](ctx, l, repo.Namespace))
		if repo.Namespace != r.Namespace {
			c.lender = find[api.Product](ctx, l, "", repo.Namespace)
		}
	}
	// What an earlier life of the runtime deployed is still there, so its record counts.
	if record := cmp.Or(c.own, c.recordNamed(r)); record != nil {
		c.deployed = gatherDeployed(ctx, l, record)
	}
	return c
}

// gatherDeployed takes the runtime's product as the owner of the code repo if the record does not name an owner. A
// record that was restored from the status does not.
func gatherDeployed(ctx context.Context, l Lookup, record *Record) *deployedCase {
	owner := cmp.Or(record.RepoProduct, record.Runtime.Namespace)
	d := &deployedCase{
		Record: record, owner: owner,
		product:  find[api.Product](ctx, l, "", owner),
		codeRepo: find[api.CodeRepo](ctx, l, owner, record.CodeRepo),
		bindings: answer(resolve.List[api.CodeRepoBinding](ctx, l, owner)),
	}
	if repo := d.codeRepo.value; repo != nil {
		d.provider = find[api.CodeRepoProvider](ctx, l, "", repo.Spec.CodeRepoProvider)
	}
	return d
}

// isRecordOf says whether the record is of a runtime of this name. The UIDs may differ.
func isRecordOf(rec *Record, r *api.DeploymentRuntime) bool {
	return rec.Runtime.Namespace == r.Namespace && rec.Runtime.Name == r.Name
}

// recordNamed returns a record under the name of the runtime. The UIDs may differ.
func (c *runtimeCase) recordNamed(r *api.DeploymentRuntime) *Record {
	for i := range c.records.value {
		if rec := &c.records.value[i]; isRecordOf(rec, r) {
			return rec
		}
	}
	return nil
}

// recordOf returns the record with the name and the UID of the runtime.
func (c *runtimeCase) recordOf(r *api.DeploymentRuntime) *Record {
	for i := range c.records.value {
		if rec := &c.records.value[i]; isRecordOf(rec, r) && rec.Runtime.UID == string(r.UID) {
			return rec
		}
	}
	return nil
}
