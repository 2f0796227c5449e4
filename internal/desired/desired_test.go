package desired_test

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	argo "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	synccommon "github.com/argoproj/gitops-engine/pkg/sync/common"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/desired"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
)

var update = flag.Bool("update", false, "write the golden files anew")

func placed() placement.Placement {
	return placement.Placement{
		Runtime:     placement.RuntimeRef{Namespace: "product-7", Name: "dr-dev", UID: "uid-1"},
		Product:     "product-7",
		Destination: placement.Destination{Environment: "env-dev", Cluster: "east"},
		ClusterUID:  "uid-east",
		Namespaces:  []string{"web", "jobs"},
		CodeRepo:    "repo-3", RepoProduct: "product-7", RepoURL: "https://gitlab.example.com/nautes-labs/shop.git",
		Revision: "HEAD", Path: "manifests/development", Server: "https://10.0.0.1:6443",
		Switches: placement.Switches{DeletionPolicy: api.DeletionPolicyDelete},
		Instance: "uid-hub",
	}
}

func stream() desired.Stream {
	return desired.Stream{Product: "product-7", RepoURL: "https://gitlab.example.com/nautes-labs/default.project.git",
		Hub: "in-cluster", Instance: "uid-hub"}
}

func tenancy() desired.Tenancy {
	return desired.Tenancy{
		Product: "product-7", Group: "nautes-labs", Instance: "uid-hub",
		RepoURLs: []string{"https://b.git", "https://a.git", "https://b.git"},
		Destinations: []desired.Destination{{Cluster: "west", Namespace: "web"}, {Cluster: "east", Namespace: "web"},
			{Cluster: "east", Namespace: "jobs"}, {Cluster: "east", Namespace: "web"}},
		ClusterKinds: []api.GroupKind{{Group: "scheduling.k8s.io", Kind: "PriorityClass"}, {Kind: "PersistentVolume"}},
		Applications: []string{"product-7-b", "product-7-a"},
	}
}

func TestGolden(t *testing.T) {
	template := &api.NamespaceTemplate{
		Labels:      map[string]string{"team": "a", "pod-security.kubernetes.io/enforce": "restricted"},
		Annotations: map[string]string{"note": "b"},
	}
	ns := desired.NamespaceOf{Product: "product-7", Group: "nautes-labs", ClusterRole: "admin", Name: "web",
		Instance: "uid-hub", Template: template}
	for name, obj := range map[string]any{
		"application":          desired.Application(placed(), "argocd", true),
		"application-recorded": desired.Application(placed(), "argocd", false),
		"appproject":           desired.AppProject(tenancy(), "argocd"),
		"stream-appproject":    desired.StreamProject(stream(), "argocd"),
		"stream-application":   desired.StreamApplication(stream(), "argocd"),
		"namespace":            desired.Namespace(ns),
		"rolebinding":          desired.RoleBinding(ns),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := yaml.Marshal(obj)
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", name+".golden.yaml")
			if *update {
				if err := os.WriteFile(file, got, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Error(diff)
			}
			if strings.Contains(name, "appproject") && strings.Contains(string(got), "*") {
				t.Error("an AppProject holds a wildcard")
			}
		})
	}
}

// armed returns every spelling by which Argo CD acts on a deletion, written out: a word that the table loses is missed
// here.
func armed() []string {
	var all []string
	for _, name := range []string{"resources-finalizer", "post-delete-finalizer", "pre-delete-finalizer"} {
		for _, suffix := range []string{"", "/cleanup", "/foreground", "/background"} {
			all = append(all, name+".argocd.argoproj.io"+suffix)
		}
	}
	return all
}

func TestWhatArgoCDActsOnIsKnownInAllSpellings(t *testing.T) {
	for _, f := range armed() {
		if !desired.IsArgoFinalizer(f) || desired.IsHookFinalizer(f) == strings.HasPrefix(f, desired.CascadeFinalizer) {
			t.Errorf("%s: acts %t, hook %t", f, desired.IsArgoFinalizer(f), desired.IsHookFinalizer(f))
		}
	}
	for _, f := range []string{api.Finalizer, "other.example.com/x",
		"example.com/post-delete-finalizer.argocd.argoproj.io", "foregroundDeletion"} {
		if desired.IsArgoFinalizer(f) {
			t.Errorf("%s is other people's", f)
		}
	}
	app := &argo.Application{}
	app.Finalizers = append(armed(), api.Finalizer, "other.example.com/x")
	if diff := cmp.Diff([]string{api.Finalizer, "other.example.com/x"}, desired.Disarmed(app).Finalizers); diff != "" {
		t.Error(diff)
	}
	if n := len(desired.WithoutHooks(app).Finalizers); n != 4+2 || len(app.Finalizers) != 12+2 {
		t.Errorf("%d finalizers are left of %d", n, len(app.Finalizers))
	}
}

func TestMergeTakesForeignFieldsOutAndLeavesOtherPeoplesMetadata(t *testing.T) {
	live := desired.Application(placed(), "argocd", true)
	live.Labels["team"] = "a"
	live.Annotations["note"] = "b"
	live.Finalizers = append([]string{"other.example.com/x"}, armed()...)
	live.Spec.Sources = append(live.Spec.Sources, *live.Spec.Source)
	delete(live.Labels, api.LabelProduct)

	got := desired.Merge(live, desired.Application(placed(), "argocd", false))
	if got.Spec.Sources != nil || got.Spec.SyncPolicy.Automated != nil {
		t.Errorf("foreign fields stayed: %+v", got.Spec)
	}
	if got.Labels["team"] != "a" || got.Annotations["note"] != "b" || got.Labels[api.LabelProduct] != "product-7" {
		t.Errorf("metadata: %v %v", got.Labels, got.Annotations)
	}
	if diff := cmp.Diff([]string{"other.example.com/x", api.Finalizer}, got.Finalizers); diff != "" {
		t.Error(diff)
	}
	if !slices.Contains(live.Finalizers, desired.CascadeFinalizer) {
		t.Error("what was read was changed")
	}
}

func TestAProductsManifestsHoldNothingThatATemplateLimitsItBy(t *testing.T) {
	for sentence, c := range map[string]struct {
		template *api.NamespaceTemplate
		want     []metav1.GroupKind
	}{
		"no template":       {nil, nil},
		"nothing of either": {&api.NamespaceTemplate{}, nil},
		"both": {&api.NamespaceTemplate{ResourceQuota: &corev1.ResourceQuotaSpec{},
			LimitRange: &corev1.LimitRangeSpec{}},
			[]metav1.GroupKind{{Kind: "LimitRange"}, {Kind: "ResourceQuota"}}},
	} {
		t.Run(sentence, func(t *testing.T) {
			limited := tenancy()
			// as of two clusters
			limited.KeptKinds = append(desired.KeptKinds(c.template), desired.KeptKinds(c.template)...)
			if diff := cmp.Diff(c.want,
				desired.AppProject(limited, "argocd").Spec.NamespaceResourceBlacklist); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAGroupThatIsNotTheProductsOwnGetsNothing(t *testing.T) {
	members := desired.RoleBinding(desired.NamespaceOf{Product: "product-7", ClusterRole: "admin", Name: "web",
		Instance: "uid-hub"})
	if len(members.Subjects) > 0 {
		t.Errorf("the namespace is given to %v", members.Subjects)
	}
	nobody := tenancy()
	nobody.Group = ""
	if groups := desired.AppProject(nobody, "argocd").Spec.Roles[0].Groups; len(groups) > 0 {
		t.Errorf("the Applications are given to %v", groups)
	}
}

func TestWhatIsHaltedCannotBeSynced(t *testing.T) {
	some := tenancy()
	some.Halted = []string{"product-7-b"}
	var synced, seen []string
	for _, policy := range desired.AppProject(some, "argocd").Spec.Roles[0].Policies {
		name := strings.TrimSuffix(policy[strings.LastIndex(policy, "/")+1:], ", allow")
		switch {
		case strings.Contains(policy, "applications, sync"):
			synced = append(synced, name)
		case strings.Contains(policy, "applications, get"):
			seen = append(seen, name)
		}
	}
	if diff := cmp.Diff([][]string{{"product-7-a"}, {"product-7-a", "product-7-b"}},
		[][]string{synced, seen}); diff != "" {
		t.Error(diff)
	}
}

func TestPermits(t *testing.T) {
	project := desired.AppProject(tenancy(), "argocd")
	in := func(cluster, ns string) desired.Destination {
		return desired.Destination{Cluster: cluster, Namespace: ns}
	}
	for sentence, c := range map[string]struct {
		url  string
		to   []desired.Destination
		want bool
	}{
		"all of it":            {"https://a.git", []desired.Destination{in("east", "web"), in("east", "jobs")}, true},
		"another repository":   {"https://c.git", []desired.Destination{in("east", "web")}, false},
		"one namespace lacks":  {"https://a.git", []desired.Destination{in("east", "web"), in("west", "jobs")}, false},
		"on another cluster":   {"https://a.git", []desired.Destination{in("north", "web")}, false},
		"a prefix is no match": {"https://a", []desired.Destination{in("east", "web")}, false},
	} {
		if got := desired.Permits(project, c.url, c.to); got != c.want {
			t.Errorf("%s: got %v", sentence, got)
		}
	}
}

func TestAttemptsAreCountedPerCauseAndBackOff(t *testing.T) {
	now := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	app := desired.Application(placed(), "argocd", true)
	app.Status.Sync.Revision = "r1"
	for want := range 3 {
		a := desired.AttemptsOf(app, "r1")
		if a.Count != want {
			t.Fatalf("attempt %d: counted %d", want, a.Count)
		}
		app = desired.WithSync(app, a, now)
	}
	if got := desired.AttemptsOf(app, "r2"); got.Count != 0 {
		t.Errorf("another revision: counted %d", got.Count)
	}
	if app.Operation.Sync.Revision != "r1" || app.Operation.InitiatedBy.Automated {
		t.Errorf("got %+v", app.Operation)
	}
	for count, want := range []time.Duration{10 * time.Second, 20 * time.Second, 40 * time.Second,
		time.Minute, time.Minute} {
		if got := (desired.Attempts{Count: count}).Backoff(10*time.Second, time.Minute); got != want {
			t.Errorf("after %d: got %s, want %s", count, got, want)
		}
	}
}

func TestASyncIsTheOneThatArgoCDDoesByItselfUnlessItIsChanged(t *testing.T) {
	runtime := desired.Application(placed(), "argocd", true)
	stream := desired.StreamApplication(desired.Stream{Product: "product-7"}, "argocd")
	db := placement.Object{Group: "apps", Kind: "Deployment", Namespace: "prod", Name: "db"}
	shared := argo.SyncOptions{"FailOnSharedResource=true"}
	for sentence, c := range map[string]struct {
		app    *argo.Application
		change []desired.SyncChange
		want   argo.SyncOperation
	}{
		"of a stream it removes":   {stream, nil, argo.SyncOperation{Prune: true}},
		"of a runtime it does not": {runtime, nil, argo.SyncOperation{SyncOptions: shared}},
		"it removes what is named": {runtime, []desired.SyncChange{desired.Removing(db)},
			argo.SyncOperation{SyncOptions: shared, Prune: true, Resources: []argo.SyncOperationResource{
				{Group: "apps", Kind: "Deployment", Namespace: "prod", Name: "db"}}}},
		"it removes all that is gone": {runtime, []desired.SyncChange{desired.Removing()},
			argo.SyncOperation{SyncOptions: shared, Prune: true}},
		"it takes over": {runtime, []desired.SyncChange{desired.TakingOver()},
			argo.SyncOperation{SyncOptions: argo.SyncOptions{}}},
		"it runs no hooks": {runtime, []desired.SyncChange{desired.RunningNoHooks()}, argo.SyncOperation{
			SyncOptions: shared, SyncStrategy: &argo.SyncStrategy{Apply: &argo.SyncStrategyApply{}}}},
	} {
		app := desired.WithSync(c.app, desired.Attempts{}, time.Unix(0, 0), c.change...)
		c.want.Source = c.app.Spec.Source
		if diff := cmp.Diff(c.want, *app.Operation.Sync); diff != "" {
			t.Errorf("%s: %s", sentence, diff)
		}
	}
	if !slices.Equal(runtime.Spec.SyncPolicy.SyncOptions, shared) {
		t.Error("the Application itself changed")
	}
}

func TestAnOperationIsCalledOffSoThatArgoCDEndsIt(t *testing.T) {
	asked := &argo.Operation{Sync: &argo.SyncOperation{Revision: "r2"}}
	state := func(phase synccommon.OperationPhase) *argo.OperationState {
		return &argo.OperationState{Phase: phase, Operation: argo.Operation{Sync: &argo.SyncOperation{Revision: "r1"}}}
	}
	for sentence, c := range map[string]struct {
		operation *argo.Operation
		state     *argo.OperationState
		want      string // the revision of the operation that stands, and the phase
	}{
		"nothing runs":                            {nil, nil, "none"},
		"asked for, not begun: forgotten":         {asked, nil, "none"},
		"asked for after another one: forgotten":  {asked, state(synccommon.OperationSucceeded), "none Succeeded"},
		"begun: it stands until Argo CD ended it": {asked, state(synccommon.OperationRunning), "r2 Terminating"},
		"being ended already": {asked, state(synccommon.OperationTerminating),
			"r2 Terminating"},
		"begun, but the request was lost: it is back": {nil, state(synccommon.OperationRunning), "r1 Terminating"},
	} {
		t.Run(sentence, func(t *testing.T) {
			out := desired.WithOperationEnded(&argo.Application{Operation: c.operation,
				Status: argo.ApplicationStatus{OperationState: c.state}})
			got := "none"
			if out.Operation != nil {
				got = out.Operation.Sync.Revision
			}
			if s := out.Status.OperationState; s != nil {
				got += " " + string(s.Phase)
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestPullSecretsAreAddedAndOthersStay(t *testing.T) {
	n := desired.NamespaceOf{Name: "web",
		PullSecrets: []corev1.Secret{{ObjectMeta: metav1.ObjectMeta{Name: "registry", UID: "x", ResourceVersion: "5"},
			Type: corev1.SecretTypeDockerConfigJson, Data: map[string][]byte{"a": []byte("b")}}}}
	account := &corev1.ServiceAccount{ImagePullSecrets: []corev1.LocalObjectReference{{Name: "own"}}}
	once := desired.WithPullSecrets(account, n)
	if diff := cmp.Diff([]corev1.LocalObjectReference{{Name: "own"}, {Name: "registry"}},
		desired.WithPullSecrets(once, n).ImagePullSecrets); diff != "" {
		t.Error(diff)
	}
	copies := desired.PullSecrets(n)
	if len(copies) != 1 || copies[0].Namespace != "web" || copies[0].UID != "" || copies[0].ResourceVersion != "" ||
		copies[0].Type != corev1.SecretTypeDockerConfigJson {
		t.Errorf("got %+v", copies)
	}
}
