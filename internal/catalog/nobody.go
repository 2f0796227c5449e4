package catalog

import (
	"context"
	"fmt"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
)

// nobody is the catalog where there is no management cluster to ask: every answer is rules.ErrUnchecked.
type nobody struct{}

var _ rules.Lookup = nobody{}

func unchecked(format string, args ...any) error {
	return fmt.Errorf(format+": %w", append(args, rules.ErrUnchecked)...)
}

// Product implements rules.Lookup.
func (nobody) Product(_ context.Context, name string) (*api.Product, error) {
	return nil, unchecked("product %s", name)
}

// Cluster implements rules.Lookup.
func (nobody) Cluster(_ context.Context, name string) (*api.Cluster, error) {
	return nil, unchecked("cluster %s", name)
}

// CodeRepoProvider implements rules.Lookup.
func (nobody) CodeRepoProvider(_ context.Context, name string) (*api.CodeRepoProvider, error) {
	return nil, unchecked("code repo provider %s", name)
}

// ProductProviders implements rules.Lookup.
func (nobody) ProductProviders(context.Context) ([]api.ProductProvider, error) {
	return nil, unchecked("product providers")
}

// Environment implements rules.Lookup.
func (nobody) Environment(_ context.Context, product, name string) (*api.Environment, error) {
	return nil, unchecked("environment %s of %s", name, product)
}

// Project implements rules.Lookup.
func (nobody) Project(_ context.Context, product, name string) (*api.Project, error) {
	return nil, unchecked("project %s of %s", name, product)
}

// CodeRepo implements rules.Lookup.
func (nobody) CodeRepo(_ context.Context, product, name string) (*api.CodeRepo, error) {
	return nil, unchecked("code repo %s of %s", name, product)
}

// Runtime implements rules.Lookup.
func (nobody) Runtime(_ context.Context, product, name string) (*api.DeploymentRuntime, error) {
	return nil, unchecked("runtime %s of %s", name, product)
}

// Clusters implements rules.Lookup.
func (nobody) Clusters(context.Context) ([]api.Cluster, error) { return nil, unchecked("clusters") }

// Environments implements rules.Lookup.
func (nobody) Environments(_ context.Context, product string) ([]api.Environment, error) {
	return nil, unchecked("environments of %s", product)
}

// Projects implements rules.Lookup.
func (nobody) Projects(_ context.Context, product string) ([]api.Project, error) {
	return nil, unchecked("projects of %s", product)
}

// CodeRepos implements rules.Lookup.
func (nobody) CodeRepos(_ context.Context, product string) ([]api.CodeRepo, error) {
	return nil, unchecked("code repos of %s", product)
}

// Runtimes implements rules.Lookup.
func (nobody) Runtimes(_ context.Context, product string) ([]api.DeploymentRuntime, error) {
	return nil, unchecked("runtimes of %s", product)
}

// Bindings implements rules.Lookup.
func (nobody) Bindings(_ context.Context, product string) ([]api.CodeRepoBinding, error) {
	return nil, unchecked("bindings of %s", product)
}

// Records implements rules.Lookup.
func (nobody) Records(_ context.Context, cluster string) ([]rules.Record, error) {
	return nil, unchecked("records on cluster %s", cluster)
}

// RecordsOf implements rules.Lookup.
func (nobody) RecordsOf(_ context.Context, product string) ([]rules.Record, error) {
	return nil, unchecked("records of %s", product)
}
