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

// streamBranch is the full name of the only branch of default.project that counts. The short name "main" could also be
// a tag, which people may create who may not push to the branch.
const streamBranch = "refs/heads/" + identity.Branch

// Stream describes how a product's default.project is synced into the management cluster.
type Stream struct {
	Product string
	// RepoURL of default.project.
	RepoURL string
	// Hub is Argo CD's name of the management cluster.
	Hub      string
	Instance string
}

// StreamProject returns the AppProject of the stream: only the five product-scope kinds, in only one namespace.
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

// StreamApplication returns the Application that syncs default.project. It has no finalizer: when it is deleted, the
// product's resources stay, and the operator writes it again.
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
