package judged

import (
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/wake"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
)

// Environments returns the kind Environment.
func Environments() Kind[*api.Environment] {
	return Kind[*api.Environment]{
		name:   "environment",
		empty:  func() *api.Environment { return &api.Environment{} },
		list:   func() client.ObjectList { return &api.EnvironmentList{} },
		judge:  rules.Environment,
		status: func(e *api.Environment) *api.ObservedStatus { return &e.Status },
		watches: []watch[*api.Environment]{
			{&api.Product{}, wake.ExistenceChanged(), nil, productOf},
			{&api.Cluster{}, wake.ClusterChanged(),
				func(e *api.Environment, o client.Object) bool { return e.Spec.Cluster == o.GetName() }, nil},
			{&api.Environment{}, wake.SpecChanged(), nil, client.Object.GetNamespace},
			{&observed.Application{}, wake.RecordChanged(), isRecordedBy, productOfRecord},
		},
	}
}

// Projects returns the kind Project.
func Projects() Kind[*api.Project] {
	return Kind[*api.Project]{
		name:   "project",
		empty:  func() *api.Project { return &api.Project{} },
		list:   func() client.ObjectList { return &api.ProjectList{} },
		judge:  rules.Project,
		status: func(p *api.Project) *api.ObservedStatus { return &p.Status },
		watches: []watch[*api.Project]{
			{&api.Product{}, wake.ExistenceChanged(), nil, productOf},
		},
	}
}

// CodeRepoBindings returns the kind CodeRepoBinding.
func CodeRepoBindings() Kind[*api.CodeRepoBinding] {
	return Kind[*api.CodeRepoBinding]{
		name:   "coderepobinding",
		empty:  func() *api.CodeRepoBinding { return &api.CodeRepoBinding{} },
		list:   func() client.ObjectList { return &api.CodeRepoBindingList{} },
		judge:  rules.CodeRepoBinding,
		status: func(b *api.CodeRepoBinding) *api.ObservedStatus { return &b.Status },
		watches: []watch[*api.CodeRepoBinding]{
			{&api.Product{}, wake.ExistenceChanged(), nil, productOf},
			{&api.CodeRepo{}, wake.ExistenceChanged(), nil, client.Object.GetNamespace},
			{&api.Project{}, wake.ExistenceChanged(), nil, client.Object.GetNamespace},
		},
	}
}

// productOf returns the namespace of a Product.
func productOf(product client.Object) string { return product.GetName() }

// productOfRecord returns the namespace of the product whose runtime an Application is the record of.
func productOfRecord(app client.Object) string {
	record, err := placement.Decode(app.GetAnnotations()[api.AnnotationPlacement])
	if err != nil {
		return ""
	}
	return record.Product
}

// isRecordedBy says whether the Application is the record of a runtime in the environment, or on its cluster.
func isRecordedBy(e *api.Environment, app client.Object) bool {
	record, err := placement.Decode(app.GetAnnotations()[api.AnnotationPlacement])
	return err == nil && (record.Destination.Environment == e.Name || record.Destination.Cluster == e.Spec.Cluster)
}

// CodeRepoProviders returns the kind CodeRepoProvider, which counts in the system namespace only.
func CodeRepoProviders(systemNamespace string) Kind[*api.CodeRepoProvider] {
	return Kind[*api.CodeRepoProvider]{
		name:      "coderepoprovider",
		namespace: systemNamespace,
		empty:     func() *api.CodeRepoProvider { return &api.CodeRepoProvider{} },
		list:      func() client.ObjectList { return &api.CodeRepoProviderList{} },
		judge:     rules.CodeRepoProvider,
		status:    func(p *api.CodeRepoProvider) *api.ObservedStatus { return &p.Status },
	}
}
