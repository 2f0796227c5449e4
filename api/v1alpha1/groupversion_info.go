// Package v1alpha1 is the language of the system: the nine kinds of the API group nautes.resource.nautes.io, their
// conditions with every reason, and the labels and annotations that a person or a program may rely on.
//
// The names in this package are a contract with clients. They change only together with the users' guide.
//
// +kubebuilder:object:generate=true
// +groupName=nautes.resource.nautes.io
package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Group is the API group of all kinds.
const Group = "nautes.resource.nautes.io"

// GroupVersion is the group and version of all kinds.
var GroupVersion = schema.GroupVersion{Group: Group, Version: "v1alpha1"}

// AddToScheme registers all kinds of the group.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion,
		&Cluster{}, &ClusterList{},
		&CodeRepo{}, &CodeRepoList{},
		&CodeRepoBinding{}, &CodeRepoBindingList{},
		&CodeRepoProvider{}, &CodeRepoProviderList{},
		&DeploymentRuntime{}, &DeploymentRuntimeList{},
		&Environment{}, &EnvironmentList{},
		&Product{}, &ProductList{},
		&ProductProvider{}, &ProductProviderList{},
		&Project{}, &ProjectList{},
	)
	metav1.AddToGroupVersion(s, GroupVersion)
	return nil
}
