package apis

import (
	"testing"

	"github.com/nautes-labs/deployment-runtime/test/hardened"
)

// TestPodsGetNoMoreThanTheyNeed: of every kustomization that has pods. test/install does the same for the chart.
func TestPodsGetNoMoreThanTheyNeed(t *testing.T) {
	for kustomization, want := range map[string]int{"default": 1, "apiserver": 1, "argocd/job": 1, "shards": 2} {
		pods, faults := hardened.Faults(built(t, kustomization))
		for _, fault := range faults {
			t.Errorf("%s: %s", kustomization, fault)
		}
		if pods != want {
			t.Errorf("%s has %d workloads, want %d", kustomization, pods, want)
		}
	}
}
