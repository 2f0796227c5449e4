package record_test

import (
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	argo "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/record"
	"github.com/nautes-labs/deployment-runtime/internal/desired"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
)

// A product must see each record of its own, and each damaged one that may be its own.
func TestApplicationsAreIndexedByTheProductsThatTheyConcern(t *testing.T) {
	p := wants("web", "shop")
	for sentence, c := range map[string]struct {
		change func(app *observed.Application)
		want   []string
	}{
		"a record":                     {func(*observed.Application) {}, []string{"product-7"}},
		"a record that lost its label": {func(a *observed.Application) { a.Labels = nil }, []string{"product-7"}},
		"a record labelled with another product": {func(a *observed.Application) {
			a.Labels[api.LabelProduct] = "product-8"
		}, []string{"product-7"}},
		"somebody else's, also with our label and AppProject": {func(a *observed.Application) {
			a.Annotations, a.Finalizers = nil, nil
		}, nil},
		"a record whose annotation is cut off": {func(a *observed.Application) {
			a.Name, a.Labels, a.Spec = "x", nil, argo.ApplicationSpec{}
			text := p.Encode()
			a.Annotations[api.AnnotationPlacement] = text[:len(text)-1]
		}, []string{"product-7"}},
		"a damaged record that only its name tells": {func(a *observed.Application) {
			a.Annotations[api.AnnotationPlacement], a.Labels, a.Spec.Project = "{}", nil, "default"
		}, []string{"product-7", "product-7-web"}},
		"a damaged record that only its label tells": {func(a *observed.Application) {
			a.Annotations[api.AnnotationPlacement], a.Name, a.Spec.Project = "{}", "x", "default"
		}, []string{"product-7"}},
		"a damaged record that only its AppProject tells": {func(a *observed.Application) {
			a.Annotations[api.AnnotationPlacement], a.Name, a.Labels = "{}", "x", nil
		}, []string{"product-7"}},
		"a record in the AppProject of another product": {func(a *observed.Application) {
			a.Labels, a.Spec.Project = nil, "product-8"
		}, []string{"product-7", "product-7-web", "product-8"}},
		"a record that lost its annotation": {func(a *observed.Application) { a.Annotations = nil },
			[]string{"product-7", "product-7-web"}},
		"an Application of another name that has our finalizer": {func(a *observed.Application) {
			a.ObjectMeta = metav1.ObjectMeta{Name: "x", Finalizers: []string{api.Finalizer}}
			a.Spec.Project = "default"
		}, nil},
	} {
		t.Run(sentence, func(t *testing.T) {
			app := desired.Application(p, "argocd", false)
			c.change(app)
			got := record.Products(app)
			slices.Sort(got)
			if got = slices.Compact(got); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}
