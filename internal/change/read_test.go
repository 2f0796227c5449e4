package change_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/change"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/rules/rulestest"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

func namesOf(l *change.Listing) string {
	var out []string
	for _, item := range l.Items {
		switch i := item.(type) {
		case *wire.DeploymentRuntime:
			out = append(out, i.Name)
		case *wire.Cluster:
			out = append(out, i.Name)
		}
	}
	return strings.Join(out, " ")
}

func TestAPageStaysAPartOfTheSameList(t *testing.T) {
	w := newWorld(t)
	p := w.product("nautes-labs")
	c := p.maintainer.caller
	files := map[string]string{}
	for i := range 5 {
		name := fmt.Sprintf("dr-%d", i)
		files["runtimes/"+name+".yaml"] = strings.Replace(runtimeYAML(p, name, "env-dev"),
			"manifests/development", name, 1)
	}
	w.push(p, files)
	first := w.list(c, p, "DeploymentRuntime", change.ListOptions{Limit: 2})
	w.change(c, remove(p, "DeploymentRuntime", "dr-0"))
	second := w.list(c, p, "DeploymentRuntime", change.ListOptions{Limit: 2, PageToken: first.NextPageToken})
	third := w.list(c, p, "DeploymentRuntime", change.ListOptions{Limit: 2, PageToken: second.NextPageToken})
	if got := namesOf(first) + "|" + namesOf(second) + "|" + namesOf(third); got != "dr-0 dr-1|dr-2 dr-3|dr-4" ||
		third.NextPageToken != "" {
		t.Errorf("got %s", got)
	}
	if got := namesOf(w.list(c, p, "DeploymentRuntime", change.ListOptions{})); got != "dr-1 dr-2 dr-3 dr-4" {
		t.Errorf("without limit and token it is whole: %s", got)
	}
	for sentence, o := range map[string]change.ListOptions{
		"a limit that is negative":   {Limit: -1},
		"a limit that is too large":  {Limit: 1001},
		"a token that is none":       {PageToken: "%%"},
		"a token of nothing":         {PageToken: "bm90aGluZw"},
		"an unknown key":             {Selector: "name=x"},
		"a token of an unknown head": {PageToken: "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OSAy"},
	} {
		_, err := w.service.List(t.Context(), c, p.path, "DeploymentRuntime", o)
		if p := problem.As(err); p == nil || p.Reason != problem.ReasonBadRequest {
			t.Errorf("%s: %v", sentence, err)
		}
	}
}

func TestTheStatusComesFromTheManagementCluster(t *testing.T) {
	w := newWorld(t)
	p := w.product("nautes-labs")
	w.change(p.maintainer.caller, save(p, "dr-dev", guide))
	w.mgmt.Add(rulestest.Runtime(p.name, "dr-dev", p.repo, "env-dev", func(r *api.DeploymentRuntime) {
		r.Spec = api.DeploymentRuntimeSpec{
			Product: p.name, ProjectsRef: []string{"api-server"}, Destination: "env-dev",
			ManifestSource: api.ManifestSource{CodeRepo: p.repo, TargetRevision: "HEAD", Path: "manifests/development"},
		}
		r.Status.Sync, r.Status.Revision, r.Status.ObservedGeneration = "OutOfSync", "abc", r.Generation
		r.Status.Conditions = []metav1.Condition{{Type: api.ConditionReady, Status: metav1.ConditionFalse,
			Reason: "SyncFailed", Message: "it fails", ObservedGeneration: r.Generation}}
		r.Status.Images = []string{"web:2"}
		r.Status.History = []api.DeployedRevision{{Revision: "abc", Outcome: api.RolloutFailed}}
	}))
	answer := w.get(p.maintainer.caller, p, "DeploymentRuntime", "dr-dev")
	item, ok := answer.Item.(*wire.DeploymentRuntime)
	if !ok || item.Status == nil || !reflect.DeepEqual(*item.Status, wire.Status{
		Reason: "SyncFailed", Message: "it fails", Sync: "OutOfSync", Revision: "abc", Images: []string{"web:2"},
		Conditions: []wire.Condition{{Type: "Ready", Status: "False", Reason: "SyncFailed", Message: "it fails",
			Observed: true}},
	}) {
		t.Errorf("got %+v", item.Status)
	}
	if len(answer.History) != 1 || answer.History[0].Outcome != "Failed" {
		t.Errorf("the history is %+v", answer.History)
	}
	listed, err := w.service.List(t.Context(), p.maintainer.caller, p.path, "DeploymentRuntime", change.ListOptions{})
	w.must(err)
	if r, _ := listed.Items[0].(*wire.DeploymentRuntime); r.Status.Conditions != nil || r.Status.Images != nil {
		t.Errorf("a list tells as much as an item: %+v", r.Status)
	}
	clusters, err := w.service.List(t.Context(), w.person().caller, "", "Cluster", change.ListOptions{})
	w.must(err)
	if namesOf(clusters) != "c1 c2" {
		t.Errorf("clusters are told to every valid token: %v", clusters)
	}
	if _, err := w.service.List(t.Context(), change.Caller{}, "", "Cluster", change.ListOptions{}); !problem.Is(err,
		problem.Unauthenticated) {
		t.Errorf("and to nobody else: %v", err)
	}
	_, err = w.service.Get(t.Context(), p.maintainer.caller, change.Ref{Kind: "Cluster", Name: "c9"})
	w.wantProblem(err, problem.Missing, problem.ReasonResourceNotFound)
}
