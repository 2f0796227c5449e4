package product

import (
	"testing"

	argo "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"

	"github.com/nautes-labs/deployment-runtime/internal/desired"
)

func TestADefaultProjectThatIsNotReadFileByFileIsNotSynced(t *testing.T) {
	for kind, want := range map[string]string{"": "True/Synced", "Directory": "True/Synced",
		"Kustomize": "False/ManifestError", "Helm": "False/ManifestError", "Plugin": "False/ManifestError"} {
		app := desired.StreamApplication(desired.Stream{Product: "product-7", RepoURL: "https://x/y.git",
			Hub: "in-cluster"}, "argocd")
		app.Status.Sync.Status, app.Status.Sync.Revision = "Synced", "r1"
		app.Status.Sync.ComparedTo.Source, app.Status.Sync.ComparedTo.Destination = *app.Spec.Source,
			app.Spec.Destination
		app.Status.SourceType = argo.ApplicationSourceType(kind)
		if c, _ := streamCondition(app); string(c.Status)+"/"+c.Reason != want {
			t.Errorf("%q: got %+v, want %s", kind, c, want)
		}
	}
}
