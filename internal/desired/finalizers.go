package desired

import (
	"slices"
	"strings"

	argo "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
)

// The finalizers by which Argo CD acts when an Application is deleted. Each may be followed by a suffix, as in ".../cleanup".
const (
	// CascadeFinalizer makes Argo CD remove what an Application deployed. An Application carries it at teardown only: during life it
	// would turn every deletion of the Application, by whatever mistake, into a deletion of the workloads.
	CascadeFinalizer = "resources-finalizer.argocd.argoproj.io"
	// PostDeleteFinalizer and PreDeleteFinalizer (of Argo CD 3.3 and newer) make Argo CD run the delete hooks of the manifests, with its own
	// rights and past the limits of the AppProject.
	PostDeleteFinalizer = argo.PostDeleteFinalizerName
	PreDeleteFinalizer  = "pre-delete-finalizer.argocd.argoproj.io"
)

// HookFinalizers returns those that nothing of ours ever carries. The admission policy no-delete-hooks names the same.
func HookFinalizers() []string { return []string{PostDeleteFinalizer, PreDeleteFinalizer} }

// IsHookFinalizer says whether a finalizer makes Argo CD run delete hooks.
func IsHookFinalizer(f string) bool {
	return slices.ContainsFunc(HookFinalizers(), func(name string) bool { return strings.HasPrefix(f, name) })
}

// IsArgoFinalizer says whether a finalizer makes Argo CD act when the Application is deleted.
func IsArgoFinalizer(f string) bool {
	return IsHookFinalizer(f) || strings.HasPrefix(f, CascadeFinalizer)
}

// Disarmed returns app without anything that makes Argo CD act when it is deleted. Other people's finalizers stay.
func Disarmed(app *argo.Application) *argo.Application {
	out := app.DeepCopy()
	out.Finalizers = slices.DeleteFunc(out.Finalizers, IsArgoFinalizer)
	return out
}

// WithoutHooks returns app without what makes Argo CD run delete hooks.
func WithoutHooks(app *argo.Application) *argo.Application {
	out := app.DeepCopy()
	out.Finalizers = slices.DeleteFunc(out.Finalizers, IsHookFinalizer)
	return out
}
