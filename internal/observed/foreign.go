package observed

import (
	"slices"
	"strings"

	argo "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

// isForeign says that nothing on the Application has a name of ours: somebody else made it.
func isForeign(app *argo.Application) bool {
	ours := func(name string) bool { return strings.Contains(name, api.Group) }
	for _, keys := range []map[string]string{app.Labels, app.Annotations} {
		for key := range keys {
			if ours(key) {
				return false
			}
		}
	}
	return !slices.ContainsFunc(app.Finalizers, ours)
}

// stripForeign leaves of an Application of others what is asked of it: its AppProject, its destination, and the
// repositories that it reads.
func stripForeign(app *argo.Application) {
	app.Annotations = nil
	app.Status = argo.ApplicationStatus{}
	app.Operation = nil
	app.Spec.IgnoreDifferences, app.Spec.Info, app.Spec.SyncPolicy = nil, nil, nil
	if app.Spec.Source != nil {
		app.Spec.Source = &argo.ApplicationSource{RepoURL: app.Spec.Source.RepoURL}
	}
	for i, source := range app.Spec.Sources {
		app.Spec.Sources[i] = argo.ApplicationSource{RepoURL: source.RepoURL}
	}
}
