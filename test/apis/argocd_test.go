package apis

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"github.com/nautes-labs/deployment-runtime/config/argocd"
)

// TestArgoCDIsToldToLeaveOutWhatNobodyNeeds: a key that is missing, or not empty where empty is meant, has Argo CD's
// default.
func TestArgoCDIsToldToLeaveOutWhatNobodyNeeds(t *testing.T) {
	settings, err := argocd.Settings(argocd.Choices{Jsonnet: argocd.LeftOut, Submodules: argocd.LeftOut})
	if err != nil {
		t.Fatal(err)
	}
	got := settings[argocd.ConfigMap]
	maps.Copy(got, settings[argocd.Parameters])
	for key, want := range map[string]string{"helm.valuesFileSchemes": "", "jsonnet.enable": "false",
		"reposerver.enable.git.submodule": "false"} {
		if value, set := got[key]; !set || value != want {
			t.Errorf("%s is %q, set: %t", key, value, set)
		}
	}
	if _, set := got["kustomize.buildOptions"]; set {
		t.Error("kustomize.buildOptions belongs to the platform team")
	}
}

// TestTheRepoServersNetworkPolicyFitsTheRelease: it selects the pods of Argo CD's own manifests, and lets them reach
// the cache.
func TestTheRepoServersNetworkPolicyFitsTheRelease(t *testing.T) {
	var policy networkingv1.NetworkPolicy
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(built(t, "argocd/network-policy")[0].Object,
		&policy); err != nil {
		t.Fatal(err)
	}
	if !selects(t, &policy.Spec.PodSelector, "repo-server/argocd-repo-server") {
		t.Error("the repo-server is not selected")
	}
	cache := 0
	for _, rule := range policy.Spec.Egress {
		if len(rule.To) == 0 || len(rule.Ports) == 0 {
			t.Errorf("a rule permits everything: %+v", rule)
		}
		for _, to := range rule.To {
			if to.PodSelector != nil && selects(t, to.PodSelector, "redis/argocd-redis") {
				cache++
			}
		}
	}
	if cache != 1 {
		t.Errorf("%d rules permit the cache", cache)
	}
}

// argoCDModule returns the directory of the Go module of Argo CD, which holds the manifests of the release.
func argoCDModule(t *testing.T) string {
	t.Helper()
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}",
		"github.com/argoproj/argo-cd/v2").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(dir))
}

// selects says whether a selector finds the pods of a Deployment of the release.
func selects(t *testing.T, selector *metav1.LabelSelector, deployment string) bool {
	t.Helper()
	manifest, err := os.ReadFile(filepath.Join(argoCDModule(t), "manifests", "base",
		filepath.FromSlash(deployment)+"-deployment.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var d appsv1.Deployment
	if err := yaml.Unmarshal(manifest, &d); err != nil {
		t.Fatal(err)
	}
	s, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		t.Fatal(err)
	}
	return s.Matches(labels.Set(d.Spec.Template.Labels))
}
