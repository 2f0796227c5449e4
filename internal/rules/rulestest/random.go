package rulestest

import (
	"fmt"
	"math/rand/v2"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
)

// Facts are the objects and records of a world.
type Facts struct {
	Objects []client.Object
	Records []rules.Record
}

// World returns a world with the facts.
func (f Facts) World() *World { return New(f.Objects...).Record(f.Records...) }

// Random returns facts that are the same for the same seed. There are few names, so that most objects are in the way of
// others: the same namespaces, the same deployments, several environments on one cluster, limits that are reached,
// records of earlier lives.
func Random(seed uint64) Facts {
	d := &dice{rand.New(rand.NewPCG(seed, 0))} //nolint:gosec // a test needs the same numbers again
	var f Facts
	f.Objects = append(f.Objects, Provider("gitlab"))
	for _, name := range randomClusters() {
		if !d.one(10) {
			f.Objects = append(f.Objects, d.cluster(name))
		}
	}
	for _, p := range randomProducts() {
		if !d.one(12) {
			f.Objects = append(f.Objects, Product(p, "group-"+p, func(o *api.Product) {
				if d.one(12) {
					o.Annotations = map[string]string{api.AnnotationGroupMoved: "elsewhere"}
				}
			}))
		}
		f.Objects = append(f.Objects, d.productObjects(p)...)
		for i := range 6 {
			r := d.runtime(p, fmt.Sprint("r", i))
			if !d.one(5) {
				f.Objects = append(f.Objects, r)
			}
			if d.one(2) {
				f.Records = append(f.Records, d.record(r))
			}
		}
	}
	return f
}

func randomProducts() []string { return []string{"product-1", "product-2", "product-3"} }
func randomClusters() []string { return []string{"c1", "c2", "c3"} }

type dice struct{ *rand.Rand }

// one says yes once in n times.
func (d *dice) one(n int) bool { return d.IntN(n) == 0 }

func (d *dice) of(names ...string) string { return names[d.IntN(len(names))] }

func (d *dice) some(names ...string) []string {
	var chosen []string
	for _, n := range names {
		if d.one(3) {
			chosen = append(chosen, n)
		}
	}
	return chosen
}

func (d *dice) age() time.Time { return Epoch().Add(time.Duration(d.IntN(4)) * time.Hour) }

func (d *dice) namespace() string {
	return d.of("a", "b", "c", "d", "e", "f", "monitoring", "kube-system", "shared", "r1")
}

func (d *dice) cluster(name string) *api.Cluster {
	return Cluster(name, func(c *api.Cluster) {
		if d.one(8) {
			now := metav1.NewTime(Epoch())
			c.DeletionTimestamp = &now
		}
		if d.one(12) {
			c.Status.UID = ""
		}
		if d.one(8) {
			c.Spec.AllowedProducts = d.some(randomProducts()...)
		}
		c.Spec.ReservedNamespaces = d.some("a", "shared")
		if d.one(2) {
			c.Spec.ReservedNamespacesAllowedProducts = map[string][]string{"shared": d.some(randomProducts()...)}
		}
		if d.one(2) {
			limit := api.ProductLimit{Runtimes: 1 + d.Int32N(5), Namespaces: 1 + d.Int32N(6)}
			c.Spec.ProductLimits = &api.ProductLimits{ProductLimit: limit}
		}
	})
}

func (d *dice) productObjects(p string) []client.Object {
	var out []client.Object
	for _, e := range []string{"dev", "test", "prod"} {
		if !d.one(6) {
			out = append(out, Environment(p, e, d.of(randomClusters()...), func(o *api.Environment) {
				o.CreationTimestamp = metav1.NewTime(d.age())
				if d.one(10) {
					o.CreationTimestamp = metav1.Time{}
				}
			}))
		}
	}
	for _, repo := range []string{"repo-1", "repo-2"} {
		if !d.one(8) {
			out = append(out, CodeRepo(p, repo, repo, func(o *api.CodeRepo) { o.Spec.Project = d.of("shop", "cart", "") }))
		}
		for i, user := range randomProducts() {
			if d.one(3) {
				out = append(out, Binding(p, fmt.Sprint("b-", repo, i), repo, user,
					func(b *api.CodeRepoBinding) { b.Spec.Projects = d.some("shop", "cart") }))
			}
		}
	}
	return append(out, Project(p, "shop"))
}

func (d *dice) runtime(p, name string) *api.DeploymentRuntime {
	return Runtime(p, name, d.of("repo-1", "repo-2", "product-1/repo-1", "product-2/repo-2"),
		d.of("dev", "test", "prod"), func(r *api.DeploymentRuntime) {
			r.CreationTimestamp = metav1.NewTime(d.age())
			r.UID = types.UID(d.of("first", "second"))
			r.Spec.ManifestSource.TargetRevision = d.of("HEAD", "main", "v1", "refs/tags/v1",
				"0123456789012345678901234567890123456789")
			r.Spec.ManifestSource.Path = d.of("x", "y")
			r.Spec.ProjectsRef = d.some("shop", "cart")
			for range d.IntN(4) {
				r.Spec.Namespaces = append(r.Spec.Namespaces, d.namespace())
			}
			if d.one(10) {
				now := metav1.NewTime(Epoch())
				r.DeletionTimestamp = &now
			}
		})
}

// record returns a record of a runtime that may have changed since, or of an earlier life of it.
func (d *dice) record(r *api.DeploymentRuntime) rules.Record {
	return Record(r.Namespace, r.Name, r.Spec.Destination, d.of(randomClusters()...), func(rec *rules.Record) {
		s := r.Spec.ManifestSource
		rec.Runtime.UID = d.of("first", "second", string(r.UID))
		rec.Since = d.age()
		rec.Namespaces = r.EffectiveNamespaces()
		rec.Revision, rec.Path, rec.CodeRepo = s.TargetRevision, s.Path, d.of("repo-1", "repo-2")
		rec.RepoProduct = d.of("", r.Namespace, "product-1", "product-2")
		rec.RepoURL = "https://gitlab.example.com/group-" + r.Namespace + "/" + rec.CodeRepo + ".git"
		if d.one(3) {
			rec.Destination = placement.Destination{
				Environment: d.of("dev", "test", "prod", "gone"), Cluster: d.of(randomClusters()...)}
		}
		if d.one(3) {
			rec.Namespaces, rec.Leaving = append([]string{d.namespace()}, rec.Namespaces...), []string{d.namespace()}
		}
		if d.one(3) {
			rec.Ref, rec.RefFound = "refs/tags/v1", d.one(2)
		}
	})
}
