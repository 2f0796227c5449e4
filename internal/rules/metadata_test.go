package rules_test

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
)

func TestMetadata(t *testing.T) {
	forbidden := func(says string) expectation {
		return expectation{problem.Invalid, api.ReasonForbiddenMetadata, []string{says}}
	}
	for sentence, tc := range map[string]struct {
		meta metav1.ObjectMeta
		want expectation
	}{
		"plain metadata is fine": {meta: metav1.ObjectMeta{
			Labels:      map[string]string{"team": "a"},
			Annotations: map[string]string{"example.com/note": "x", api.AnnotationProtect: "true"},
		}},
		"what Argo CD writes by itself is fine": {meta: metav1.ObjectMeta{Annotations: map[string]string{
			"argocd.argoproj.io/tracking-id": "x", "argocd.argoproj.io/installation-id": "y",
		}}},
		"the finalizers of Kubernetes are fine": {meta: metav1.ObjectMeta{
			Finalizers: []string{"foregroundDeletion", "orphan"}}},
		"our finalizer is refused where nobody would take it off": {
			meta: metav1.ObjectMeta{Finalizers: []string{api.Finalizer}},
			want: forbidden(api.Finalizer),
		},
		"a hook is refused": {
			meta: metav1.ObjectMeta{Annotations: map[string]string{"argocd.argoproj.io/hook": "PreDelete"}},
			want: forbidden("argocd.argoproj.io/hook"),
		},
		"sync options are refused": {
			meta: metav1.ObjectMeta{Annotations: map[string]string{"argocd.argoproj.io/sync-options": "Prune=false"}},
			want: forbidden("sync-options"),
		},
		"the first of several is named, in order": {
			meta: metav1.ObjectMeta{Annotations: map[string]string{"argocd.argoproj.io/sync-wave": "1",
				"argocd.argoproj.io/compare-options": "x"}},
			want: forbidden("compare-options"),
		},
		"Argo CD's cascade finalizer is refused": {
			meta: metav1.ObjectMeta{Finalizers: []string{"resources-finalizer.argocd.argoproj.io"}},
			want: forbidden("resources-finalizer"),
		},
		"an owner is refused": {
			meta: metav1.ObjectMeta{OwnerReferences: []metav1.OwnerReference{{Kind: "ConfigMap", Name: "x"}}},
			want: forbidden("ownerReferences"),
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			var err error
			if violations := rules.Metadata(&tc.meta); len(violations) > 0 {
				err = violations[0]
			}
			tc.want.check(t, err)
		})
	}
}

func TestOurFinalizerIsFineOnARuntime(t *testing.T) {
	if violations := rules.Metadata(&api.DeploymentRuntime{
		ObjectMeta: metav1.ObjectMeta{Finalizers: []string{api.Finalizer}}}); len(violations) > 0 {
		t.Error(violations[0])
	}
}
