package catalog

import (
	"context"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/resolve"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
)

// nobody is the rules.Lookup that is used without a management cluster: it answers every question with
// rules.ErrUnchecked.
type nobody struct{}

var _ rules.Lookup = nobody{}

func unchecked(format string, args ...any) error {
	return fmt.Errorf(format+": %w", append(args, rules.ErrUnchecked)...)
}

// Get implements rules.Lookup.
func (nobody) Get(_ context.Context, kind, product, name string) (client.Object, error) {
	return nil, unchecked("%s %s/%s", kind, product, name)
}

// List implements rules.Lookup.
func (nobody) List(_ context.Context, kind, product string) ([]client.Object, error) {
	return nil, unchecked("%s of %q", kind, product)
}

// Deploying implements rules.Lookup.
func (nobody) Deploying(_ context.Context, product string, _ resolve.Deployment) ([]*api.DeploymentRuntime, error) {
	return nil, unchecked("runtimes of %s", product)
}

// Recorded implements rules.Lookup.
func (nobody) Recorded(_ context.Context, product, runtime string) ([]rules.Record, error) {
	return nil, unchecked("record of %s/%s", product, runtime)
}

// Holders implements rules.Lookup.
func (nobody) Holders(_ context.Context, cluster, namespace string) ([]rules.Holder, error) {
	return nil, unchecked("who holds %s on cluster %s", namespace, cluster)
}

// Total implements rules.Lookup.
func (nobody) Total(_ context.Context, product string) (rules.Total, error) {
	return rules.Total{}, unchecked("records of %s", product)
}

// RecordsOf implements rules.Lookup.
func (nobody) RecordsOf(_ context.Context, product string) ([]rules.Record, error) {
	return nil, unchecked("records of %s", product)
}
