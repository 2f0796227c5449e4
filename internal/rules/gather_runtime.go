package rules

import (
	"cmp"
	"context"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/resolve"
)

// runtimeCase is what the rules of a runtime look at.
type runtimeCase struct {
	runtime    *api.DeploymentRuntime
	resolution resolve.Resolution
	system     SystemNamespaces
	// records are those of the product.
	records fact[[]Record]
	// own is the record of this very life of the runtime; nil when it is not recorded.
	own *Record
	// environment is nil where the runtime's does not exist.
	environment *environmentCase
	// onCluster are the records of all products on the cluster.
	onCluster fact[[]Record]
	// alike are the runtimes of the product that deploy the same; this one may be among them.
	alike fact[[]*api.DeploymentRuntime]
	// projects are those that the runtime names.
	projects []found[api.Project]
	// lender is the owner of the code repo, where that is another product.
	lender found[api.Product]
	// bindings lie in the product of the code repo.
	bindings fact[[]*api.CodeRepoBinding]
	// deployed is nil when no life of the runtime is recorded.
	deployed *deployedCase
}

// deployedCase is what a runtime is deployed from, by the record of this or an earlier life.
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
	// What an earlier life of the runtime left is deployed all the same.
	if record := cmp.Or(c.own, c.recordNamed(r)); record != nil {
		c.deployed = gatherDeployed(ctx, l, record)
	}
	return c
}

// gatherDeployed takes the product itself for the owner where the record does not know it: a record that was written
// again from the status does not.
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

// isRecordOf says whether the record is of a runtime of that name, in whatever life.
func isRecordOf(rec *Record, r *api.DeploymentRuntime) bool {
	return rec.Runtime.Namespace == r.Namespace && rec.Runtime.Name == r.Name
}

// recordNamed returns the record of any life of the runtime.
func (c *runtimeCase) recordNamed(r *api.DeploymentRuntime) *Record {
	for i := range c.records.value {
		if rec := &c.records.value[i]; isRecordOf(rec, r) {
			return rec
		}
	}
	return nil
}

// recordOf returns the record of this very life of the runtime.
func (c *runtimeCase) recordOf(r *api.DeploymentRuntime) *Record {
	for i := range c.records.value {
		if rec := &c.records.value[i]; isRecordOf(rec, r) && rec.Runtime.UID == string(r.UID) {
			return rec
		}
	}
	return nil
}
