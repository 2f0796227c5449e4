package apis

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/nautes-labs/deployment-runtime/internal/command"
)

// tokenOf returns a token of a ServiceAccount, which is made if it is not there.
func tokenOf(t *testing.T, namespace, name string) string {
	t.Helper()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	if err := client.IgnoreAlreadyExists(admin.Create(t.Context(), account)); err != nil {
		t.Fatal(err)
	}
	request := &authenticationv1.TokenRequest{}
	if err := admin.SubResource("token").Create(t.Context(), account, request); err != nil {
		t.Fatal(err)
	}
	return request.Status.Token
}

// withMetrics returns what a kustomization installs that takes in the component.
func withMetrics(t *testing.T) []*unstructured.Unstructured {
	t.Helper()
	return composed(t, "resources: [CONFIG/manager, CONFIG/apiserver]\ncomponents: [CONFIG/metrics]\n")
}

// Whoever has no permission to get /metrics learns nothing, and the public address has none.
func TestMetricsAreForWhoMayGetThem(t *testing.T) {
	namespaceForTest(t, systemNamespace)
	namespaceForTest(t, "argocd")
	asked := 0
	for _, object := range withMetrics(t) {
		switch object.GetKind() {
		case "Deployment":
			containers, _, err := unstructured.NestedSlice(object.Object, "spec", "template", "spec", "containers")
			if err != nil {
				t.Fatal(err)
			}
			args, _, err := unstructured.NestedStringSlice(containers[0].(map[string]any),
				"args") //nolint:forcetypeassert // it is an object
			if err != nil || !slices.Contains(args, "--metrics-authorize") {
				t.Errorf("%s has the arguments %v, %v", object.GetName(), args, err)
			}
			asked++
		case "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "ServiceAccount":
			if err := admin.Patch(t.Context(), object, client.Apply, client.ForceOwnership,
				client.FieldOwner("config-test")); err != nil {
				t.Fatal(err)
			}
		}
	}
	if asked != 2 {
		t.Errorf("%d programs ask", asked)
	}
	scraper, stranger := tokenOf(t, "default", "scraper"), tokenOf(t, "default", "stranger")
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "scraper"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "nautes-metrics-reader"},
		Subjects:   []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: "default", Name: "scraper"}},
	}
	if err := client.IgnoreAlreadyExists(admin.Create(t.Context(), binding)); err != nil {
		t.Fatal(err)
	}
	metrics, public := serveAPI(t)
	get := func(url, token string) (int, error) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
		if err != nil {
			return 0, err
		}
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
		defer transport.CloseIdleConnections()
		res, err := transport.RoundTrip(r)
		if err != nil {
			return 0, err
		}
		return res.StatusCode, res.Body.Close()
	}
	eventually(t, "who has permission reads the metrics", func(context.Context) error {
		status, err := get("https://"+metrics+"/metrics", scraper)
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("got %d", status)
		}
		return err
	})
	for name, c := range map[string]struct {
		url, token string
		status     int
	}{
		"nobody":                       {"https://" + metrics + "/metrics", "", http.StatusUnauthorized},
		"a token that is none":         {"https://" + metrics + "/metrics", "nonsense", http.StatusUnauthorized},
		"who has no permission":        {"https://" + metrics + "/metrics", stranger, http.StatusForbidden},
		"another path":                 {"https://" + metrics + "/debug", scraper, http.StatusNotFound},
		"without TLS":                  {"http://" + metrics + "/metrics", scraper, http.StatusBadRequest},
		"at the address for everybody": {"http://" + public + "/metrics", scraper, http.StatusNotFound},
	} {
		if status, err := get(c.url, c.token); err != nil || status != c.status {
			t.Errorf("%s: %d, %v, want %d", name, status, err, c.status)
		}
	}
}

// serveAPI runs the REST API with the rights of its ServiceAccount until the test ends.
func serveAPI(t *testing.T) (metrics, public string) {
	t.Helper()
	access := env.Management.Admin()
	access.Token = tokenOf(t, systemNamespace, "nautes-apiserver")
	kubeconfig, err := access.Kubeconfig("")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(file, kubeconfig, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, address := range []*string{&metrics, &public} {
		if *address, err = env.FreeAddress(); err != nil {
			t.Fatal(err)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	var said bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		ended <- command.Execute(ctx,
			[]string{"apiserver", "--gitlab-url", "http://127.0.0.1:1", "--kubeconfig", file, "--listen", public,
				"--metrics-bind-address", metrics, "--metrics-authorize"}, &said, &said)
	}()
	t.Cleanup(func() {
		stop()
		if code := <-ended; code != 0 {
			t.Errorf("it ended with %d: %s", code, said.String())
		}
	})
	return metrics, public
}
