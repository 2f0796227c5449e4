package desired

import (
	"slices"

	argo "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
)

// Application returns the Application of a runtime. The Application holds the record. With automated set it also
// deploys.
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
			// By name, never by URL: when the API server of a cluster gets another address, its Applications stay the
			// same.
			Destination: argo.ApplicationDestination{Name: p.Destination.Cluster, Namespace: p.Namespaces[0]},
			SyncPolicy:  runtimePolicy(automated),
		},
	}
}

// failOnShared makes a sync fail that would take objects which Argo CD counts to another Application.
const failOnShared = "FailOnSharedResource=true"

// runtimePolicy lets Argo CD apply by itself but never remove objects: the operator first judges what may be removed.
func runtimePolicy(automated bool) *argo.SyncPolicy {
	p := syncPolicy()
	p.SyncOptions = argo.SyncOptions{failOnShared}
	if automated {
		p.Automated = &argo.SyncPolicyAutomated{SelfHeal: true}
	}
	return p
}

// syncPolicy never lets Argo CD retry by itself, because a retry of an old commit would delay the fix. The operator
// requests the next sync. An empty Retry is Argo CD's normal form of "limit 0".
func syncPolicy() *argo.SyncPolicy {
	return &argo.SyncPolicy{Retry: &argo.RetryStrategy{}}
}

// Merge returns live with everything set that want asks for. It sets the whole spec, so that foreign fields are
// removed. It adds our labels, annotations and finalizer, so that those of others stay.
func Merge(live, want *argo.Application) *argo.Application {
	out := Disarmed(live) // while a runtime lives its Application must not be armed, whoever armed it
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
