package argocd

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/catalog"
	"github.com/nautes-labs/deployment-runtime/internal/desired"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// OwnProject reads the AppProject of a record's product from the API server itself: nil when there is none,
// NameConflict when somebody else made it.
func OwnProject(ctx context.Context, live client.Reader, namespace string,
	p placement.Placement) (*observed.AppProject, error) {
	var project observed.AppProject
	absent, err := catalog.IsAbsent(ctx, live,
		client.ObjectKey{Namespace: namespace, Name: identity.AppProject(p.Product)}, &project)
	if err != nil || absent {
		return nil, err
	}
	if conflict := ForeignProject(&project, p.Product, p.Instance); conflict != nil {
		return nil, conflict
	}
	return &project, nil
}

// ForeignProject says that an AppProject is not the one that the operator made for the product, or returns nil.
func ForeignProject(project *observed.AppProject, product, instance string) *problem.Problem {
	if project.Annotations[api.AnnotationOwner] == desired.Owner(product, instance) {
		return nil
	}
	return Foreign("AppProject", project.Name)
}

// Foreign says that something of our name is somebody else's.
func Foreign(kind, name string) *problem.Problem {
	return problem.New(problem.Conflict, api.ReasonNameConflict,
		"an %s named %s exists that was not made by this operator: it is left alone; rename or remove it", kind, name)
}
