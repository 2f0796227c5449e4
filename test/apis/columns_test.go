package apis

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

// columnsByPlural is what `kubectl get` shows; after the bar, what -o wide adds.
var columnsByPlural = map[string]string{
	"deploymentruntimes": "NAME READY ENVIRONMENT CLUSTER SYNC HEALTH REVISION REASON AGE | CODEREPO PATH TARGET " +
		"NAMESPACES DELETION SUSPEND",
	"environments":      "NAME READY TYPE CLUSTER REASON AGE |",
	"projects":          "NAME READY LANGUAGE REASON AGE |",
	"coderepoes":        "NAME READY REPO PROJECT REASON AGE | URL",
	"coderepobindings":  "NAME READY CODEREPO PRODUCT PERMISSIONS REASON AGE |",
	"coderepoproviders": "NAME READY TYPE ADDRESS REASON AGE |",
	"clusters":          "NAME READY USAGE WORKER VERSION REASON AGE | SERVER UID",
	"products":          "NAME GROUP READY SYNCED RUNTIMES REASON AGE | SHARD",
	"productproviders":  "NAME READY TYPE PROVIDER REASON AGE |",
}

func TestPrintColumns(t *testing.T) {
	for plural, want := range columnsByPlural {
		t.Run(plural, func(t *testing.T) {
			narrow, wide := []string{}, []string{}
			for _, c := range tableOf(t, "/apis/nautes.resource.nautes.io/v1alpha1/"+plural).ColumnDefinitions {
				if c.Priority == 0 {
					narrow = append(narrow, strings.ToUpper(c.Name))
				} else {
					wide = append(wide, strings.ToUpper(c.Name))
				}
			}
			got := strings.TrimSpace(strings.Join(narrow, " ") + " | " + strings.Join(wide, " "))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("columns (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTheRowOfARuntimeAnswersTheFirstQuestion(t *testing.T) {
	r := runtimeWith(func(s *api.DeploymentRuntimeSpec) { s.Suspend = true })
	r.Namespace, r.Name = namespaceForTest(t, productNamespace), "row"
	if err := admin.Create(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	r.Status = api.DeploymentRuntimeStatus{
		Conditions: []metav1.Condition{
			{Type: api.ConditionAccepted, Status: metav1.ConditionTrue, Reason: api.ReasonAccepted,
				LastTransitionTime: metav1.Now()},
			{Type: api.ConditionReady, Status: metav1.ConditionFalse, Reason: api.ReasonProgressing,
				LastTransitionTime: metav1.Now()},
		},
		Placement: &api.PlacementStatus{Environment: "env-dev", Cluster: "worker-1",
			Namespaces: []string{"row", "shop"}},
		Sync: "Synced", Health: "Progressing", Revision: "0123456789abcdef", ShortRevision: "0123456",
	}
	if err := admin.Status().Update(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	table := tableOf(t, "/apis/nautes.resource.nautes.io/v1alpha1/namespaces/"+productNamespace+
		"/deploymentruntimes/row")
	got := map[string]string{}
	for i, c := range table.ColumnDefinitions {
		got[strings.ToUpper(c.Name)] = fmt.Sprint(table.Rows[0].Cells[i])
	}
	delete(got, "AGE")
	want := map[string]string{
		"NAME": "row", "READY": "False", "ENVIRONMENT": "env-dev", "CLUSTER": "worker-1", "SYNC": "Synced",
		"HEALTH":   "Progressing",
		"REVISION": "0123456", "REASON": "Progressing", "CODEREPO": "repo-3", "PATH": "manifests/development",
		"TARGET":     "HEAD",
		"NAMESPACES": `["row","shop"]`, "DELETION": "Delete", "SUSPEND": "true",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("row (-want +got):\n%s", diff)
	}
}

// People write the plural of a code repo without the e that upstream gave it.
func TestCodeReposAreFoundByTheirUsualPlural(t *testing.T) {
	c, err := discovery.NewDiscoveryClientForConfig(env.Management.RESTConfig())
	if err != nil {
		t.Fatal(err)
	}
	list, err := c.ServerResourcesForGroupVersion(api.GroupVersion.String())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range list.APIResources {
		if r.Name == "coderepoes" && slices.Contains(r.ShortNames, "coderepos") {
			return
		}
	}
	t.Errorf("kubectl get coderepos finds nothing: %+v", list.APIResources)
}

// tableOf asks the API server for what kubectl prints.
func tableOf(t *testing.T, path string) metav1.Table {
	t.Helper()
	c, err := discovery.NewDiscoveryClientForConfig(env.Management.RESTConfig())
	if err != nil {
		t.Fatal(err)
	}
	data, err := c.RESTClient().Get().AbsPath(path).
		SetHeader("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").DoRaw(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var table metav1.Table
	if err := json.Unmarshal(data, &table); err != nil {
		t.Fatal(err)
	}
	if table.Kind != "Table" {
		t.Fatalf("%s is answered by %q, want a Table", path, table.Kind)
	}
	return table
}
