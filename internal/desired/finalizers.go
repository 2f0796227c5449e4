package desired

import (
	"slices"
	"strings"

	argo "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
)

// The finalizers that make Argo CD act when an Application is deleted. Each may have a suffix, as in ".../cleanup".
const (
	// CascadeFinalizer makes Argo CD delete what an Application deployed. An Application has it only while its runtime
	// is removed. At any other time it would turn an accidental deletion of the Application into a deletion of the
	// workloads.
	CascadeFinalizer = "resources-finalizer.argocd.argoproj.io"
	// PostDeleteFinalizer and PreDeleteFinalizer (of Argo CD 3.3 and newer) make Argo CD run the delete hooks of the
	// manifests. Argo CD runs them with its own rights and beyond the limits of the AppProject.
	PostDeleteFinalizer = argo.PostDeleteFinalizerName
	PreDeleteFinalizer  = "pre-delete-finalizer.argocd.argoproj.io"
)

// HookFinalizers returns the finalizers that our objects never have. The admission policy no-delete-hooks lists the
// same.
func HookFinalizers() []string { return []string{PostDeleteFinalizer, PreDeleteFinalizer} }

// IsHookFinalizer says whether a finalizer makes Argo CD run delete hooks.
func IsHookFinalizer(f string) bool {
	return slices.ContainsFunc(HookFinalizers(), func(name string) bool { return strings.HasPrefix(f, name) })
}

// IsArgoFinalizer says whether a finalizer makes Argo CD act when the Application is deleted.
func IsArgoFinalizer(f string) bool {
	return IsHookFinalizer(f) || strings.HasPrefix(f, CascadeFinalizer)
}

// Disarmed returns app without the finalizers that make Argo CD act when the Application is deleted. Those of others
// stay.
func Disarmed(app *argo.Application) *argo.Application {
	out := app.DeepCopy()
	out.Finalizers = slices.DeleteFunc(out.Finalizers, IsArgoFinalizer)
	return out
}

// WithoutHooks returns app without the finalizers that make Argo CD run delete hooks.
func WithoutHooks(app *argo.Application) *argo.Application {
	out := app.DeepCopy()
	out.Finalizers = slices.DeleteFunc(out.Finalizers, IsHookFinalizer)
	return out
}
