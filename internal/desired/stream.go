package desired

import (
	argo "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/kinds"
)

// streamInclude limits the stream to the four directories of default.project, at any depth below them.
const streamInclude = "{runtimes/*,envs/*,projects/*,code-repos/*}"

// streamBranch is the branch of default.project that counts, by its full name: whoever may not push to it may well make a tag called "main".
const streamBranch = "refs/heads/" + identity.Branch

// Stream describes how a product's default.project gets into the management cluster.
type Stream struct {
	Product string
	// RepoURL of default.project.
	RepoURL string
	// Hub is the name under which Argo CD knows the management cluster.
	Hub      string
	Instance string
}

// StreamProject returns the AppProject of the stream: exactly the five product-scope kinds, in exactly one namespace.
func StreamProject(s Stream, argoNamespace string) *argo.AppProject {
	var permitted []metav1.GroupKind
	for _, k := range kinds.OfScope(kinds.Product) {
		permitted = append(permitted, metav1.GroupKind{Group: api.Group, Kind: k.Name})
	}
	return &argo.AppProject{
		TypeMeta: metav1.TypeMeta{APIVersion: argo.SchemeGroupVersion.String(), Kind: "AppProject"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: argoNamespace, Name: identity.Stream(s.Product),
			Labels: labels(s.Product, s.Instance), Annotations: owned(s.Product, s.Instance),
		},
		Spec: argo.AppProjectSpec{
			Description:                "default.project of " + s.Product,
			SourceRepos:                []string{s.RepoURL},
			Destinations:               []argo.ApplicationDestination{{Name: s.Hub, Namespace: s.Product}},
			NamespaceResourceWhitelist: permitted,
		},
	}
}

// StreamApplication returns the Application that syncs default.project. It has no finalizer: deleting it leaves the product's
// resources as they are, and the operator writes it again.
func StreamApplication(s Stream, argoNamespace string) *argo.Application {
	policy := syncPolicy()
	policy.Automated = &argo.SyncPolicyAutomated{Prune: true, SelfHeal: true}
	return &argo.Application{
		TypeMeta: metav1.TypeMeta{APIVersion: argo.SchemeGroupVersion.String(), Kind: "Application"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: argoNamespace, Name: identity.Stream(s.Product),
			Labels: labels(s.Product, s.Instance), Annotations: owned(s.Product, s.Instance),
		},
		Spec: argo.ApplicationSpec{
			Project: identity.Stream(s.Product),
			Source: &argo.ApplicationSource{
				RepoURL: s.RepoURL, Path: ".", TargetRevision: streamBranch,
				Directory: &argo.ApplicationSourceDirectory{Recurse: true, Include: streamInclude},
			},
			Destination: argo.ApplicationDestination{Name: s.Hub, Namespace: s.Product},
			SyncPolicy:  policy,
		},
	}
}
