package observed_test

import (
	"reflect"
	"testing"

	argo "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
)

func TestOfAnApplicationOfOthersOnlyWhatIsAskedOfItIsKept(t *testing.T) {
	app := application(func(app *argo.Application) {
		app.Name, app.Labels = "theirs", map[string]string{"team": "x"}
		app.Annotations = map[string]string{"kubectl.kubernetes.io/last-applied-configuration": "{}"}
		app.Spec.Source.Helm = &argo.ApplicationSourceHelm{Values: "large"}
		app.Spec.Sources = argo.ApplicationSources{{RepoURL: "https://b.git", Path: "x"}}
	})
	want := &argo.Application{ObjectMeta: metav1.ObjectMeta{Name: "theirs", Labels: map[string]string{"team": "x"}},
		Spec: argo.ApplicationSpec{Project: "product-7", Destination: app.Spec.Destination,
			Source:  &argo.ApplicationSource{RepoURL: "https://a.git"},
			Sources: argo.ApplicationSources{{RepoURL: "https://b.git"}}}}
	got, err := observed.Strip(app)
	if err != nil || !reflect.DeepEqual(want, got) {
		t.Errorf("%v, kept %+v", err, got)
	}
}

func TestWhatHasAnyNameOfOursIsNoApplicationOfOthers(t *testing.T) {
	for name, change := range map[string]func(*argo.Application){
		"label": func(app *argo.Application) { app.Labels = map[string]string{api.LabelRuntime: "web"} },
		"annotation": func(app *argo.Application) {
			app.Labels, app.Annotations = nil, map[string]string{api.AnnotationTeardown: "{}"}
		},
		"finalizer": func(app *argo.Application) { app.Labels, app.Finalizers = nil, []string{api.Group + "/x"} },
	} {
		t.Run(name, func(t *testing.T) {
			got, err := observed.Strip(application(change))
			if err != nil || got.(*argo.Application).Status.Sync.Revision != "r2" {
				t.Errorf("%v, kept %+v", err, got)
			}
		})
	}
}
