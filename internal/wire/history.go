package wire

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

// Condition is a condition of an object in the management cluster. Observed says whether it speaks of the object as the
// management cluster has it now.
type Condition struct {
	Type               string `json:"type" doc:"Such as Ready, which sums the others up."`
	Status             string `json:"status" enum:"True,False,Unknown"`
	Reason             string `json:"reason"`
	Message            string `json:"message"`
	LastTransitionTime string `json:"last_transition_time"`
	Observed           bool   `json:"observed" doc:"It speaks of the last change of the object."`
}

// Rollout is a revision that Argo CD began to deploy.
type Rollout struct {
	Revision       string `json:"revision" doc:"Commit id."`
	TargetRevision string `json:"target_revision" doc:"The branch, tag or commit that was asked for."`
	Path           string `json:"path"`
	// Outcome is empty where nobody looked when it ended: its objects were applied.
	Outcome string `json:"outcome" doc:"Deploying, Deployed, Failed or Replaced; empty: applied while no operator looked."`
	Message string `json:"message,omitempty" doc:"Why it failed."`
	// Author is absent where git could not be asked.
	Author     string `json:"author,omitempty" doc:"Author of the commit."`
	StartedAt  string `json:"started_at,omitempty"`
	FinishedAt string `json:"finished_at,omitempty"`
	// Duration is as Go prints it, such as 1m20s.
	Duration string   `json:"duration,omitempty" doc:"From the start of the first sync to the outcome, such as 1m20s."`
	Images   []string `json:"images" nullable:"false" doc:"Images that ran when the runtime was ready with it, at most 10."`
}

// HistoryOf returns the rollouts of a runtime of the management cluster, the newest first.
func HistoryOf(live *api.DeploymentRuntime) []Rollout {
	out := []Rollout{}
	if live == nil {
		return out
	}
	for _, r := range live.Status.History {
		item := Rollout{Revision: r.Revision, TargetRevision: r.TargetRevision, Path: r.Path,
			Outcome: string(r.Outcome), Message: r.Message, Author: r.Author,
			StartedAt: timeOf(r.StartedAt), FinishedAt: timeOf(r.FinishedAt), Images: append([]string{}, r.Images...)}
		if r.StartedAt != nil && r.FinishedAt != nil {
			item.Duration = r.FinishedAt.Sub(r.StartedAt.Time).Round(time.Second).String()
		}
		out = append(out, item)
	}
	return out
}

// Complete adds to the item of one runtime what lists leave out: all conditions and the images.
func (d *DeploymentRuntime) Complete(live *api.DeploymentRuntime) {
	if live == nil || d.Status == nil {
		return
	}
	d.Status.Images = live.Status.Images
	d.Status.Conditions = conditionsOf(live.Status.Conditions, live.Generation)
}

// conditionsOf returns the conditions of an object that has this generation.
func conditionsOf(conditions []metav1.Condition, generation int64) []Condition {
	out := []Condition{}
	for _, c := range conditions {
		out = append(out, Condition{Type: c.Type, Status: string(c.Status), Reason: c.Reason, Message: c.Message,
			LastTransitionTime: timeOf(&c.LastTransitionTime), Observed: c.ObservedGeneration == generation})
	}
	return out
}

func timeOf(t *metav1.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
