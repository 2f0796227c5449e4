package desired

import (
	"slices"

	argo "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
)

// Application returns the Application of a runtime. It is its record; with automated set it also deploys.
func Application(p placement.Placement, argoNamespace string, automated bool) *argo.Application {
	l := labels(p.Product, p.Instance)
	l[api.LabelRuntime] = p.Runtime.Name
	l[api.LabelEnvironment] = p.Destination.Environment
	l[api.LabelCluster] = p.Destination.Cluster
	return &argo.Application{
		TypeMeta: metav1.TypeMeta{APIVersion: argo.SchemeGroupVersion.String(), Kind: "Application"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace:   argoNamespace,
			Name:        identity.Application(p.Runtime.Namespace, p.Runtime.Name),
			Labels:      l,
			Annotations: map[string]string{api.AnnotationPlacement: p.Encode()},
			Finalizers:  []string{api.Finalizer},
		},
		Spec: argo.ApplicationSpec{
			Project: identity.AppProject(p.Product),
			Source:  &argo.ApplicationSource{RepoURL: p.RepoURL, Path: p.Path, TargetRevision: p.Target()},
			// By name, never by URL: a cluster whose API server moves keeps its Applications.
			Destination: argo.ApplicationDestination{Name: p.Destination.Cluster, Namespace: p.Namespaces[0]},
			SyncPolicy:  runtimePolicy(automated),
		},
	}
}

// failOnShared keeps an Application from taking objects that Argo CD counts to another one.
const failOnShared = "FailOnSharedResource=true"

// runtimePolicy lets Argo CD apply by itself, and never remove: the operator judges first what is to be removed.
func runtimePolicy(automated bool) *argo.SyncPolicy {
	p := syncPolicy()
	p.SyncOptions = argo.SyncOptions{failOnShared}
	if automated {
		p.Automated = &argo.SyncPolicyAutomated{SelfHeal: true}
	}
	return p
}

// syncPolicy never lets Argo CD retry by itself: a retry of an old commit would hold up the fix. The operator asks for the next
// sync. An empty Retry is Argo CD's normal form of "limit 0".
func syncPolicy() *argo.SyncPolicy {
	return &argo.SyncPolicy{Retry: &argo.RetryStrategy{}}
}

// Merge returns live with everything set that want asks for: the whole spec, so that foreign fields go, and our labels,
// annotations and finalizer, so that other people's stay.
func Merge(live, want *argo.Application) *argo.Application {
	out := Disarmed(live) // during life an armed Application is a loaded gun, whoever armed it
	out.Spec = *want.Spec.DeepCopy()
	for k, v := range want.Labels {
		metav1.SetMetaDataLabel(&out.ObjectMeta, k, v)
	}
	for k, v := range want.Annotations {
		metav1.SetMetaDataAnnotation(&out.ObjectMeta, k, v)
	}
	for _, f := range want.Finalizers {
		if !slices.Contains(out.Finalizers, f) {
			out.Finalizers = append(out.Finalizers, f)
		}
	}
	return out
}
