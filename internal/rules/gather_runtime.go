package rules

import (
	"cmp"
	"context"
	"slices"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
	"github.com/nautes-labs/deployment-runtime/internal/resolve"
)

// runtimeCase holds the facts for the rules of a runtime.
type runtimeCase struct {
	runtime    *api.DeploymentRuntime
	resolution resolve.Resolution
	system     SystemNamespaces
	// named are the records of the product under the name of the runtime. The UIDs may differ.
	named fact[[]Record]
	// own is the record with the UID of this runtime; nil when there is none.
	own *Record
	// environment is nil when the environment of the runtime does not exist.
	environment *environmentCase
	// total is what the records of the product add up to.
	total fact[Total]
	// holders are the products that hold the runtime's namespaces, and those that are granted to the product, on the
	// cluster.
	holders fact[map[string][]Holder]
	// alike are the runtimes of the product that deploy the same code repo, revision and path. This runtime may be
	// among them.
	alike fact[[]*api.DeploymentRuntime]
	// records are the records of this runtime and of those that are alike, by name. Each has the UID of its runtime.
	records map[string]*Record
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
		named:    answer(l.Recorded(ctx, r.Namespace, r.Name)),
		total:    answer(l.Total(ctx, r.Namespace)),
		alike:    gatherAlike(ctx, l, r, res.CodeRepo),
		projects: gatherProjects(ctx, l, r.Namespace, r.Spec.ProjectsRef),
	}
	c.own = recordOf(r, c.named.value)
	c.gatherRecords(ctx, l)
	if res.Environment != nil {
		c.environment = gatherEnvironment(ctx, l, res.Environment, c.total)
	}
	if res.Cluster != nil {
		c.holders = gatherHolders(ctx, l, r, res.Cluster)
	}
	if repo := res.CodeRepo; repo != nil {
		c.bindings = answer(resolve.List[api.CodeRepoBinding](ctx, l, repo.Namespace))
		if repo.Namespace != r.Namespace {
			c.lender = find[api.Product](ctx, l, "", repo.Namespace)
		}
	}
	// What an earlier life of the runtime deployed is still there, so its record counts.
	if record := cmp.Or(c.own, recordNamed(r, c.named.value)); record != nil {
		c.deployed = gatherDeployed(ctx, l, record)
	}
	return c
}

// gatherAlike looks up the runtimes with the same deployment. HEAD and the name of the default branch are one revision.
func gatherAlike(ctx context.Context, l Lookup, r *api.DeploymentRuntime,
	repo *api.CodeRepo) fact[[]*api.DeploymentRuntime] {
	d := resolve.DeploymentOf(r)
	alike := answer(l.Deploying(ctx, r.Namespace, d))
	if repo == nil || repo.Status.DefaultBranch == "" || alike.err != nil {
		return alike
	}
	other := d.At(placement.Head)
	if other == d {
		other = d.At(repo.Status.DefaultBranch)
	} else if d != d.At(repo.Status.DefaultBranch) {
		return alike
	}
	more := answer(l.Deploying(ctx, r.Namespace, other))
	return fact[[]*api.DeploymentRuntime]{value: slices.Concat(alike.value, more.value), err: more.err}
}

// gatherRecords looks up the records of the runtimes that are alike. One that cannot be looked up leaves alike without an
// answer.
func (c *runtimeCase) gatherRecords(ctx context.Context, l Lookup) {
	c.records = map[string]*Record{c.runtime.Name: c.own}
	for _, other := range c.alike.value {
		if other.Name == c.runtime.Name {
			continue
		}
		records, err := l.Recorded(ctx, other.Namespace, other.Name)
		if failed(err) {
			c.alike = fact[[]*api.DeploymentRuntime]{err: err}
			return
		}
		c.records[other.Name] = recordOf(other, records)
	}
}

func gatherHolders(
	ctx context.Context, l Lookup, r *api.DeploymentRuntime, cluster *api.Cluster,
) (f fact[map[string][]Holder]) {
	f.value = map[string][]Holder{}
	for _, ns := range slices.Concat(r.EffectiveNamespaces(), GrantedNamespaces(cluster, r.Namespace)) {
		if _, known := f.value[ns]; known {
			continue
		}
		if f.value[ns], f.err = l.Holders(ctx, cluster.Name, ns); f.err != nil {
			return f
		}
	}
	return f
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
func recordNamed(r *api.DeploymentRuntime, records []Record) *Record {
	for i := range records {
		if rec := &records[i]; isRecordOf(rec, r) {
			return rec
		}
	}
	return nil
}

// recordOf returns the record with the name and the UID of the runtime.
func recordOf(r *api.DeploymentRuntime, records []Record) *Record {
	for i := range records {
		if rec := &records[i]; isRecordOf(rec, r) && rec.Runtime.UID == string(r.UID) {
			return rec
		}
	}
	return nil
}
