package schema_test

import (
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/kinds"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/schema"
)

func compiled(t *testing.T) *schema.Schema {
	t.Helper()
	s, err := schema.New()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func runtime(change func(*api.DeploymentRuntime)) *api.DeploymentRuntime {
	r := &api.DeploymentRuntime{
		ObjectMeta: metav1.ObjectMeta{Name: "dr-dev"},
		Spec: api.DeploymentRuntimeSpec{
			Product: "product-7", Destination: "env-dev", ProjectsRef: []string{"api-server"},
			ManifestSource: api.ManifestSource{CodeRepo: "repo-3", Path: "manifests/development",
				TargetRevision: "HEAD"},
		},
	}
	change(r)
	return r
}

func cluster(change func(*api.ClusterSpec)) *api.Cluster {
	c := &api.Cluster{
		ObjectMeta: metav1.ObjectMeta{Name: "worker-1"},
		Spec: api.ClusterSpec{
			APIServer: "https://10.0.0.1:6443", ClusterType: api.ClusterTypePhysical, Usage: api.ClusterUsageWorker,
			WorkerType: api.WorkerTypeDeployment,
		},
	}
	change(&c.Spec)
	return c
}

func meta(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Name: name} }

// told returns problems as "field: message".
func told(problems []*problem.Problem) []string {
	out := []string{}
	for _, p := range problems {
		out = append(out, p.Field+": "+p.Message)
	}
	return out
}

func TestTheFullObjectOfEveryKindIsAccepted(t *testing.T) {
	s := compiled(t)
	for _, k := range kinds.All() {
		data, err := os.ReadFile("../../test/apis/testdata/full/" + k.Name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		obj := k.New()
		if err := yaml.UnmarshalStrict(data, obj); err != nil {
			t.Fatal(err)
		}
		before := obj.DeepCopyObject()
		if got := told(s.Check(obj)); len(got) > 0 {
			t.Errorf("%s: %v", k.Name, got)
		}
		if diff := cmp.Diff(before, obj); diff != "" {
			t.Errorf("judging %s changes it: %s", k.Name, diff)
		}
		raw, err := yaml.YAMLToJSON(data)
		if err != nil {
			t.Fatal(err)
		}
		if unknown := s.UnknownFields(raw); len(unknown) > 0 {
			t.Errorf("%s: unknown %v", k.Name, unknown)
		}
	}
}

func TestWhatIsWrongIsSaidWithItsFieldAndWhatToDo(t *testing.T) {
	const dnsLabel = "metadata.name: the name must be a DNS label: lower-case letters, digits and -, " +
		"at most 63 characters"
	s := compiled(t)
	for name, c := range map[string]struct {
		obj  client.Object
		want []string
	}{
		"the runtime of the guide": {runtime(func(*api.DeploymentRuntime) {}), nil},
		"a name with a dot":        {runtime(func(r *api.DeploymentRuntime) { r.Name = "a.b" }), []string{dnsLabel}},
		"a name in capitals":       {runtime(func(r *api.DeploymentRuntime) { r.Name = "A_b" }), []string{dnsLabel}},
		"a name that is too long": {runtime(func(r *api.DeploymentRuntime) { r.Name = strings.Repeat("a", 64) }),
			[]string{dnsLabel}},
		"the longest name": {runtime(func(r *api.DeploymentRuntime) { r.Name = strings.Repeat("a", 63) }), nil},
		"several things at once": {
			runtime(func(r *api.DeploymentRuntime) {
				r.Name, r.Spec.Destination, r.Spec.DeletionPolicy, r.Spec.ProjectsRef, r.Spec.ManifestSource.Path = "a.b",
					"", "Keep", []string{"a", "b", "a"}, "/etc/../x"
			}),
			[]string{
				dnsLabel,
				"spec.deletionPolicy: spec.deletionPolicy is not one of the known words: use \"Delete\", \"Orphan\"",
				"spec.destination: spec.destination is empty: set it",
				"spec.manifestSource.path: path must be clean and stay inside the repository: no empty, \".\" or " +
					"\"..\" segment, no trailing /",
				"spec.manifestSource.path: path must be relative to the root of the repository: remove the leading /",
				"spec.projectsRef[2]: spec.projectsRef[2] stands in the list twice: remove one",
			},
		},
		"a value that is too long": {
			runtime(func(r *api.DeploymentRuntime) { r.Spec.Destination = strings.Repeat("a", 254) }),
			[]string{"spec.destination: spec.destination is too long, may not be more than 253 characters: shorten it"},
		},
		"too many entries": {
			runtime(func(r *api.DeploymentRuntime) { r.Spec.Namespaces = strings.Split("abcdefghijklmnopqrstu", "") }),
			[]string{
				"spec.namespaces: spec.namespaces has too many entries, it must have at most 20 items: remove some",
			},
		},
		"a code repo against its pattern": {
			runtime(func(r *api.DeploymentRuntime) { r.Spec.ManifestSource.CodeRepo = "group/Repo" }),
			[]string{"spec.manifestSource.codeRepo: spec.manifestSource.codeRepo must match " +
				"'^([a-z0-9]([-a-z0-9]*[a-z0-9])?/)?[a-z0-9]([-a-z0-9.]*[a-z0-9])?$': correct it"},
		},
		"namespaces that are none": {
			runtime(func(r *api.DeploymentRuntime) { r.Spec.Namespaces = []string{"a_b"} }),
			[]string{"spec: namespaces must be DNS labels: lower-case letters, digits and -, at most 63 characters"},
		},
		"a revision that is none": {
			runtime(func(r *api.DeploymentRuntime) { r.Spec.ManifestSource.TargetRevision = "a.lock" }),
			[]string{"spec.manifestSource.targetRevision: targetRevision must be a valid git reference name: it must " +
				"not begin with - or /, end with / or ., and no part may begin with . or end with .lock"},
		},
		"a label that Kubernetes refuses": {
			runtime(func(r *api.DeploymentRuntime) { r.Labels = map[string]string{"a": "b c"} }),
			[]string{"metadata.labels: metadata.labels is not valid, a valid label must be an empty " +
				"string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an " +
				"alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is " +
				"'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?'): correct it"},
		},
		"a code repo without a name and a URL": {
			&api.CodeRepo{ObjectMeta: meta("repo-3"),
				Spec: api.CodeRepoSpec{CodeRepoProvider: "gitlab", Product: "product-7"}},
			[]string{"spec: either repoName or url is needed"},
		},
		"a code repo with a URL": {
			&api.CodeRepo{ObjectMeta: meta("repo-3"),
				Spec: api.CodeRepoSpec{CodeRepoProvider: "gitlab", Product: "product-7", URL: "https://x/y.git"}}, nil,
		},
		"a binding without permissions": {
			&api.CodeRepoBinding{ObjectMeta: meta("b"),
				Spec: api.CodeRepoBindingSpec{CodeRepo: "repo-3", Product: "product-8"}},
			[]string{"spec.permissions: spec.permissions is not one of the known words: use " +
				"\"readonly\", \"readwrite\""},
		},
		"a binding": {
			&api.CodeRepoBinding{ObjectMeta: meta("b"),
				Spec: api.CodeRepoBindingSpec{CodeRepo: "repo-3", Product: "product-8", Permissions: "readonly"}}, nil,
		},
		"an environment without a cluster": {
			&api.Environment{ObjectMeta: meta("e"), Spec: api.EnvironmentSpec{Product: "product-7", EnvType: "dev"}},
			[]string{"spec.cluster: spec.cluster is empty: set it"},
		},
		"an environment": {&api.Environment{ObjectMeta: meta("e"),
			Spec: api.EnvironmentSpec{Product: "product-7", Cluster: "c", EnvType: "dev"}}, nil},
		"a project without a product": {
			&api.Project{ObjectMeta: meta("p")}, []string{"spec.product: spec.product is empty: set it"},
		},
		"a project": {&api.Project{ObjectMeta: meta("p"), Spec: api.ProjectSpec{Product: "product-7"}}, nil},
		"a product": {&api.Product{ObjectMeta: meta("product-7"), Spec: api.ProductSpec{Name: "labs"}}, nil},
		"no product": {&api.Product{ObjectMeta: meta("seven"), Spec: api.ProductSpec{Name: "labs"}},
			[]string{"metadata.name: the name must be product-<group id>"}},
		"a cluster": {cluster(func(*api.ClusterSpec) {}), nil},
		"a virtual cluster without a host": {
			cluster(func(s *api.ClusterSpec) { s.ClusterType = api.ClusterTypeVirtual }),
			[]string{"spec: a virtual cluster needs hostCluster"},
		},
		"a provider of a type that is not known": {
			&api.CodeRepoProvider{ObjectMeta: meta("p"),
				Spec: api.CodeRepoProviderSpec{HTTPAddress: "https://x", ProviderType: "svn"}},
			[]string{"spec.providerType: spec.providerType is not one of the known words: use \"gitlab\""},
		},
		"a kind that has no schema": {&metav1.PartialObjectMetadata{}, []string{"kind: a *v1.PartialObjectMetadata " +
			"has no schema: use one of the kinds of nautes.resource.nautes.io/v1alpha1"}},
	} {
		t.Run(name, func(t *testing.T) {
			want := append([]string{}, c.want...)
			if diff := cmp.Diff(want, told(s.Check(c.obj))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestPathsAndRevisionsBothWays covers sentences that test/apis tries on a real API server.
func TestPathsAndRevisionsBothWays(t *testing.T) {
	s := compiled(t)
	path := func(v string) client.Object {
		return runtime(func(r *api.DeploymentRuntime) { r.Spec.ManifestSource.Path = v })
	}
	revision := func(v string) client.Object {
		return runtime(func(r *api.DeploymentRuntime) { r.Spec.ManifestSource.TargetRevision = v })
	}
	namespace := func(v string) client.Object {
		return runtime(func(r *api.DeploymentRuntime) { r.Spec.Namespaces = []string{"shop", v} })
	}
	for sentence, c := range map[string]struct {
		with              func(string) client.Object
		accepted, refused []string
	}{
		"paths are relative, clean and inside": {
			path, []string{".", "a", "a/b", ".hidden", "a/..b", "...", "with space", "中文"},
			[]string{"", "..", "../a", "a/..", "./a", "a//b", "a/", "/", "/a", "a\\b", "a\nb", "a\x00b", "a\x7fb"},
		},
		"revisions are references of git": {
			revision, []string{"HEAD", "main", "feature/a", "v1.2.3", "a@b", "中文", "a-b", "a/b.locked"},
			[]string{"", "a b", "a..b", "a@{b", "a//b", "a~1", "a^", "a:b", "a?", "a*", "a[b", `a\b`, "@", "a\nb", "-a",
				"/a", "a/", "a.", ".a", "a/.b", "a.lock", "a.lock/b"},
		},
		"namespaces are DNS labels": {
			namespace, []string{"a", "0", "a-b", strings.Repeat("a", 63)},
			[]string{"", "A", "a_b", "a.b", "-a", "a-", "a b", "ü", strings.Repeat("a", 64), "shop"},
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			for _, v := range c.accepted {
				if got := told(s.Check(c.with(v))); len(got) > 0 {
					t.Errorf("%q is refused: %v", v, got)
				}
			}
			for _, v := range c.refused {
				if len(s.Check(c.with(v))) == 0 {
					t.Errorf("%q is accepted", v)
				}
			}
		})
	}
}

func TestAnUpdateIsJudgedLikeANewObject(t *testing.T) {
	s := compiled(t)
	old := runtime(func(*api.DeploymentRuntime) {})
	bad := runtime(func(r *api.DeploymentRuntime) { r.Spec.Destination = "" })
	if got := told(s.CheckUpdate(old, old)); len(got) > 0 {
		t.Errorf("an equal object is refused: %v", got)
	}
	if diff := cmp.Diff(told(s.Check(bad)), told(s.CheckUpdate(old, bad))); diff != "" || len(s.Check(bad)) == 0 {
		t.Errorf("got %s", diff)
	}
}

func TestFieldsThatAKindDoesNotHaveAreNamed(t *testing.T) {
	s := compiled(t)
	for raw, want := range map[string][]string{
		`{"apiVersion":"nautes.resource.nautes.io/v1alpha1","kind":"DeploymentRuntime","metadata":{"name":"a","lables":{}},"sepc":{},"spec":{"projectRef":[],"manifestSource":{"branch":"x","path":"y"},"projectsref":1}}`: {
			"metadata.lables", "sepc", "spec.manifestSource.branch", "spec.projectRef", "spec.projectsref",
		},
		`{"apiVersion":"nautes.resource.nautes.io/v1alpha1","kind":"Project","metadata":{"name":"a"},"spec":{"product":"p"}}`: nil,
		`{"apiVersion":"v1","kind":"Project","x":1}`: nil,
		`{"apiVersion":"v1","kind":"Secret","x":1}`:  nil,
		`[1]`: nil, `{`: nil,
	} {
		if diff := cmp.Diff(want, s.UnknownFields([]byte(raw))); diff != "" {
			t.Errorf("%s: %s", raw, diff)
		}
	}
}

func TestASchemaIsUsedByManyAtOnce(t *testing.T) {
	s := compiled(t)
	obj := runtime(func(r *api.DeploymentRuntime) {
		r.Name, r.Spec.Destination, r.Spec.Namespaces = "a.b", "", []string{"x", "x"}
	})
	want := told(s.Check(obj))
	if len(want) != 3 || !slices.IsSorted(want) {
		t.Fatalf("got %v", want)
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 25 {
				if diff := cmp.Diff(want, told(s.Check(obj))); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
	all.Wait()
}
