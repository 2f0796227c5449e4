package command

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	gitlabclient "gitlab.com/gitlab-org/api/client-go"

	"github.com/nautes-labs/deployment-runtime/internal/server"
	"github.com/nautes-labs/deployment-runtime/test/fakegitlab"
)

// away is an API server over a real GitLab whose management cluster may be away.
type away struct {
	*testing.T
	lab     *fakegitlab.Server
	address string
	log     *output
	metrics *server.Metrics
}

// newAway starts the API server with a kubeconfig that leads to the address of a cluster.
func newAway(t *testing.T, cluster string) *away {
	t.Helper()
	lab, err := fakegitlab.New(fakegitlab.Options{Dir: t.TempDir(), RequestsPerMinute: -1})
	if err != nil {
		t.Fatal(err)
	}
	url, err := lab.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	a := &away{T: t, lab: lab, log: &output{serving: make(chan string, 1)}}
	f := &apiServerFlags{
		gitlabURL: url, listen: "127.0.0.1:0",
		kubeconfig:      write(t, "kubeconfig", strings.Replace(kubeconfig, "127.0.0.1:1", cluster, 1)),
		systemNamespace: "nautes", argoNamespace: "argocd", codeRepoProvider: "gitlab", snapshotBytes: 1 << 20,
		maxRequests: 10, shutdownTimeout: time.Minute,
	}
	s := apiServer{flags: f, log: slog.New(slog.NewJSONHandler(a.log, nil)), metrics: server.NewMetrics()}
	a.metrics = s.metrics
	if s.management, err = f.connect(t.Context(), s.log); err != nil {
		t.Fatal(err)
	}
	s.management.interval = 10 * time.Millisecond
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.serve(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := lab.Close(); err != nil {
			t.Error(err)
		}
	})
	select {
	case a.address = <-a.log.serving:
	case err := <-ended:
		t.Fatalf("it does not start: %v", err)
	}
	return a
}

func (a *away) do(method, path, body string) (int, string) {
	a.Helper()
	r, err := http.NewRequestWithContext(a.Context(), method, "http://"+a.address+path, strings.NewReader(body))
	if err != nil {
		a.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+a.lab.RootToken())
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		a.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was read
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		a.Fatal(err)
	}
	return resp.StatusCode, string(data)
}

func (a *away) post(path, body string) string {
	a.Helper()
	status, answer := a.do(http.MethodPost, "/api/v1/products"+path, body)
	if status != http.StatusOK {
		a.Fatalf("%s: %d %s", path, status, answer)
	}
	return answer
}

// scrape returns the metrics.
func (a *away) scrape() string {
	rec := httptest.NewRecorder()
	a.metrics.Handler().ServeHTTP(rec,
		httptest.NewRequestWithContext(a.Context(), http.MethodGet, "/metrics", http.NoBody))
	return rec.Body.String()
}

// connected waits until the server says whether it is connected.
func (a *away) connected(want int) {
	a.Helper()
	for deadline := time.Now().Add(time.Minute); ; {
		if metrics := a.scrape(); strings.Contains(metrics,
			fmt.Sprintf("nautes_apiserver_management_cluster_connected %d\n", want)) {
			return
		}
		if time.Now().After(deadline) {
			a.Fatalf("never connected=%d: %s", want, a.log.text())
		}
	}
}

// transitions counts the lines about the connection.
func (a *away) transitions() (lost, found int) {
	for line := range strings.Lines(a.log.text()) {
		var entry struct{ Msg string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			a.Fatal(err)
		}
		if strings.HasPrefix(entry.Msg, "the management cluster is not connected") {
			lost++
		}
		if entry.Msg == "the management cluster is connected" {
			found++
		}
	}
	return lost, found
}

func (o *output) text() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return bytes.NewBuffer(o.data.Bytes()).String()
}

// clusterAt serves an empty management cluster at an address.
func clusterAt(t *testing.T, address string) (leave func()) {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewUnstartedServer(&kube{asked: map[string]bool{}})
	_ = web.Listener.Close()
	web.Listener = l
	web.Start()
	return func() {
		closed := make(chan struct{})
		go func() { web.Close(); close(closed) }() // no new connection from now on
		for {
			select {
			case <-closed:
				return
			case <-time.After(10 * time.Millisecond): // one may have come just before, and a watch never ends by itself
				web.CloseClientConnections()
			}
		}
	}
}

func TestTheAPIServerServesWhileTheManagementClusterIsAway(t *testing.T) {
	reserved, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cluster := reserved.Addr().String()
	_ = reserved.Close()

	a := newAway(t, cluster)
	root, err := gitlabclient.NewClient(a.lab.RootToken(), gitlabclient.WithBaseURL(a.lab.URL()),
		gitlabclient.WithoutRetries())
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := root.Users.CurrentUser(); err != nil {
		t.Fatal(err)
	}
	if status, body := a.do(http.MethodGet, "/readyz", ""); status != http.StatusOK {
		t.Errorf("readyz: %d %s", status, body)
	}
	a.post("/nautes", `{"git":{"gitlab":{"name":"Nautes","visibility":"private"}}}`)
	a.post("/nautes/projects/api", `{"language":"go"}`)
	a.post("/nautes/coderepos/api", `{"project":"api","deployment_runtime":true}`)
	environment := a.post("/nautes/environments/dev", `{"cluster":"c1","env_type":"dev"}`)
	runtime := `{"projects_ref":["api"],"manifest_source":{"code_repo":"api","target_revision":"HEAD","path":"%s"},"destination":"dev"}`
	for what, answer := range map[string]string{"an environment": environment,
		"a runtime": a.post("/nautes/deploymentruntimes/one", fmt.Sprintf(runtime, "one"))} {
		if !strings.Contains(answer, `"UNCHECKED:`) {
			t.Errorf("%s is saved without a warning: %s", what, answer)
		}
	}
	if _, item := a.do(http.MethodGet, "/api/v1/products/nautes/deploymentruntimes/one",
		""); strings.Contains(item, `"status"`) {
		t.Errorf("a status out of nothing: %s", item)
	}
	if status, body := a.do(http.MethodGet, "/api/v1/clusters", ""); status != http.StatusServiceUnavailable ||
		!strings.Contains(body, "MANAGEMENT_CLUSTER_UNAVAILABLE") {
		t.Errorf("clusters: %d %s", status, body)
	}
	a.connected(0)
	if lost, found := a.transitions(); lost != 1 || found != 0 {
		t.Errorf("%d lines that it is away, %d that it is there: %s", lost, found, a.log.text())
	}

	leave := clusterAt(t, cluster)
	a.connected(1)
	if status, body := a.do(http.MethodGet, "/api/v1/clusters", ""); status != http.StatusOK ||
		!strings.HasPrefix(body, `{"items":[]`) {
		t.Errorf("clusters: %d %s", status, body)
	}
	status, body := a.do(http.MethodPost, "/api/v1/products/nautes/deploymentruntimes/two", fmt.Sprintf(runtime, "two"))
	if status != http.StatusUnprocessableEntity || !strings.Contains(body, "ClusterNotFound") {
		t.Errorf("the cluster is there and is not asked: %d %s", status, body)
	}

	leave()
	a.connected(0)
	if answer := a.post("/nautes/deploymentruntimes/two", fmt.Sprintf(runtime, "two")); !strings.Contains(answer,
		`"UNCHECKED:`) {
		t.Errorf("what the cluster said before it left is still believed: %s", answer)
	}
	if lost, found := a.transitions(); lost != 2 || found != 1 {
		t.Errorf("%d lines that it is away, %d that it is there", lost, found)
	}
}

// A cluster that takes connections and says nothing must not hold up anybody either.
func TestASaveDoesNotWaitForAManagementClusterThatSaysNothing(t *testing.T) {
	silent, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close() //nolint:errcheck // it is not needed any more
	a := newAway(t, silent.Addr().String())
	a.post("/nautes", `{"git":{"gitlab":{"name":"Nautes","visibility":"private"}}}`)
	if answer := a.post("/nautes/environments/dev", `{"cluster":"c1","env_type":"dev"}`); !strings.Contains(answer,
		`"UNCHECKED:`) {
		t.Errorf("got %s", answer)
	}
}
