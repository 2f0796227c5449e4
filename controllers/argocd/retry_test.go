package argocd_test

import (
	"testing"
	"time"

	"github.com/nautes-labs/deployment-runtime/controllers/argocd"
	"github.com/nautes-labs/deployment-runtime/controllers/phases"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
)

// TestARememberedErrorIsPassedByAHardRefresh: any other one only answers from the repo-server's memory.
func TestARememberedErrorIsPassedByAHardRefresh(t *testing.T) {
	now := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	timing := phases.Timing{RetryFirst: time.Second, RetryLimit: time.Minute}
	for message, want := range map[string]string{
		"Manifest generation error: no such host":          "normal",
		"Manifest generation error (cached): no such host": "hard",
	} {
		app := &observed.Application{}
		app.Status.Conditions = append(app.Status.Conditions, observed.Condition{Type: observed.ErrorComparison,
			Message: message})
		asked, _ := argocd.Retry(app, now, timing)
		if asked == nil || asked.Annotations["argocd.argoproj.io/refresh"] != want {
			t.Errorf("%s: %+v", message, asked)
		}
	}
}
