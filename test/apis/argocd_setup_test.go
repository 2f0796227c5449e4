package apis

import (
	"bytes"
	"context"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/nautes-labs/deployment-runtime/config/argocd"
	"github.com/nautes-labs/deployment-runtime/internal/command"
)

// others is what an administrator has set in Argo CD before.
func others() argocd.Data {
	return argocd.Data{
		argocd.ConfigMap:  {"url": "https://argocd.example.com", "kustomize.buildOptions": "--enable-helm"},
		argocd.Parameters: {"server.insecure": "true"},
	}
}

// installed makes the ConfigMaps of an Argo CD in a namespace.
func installed(t *testing.T, namespace string, data argocd.Data) {
	t.Helper()
	namespaceForTest(t, namespace)
	for name, values := range data {
		m := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name,
			Labels: map[string]string{argocd.Label: argocd.LabelValue}}, Data: values}
		if err := client.IgnoreNotFound(admin.Delete(t.Context(), m)); err != nil {
			t.Fatal(err)
		}
		if err := admin.Create(t.Context(), m, client.FieldOwner("an-administrator")); err != nil {
			t.Fatal(err)
		}
	}
}

// stored reads the ConfigMaps of Argo CD.
func stored(t *testing.T, namespace string) (data argocd.Data, versions map[string]string) {
	t.Helper()
	data, versions = argocd.Data{}, map[string]string{}
	for _, name := range []string{argocd.ConfigMap, argocd.Parameters} {
		var m corev1.ConfigMap
		if err := admin.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, &m); err != nil {
			t.Fatal(err)
		}
		if m.Labels[argocd.Label] != argocd.LabelValue {
			t.Errorf("%s has the labels %v: Argo CD does not look at it", name, m.Labels)
		}
		data[name], versions[name] = m.Data, m.ResourceVersion
	}
	return data, versions
}

// asJob writes a kubeconfig with the rights that the Job has.
func asJob(t *testing.T) string {
	t.Helper()
	kubeconfig, err := clientcmd.LoadFromFile(env.Management.KubeconfigFile())
	if err != nil {
		t.Fatal(err)
	}
	for _, user := range kubeconfig.AuthInfos {
		user.Impersonate = "system:serviceaccount:nautes:nautes-argocd"
	}
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*kubeconfig, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// setUp runs `manager argocd` and returns what it prints.
func setUp(t *testing.T, kubeconfig string, args ...string) (code int, out string) {
	t.Helper()
	var b bytes.Buffer
	code = command.Execute(t.Context(), append([]string{"argocd", "--kubeconfig", kubeconfig}, args...), &b, &b)
	return code, b.String()
}

func clusterUID(t *testing.T) string {
	t.Helper()
	var ns corev1.Namespace
	if err := admin.Get(t.Context(), client.ObjectKey{Name: metav1.NamespaceSystem}, &ns); err != nil {
		t.Fatal(err)
	}
	return string(ns.UID)
}

// expectSettings checks that all settings are there, and everything of others.
func expectSettings(t *testing.T, got argocd.Data, c argocd.Choices, kept argocd.Data) {
	t.Helper()
	want, err := argocd.Settings(c)
	if err != nil {
		t.Fatal(err)
	}
	for name := range want {
		maps.Copy(want[name], kept[name])
		for key, value := range want[name] {
			if got[name][key] != value {
				t.Errorf("%s %s is %q, want %q", name, key, got[name][key], value)
			}
		}
		if len(got[name]) != len(want[name]) {
			t.Errorf("%s has the keys %q, want %q", name, slices.Sorted(maps.Keys(got[name])),
				slices.Sorted(maps.Keys(want[name])))
		}
	}
}

// TestArgoCDIsSetUp with the rights of the Job: what others have set stays, and what is right is not written again.
func TestArgoCDIsSetUp(t *testing.T) {
	const namespace = "argocd"
	namespaceForTest(t, systemNamespace)
	installed(t, namespace, others())
	applied(t, "argocd/job")
	kubeconfig := asJob(t)

	_, before := stored(t, namespace)
	code, out := setUp(t, kubeconfig, "--dry-run")
	if code != 0 || !strings.Contains(out, "nothing was written") ||
		!strings.Contains(out, `argocd-cm application.resourceTrackingMethod: not set -> "annotation"`) {
		t.Fatalf("exit code %d: %s", code, out)
	}
	if _, after := stored(t, namespace); !maps.Equal(before, after) {
		t.Errorf("a dry run wrote: %v, then %v", before, after)
	}

	if code, out = setUp(t, kubeconfig); code != 0 || !strings.Contains(out, "restart argocd-application-controller") {
		t.Fatalf("exit code %d: %s", code, out)
	}
	data, before := stored(t, namespace)
	expectSettings(t, data, argocd.Choices{InstallationID: clusterUID(t), Jsonnet: "false", Submodules: "false"}, others())

	if code, out = setUp(t, kubeconfig); code != 0 || out != "argocd: everything is set already\n" {
		t.Fatalf("the second run: exit code %d: %s", code, out)
	}
	if _, after := stored(t, namespace); !maps.Equal(before, after) {
		t.Errorf("the second run wrote: %v, then %v", before, after)
	}
}

// TestSettingUpArgoCDAsksAPerson: it ends with an error that says what to do, and has written nothing.
func TestSettingUpArgoCDAsksAPerson(t *testing.T) {
	const namespace = "argocd-asks"
	for name, c := range map[string]struct {
		data argocd.Data
		args []string
		want []string
	}{
		"others want it otherwise": {
			argocd.Data{argocd.ConfigMap: {"application.resourceTrackingMethod": "label"},
				argocd.Parameters: {"controller.sync.timeout.seconds": "60"}}, nil,
			[]string{`argocd-cm application.resourceTrackingMethod: is "label", and should be "annotation"`,
				`argocd-cmd-params-cm controller.sync.timeout.seconds: is "60", and should be "1800"`,
				"an-administrator", "--overwrite"},
		},
		"it deploys already": {
			argocd.Data{argocd.ConfigMap: {argocd.KeyInstallationID: "mine"}, argocd.Parameters: {}}, nil,
			[]string{"--jsonnet=false", "--submodules=false"},
		},
		"it deploys already, and a half was said": {
			argocd.Data{argocd.ConfigMap: {argocd.KeyInstallationID: "mine"}, argocd.Parameters: {}},
			[]string{"--jsonnet=true"}, []string{"--submodules=false"},
		},
		"it may deploy from other namespaces": {
			argocd.Data{argocd.ConfigMap: {}, argocd.Parameters: {argocd.KeyNamespaces: "team-*"}}, nil,
			[]string{"--jsonnet=false", "--submodules=false"},
		},
		"no choice": {others(), []string{"--jsonnet=perhaps"}, []string{"--jsonnet", "must be true or false"}},
		"no Argo CD": {others(), []string{"--argocd-namespace=nowhere"},
			[]string{`namespace "nowhere" has no ConfigMap argocd-cm`, "--argocd-namespace"}},
	} {
		t.Run(name, func(t *testing.T) {
			installed(t, namespace, c.data)
			_, before := stored(t, namespace)
			code, out := setUp(t, env.Management.KubeconfigFile(),
				append([]string{"--argocd-namespace", namespace}, c.args...)...)
			if code != 1 {
				t.Errorf("exit code %d", code)
			}
			for _, want := range c.want {
				if !strings.Contains(out, want) {
					t.Errorf("%q is missing in:\n%s", want, out)
				}
			}
			if _, after := stored(t, namespace); !maps.Equal(before, after) {
				t.Errorf("something was written: %v, then %v", before, after)
			}
		})
	}
}

// TestSettingUpArgoCDFollowsWhatAPersonSays, and what an installation has chosen before.
func TestSettingUpArgoCDFollowsWhatAPersonSays(t *testing.T) {
	const namespace = "argocd-follows"
	for name, c := range map[string]struct {
		data argocd.Data
		args []string
		want argocd.Choices
	}{
		"overwrite": {
			argocd.Data{argocd.ConfigMap: {"application.resourceTrackingMethod": "label"}, argocd.Parameters: {}},
			[]string{"--overwrite"}, argocd.Choices{InstallationID: clusterUID(t), Jsonnet: "false", Submodules: "false"},
		},
		"both said": {
			argocd.Data{argocd.ConfigMap: {argocd.KeyInstallationID: "mine"}, argocd.Parameters: {}},
			[]string{"--jsonnet=true", "--submodules=false"},
			argocd.Choices{InstallationID: "mine", Jsonnet: "true", Submodules: "false"},
		},
		"both chosen before": {
			argocd.Data{argocd.ConfigMap: {argocd.KeyInstallationID: "mine", argocd.KeyJsonnet: "true"},
				argocd.Parameters: {argocd.KeySubmodules: "1"}},
			nil, argocd.Choices{InstallationID: "mine", Jsonnet: "true", Submodules: "1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			installed(t, namespace, c.data)
			code, out := setUp(t, env.Management.KubeconfigFile(),
				append([]string{"--argocd-namespace", namespace}, c.args...)...)
			if code != 0 {
				t.Fatalf("exit code %d: %s", code, out)
			}
			data, _ := stored(t, namespace)
			expectSettings(t, data, c.want, nil)
		})
	}
}

// TestSettingUpArgoCDTakesOverFromEarlierVersions, which applied their keys and a label in the name of nautes: keys
// that changed since are no conflict.
// TestSettingUpArgoCDGoesOnWhereItWasCutOff: between its two writes.
func TestSettingUpArgoCDGoesOnWhereItWasCutOff(t *testing.T) {
	const namespace = "argocd-cut-off"
	installed(t, namespace, argocd.Data{argocd.Parameters: {},
		argocd.ConfigMap: {argocd.KeyInstallationID: clusterUID(t), argocd.KeyJsonnet: "false"}})
	code, out := setUp(t, env.Management.KubeconfigFile(), "--argocd-namespace", namespace)
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, out)
	}
	data, _ := stored(t, namespace)
	expectSettings(t, data, argocd.Choices{InstallationID: clusterUID(t), Jsonnet: "false", Submodules: "false"}, nil)
}

// TestSettingUpArgoCDTakesNothingAway: a key that somebody applied together with those of an earlier version.
func TestSettingUpArgoCDTakesNothingAway(t *testing.T) {
	const namespace = "argocd-takes-nothing"
	namespaceForTest(t, namespace)
	appliedEarlier(t, namespace, argocd.Data{argocd.Parameters: {argocd.KeySubmodules: "false"},
		argocd.ConfigMap: {argocd.KeyJsonnet: "false", "oidc.config": "name: SSO"}})
	_, before := stored(t, namespace)
	code, out := setUp(t, env.Management.KubeconfigFile(), "--argocd-namespace", namespace)
	if want := `argocd-cm oidc.config: is "name: SSO", and would be removed`; code != 1 || !strings.Contains(out, want) {
		t.Errorf("exit code %d, want 1 and %q: %s", code, want, out)
	}
	if _, after := stored(t, namespace); !maps.Equal(before, after) {
		t.Errorf("something was written: %v, then %v", before, after)
	}
}

// appliedEarlier makes the ConfigMaps as earlier versions of us did.
func appliedEarlier(t *testing.T, namespace string, all argocd.Data) {
	t.Helper()
	for name, data := range all {
		m := &corev1.ConfigMap{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name,
				Labels: map[string]string{argocd.Label: argocd.LabelValue}}, Data: data}
		if err := admin.Patch(t.Context(), m, client.Apply, client.FieldOwner("nautes")); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSettingUpArgoCDTakesOverFromEarlierVersions(t *testing.T) {
	const namespace = "argocd-earlier"
	namespaceForTest(t, namespace)
	appliedEarlier(t, namespace, argocd.Data{
		argocd.ConfigMap:  {argocd.KeyInstallationID: "mine", argocd.KeyJsonnet: "false", healthKey + "Product": "return {}"},
		argocd.Parameters: {argocd.KeySubmodules: "false", "controller.sync.timeout.seconds": "3600"},
	})
	code, out := setUp(t, env.Management.KubeconfigFile(), "--argocd-namespace", namespace)
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, out)
	}
	data, _ := stored(t, namespace)
	expectSettings(t, data, argocd.Choices{InstallationID: "mine", Jsonnet: "false", Submodules: "false"}, nil)
}

// TestSettingUpArgoCDLooksAgainAfterARace: a key that somebody writes in between stays, and decides.
func TestSettingUpArgoCDLooksAgainAfterARace(t *testing.T) {
	const namespace = "argocd-race"
	installed(t, namespace, others())
	server := interrupted(t, func(ctx context.Context) error {
		m := &corev1.ConfigMap{}
		if err := admin.Get(ctx, client.ObjectKey{Namespace: namespace, Name: argocd.ConfigMap}, m); err != nil {
			return err
		}
		m.Data[argocd.KeyInstallationID], m.Data[argocd.KeyJsonnet] = "theirs", "true"
		return admin.Update(ctx, m, client.FieldOwner("somebody"))
	})
	code, out := setUp(t, asAdmin(t, server), "--argocd-namespace", namespace, "--submodules=false")
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, out)
	}
	data, _ := stored(t, namespace)
	expectSettings(t, data, argocd.Choices{InstallationID: "theirs", Jsonnet: "true", Submodules: "false"}, others())
}

// interrupted stands before the API server, and does something once before the first real write to argocd-cm.
func interrupted(t *testing.T, do func(context.Context) error) string {
	t.Helper()
	var once sync.Once
	return env.Management.Proxy(t, func(r *http.Request) {
		if r.Method == http.MethodPatch && strings.HasSuffix(r.URL.Path, "/configmaps/"+argocd.ConfigMap) &&
			!r.URL.Query().Has("dryRun") {
			once.Do(func() {
				if err := do(r.Context()); err != nil {
					t.Error(err)
				}
			})
		}
	})
}

// asAdmin writes a kubeconfig for a server that adds the rights by itself.
func asAdmin(t *testing.T, server string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	content := "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{name: c, cluster: {server: '" + server +
		"'}}]\ncontexts: [{name: c, context: {cluster: c, user: u}}]\nusers: [{name: u}]\n"
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
