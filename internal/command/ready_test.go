package command

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/cache/informertest"
)

// TestReadyIsWhoCanWork: with filled caches, and while the API server answers.
func TestReadyIsWhoCanWork(t *testing.T) {
	var away atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if away.Load() {
			http.Error(w, "etcd is away", http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte(`{"major":"1","minor":"36","gitVersion":"v1.36.3"}`))
	}))
	defer server.Close()
	caches := &informertest.FakeInformers{Synced: ptr.To(false)}
	ready, err := readiness(&rest.Config{Host: server.URL}, caches)
	if err != nil {
		t.Fatal(err)
	}
	expect := func(when, want string) {
		t.Helper()
		switch err := ready(httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", nil)); {
		case want == "" && err != nil, want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want %q", when, err, want)
		}
	}
	expect("with empty caches", "the caches are not filled yet")
	caches.Synced = ptr.To(true)
	expect("with filled caches", "")
	away.Store(true)
	expect("while the API server refuses", "asking the API server of the management cluster")
	away.Store(false)
	expect("when it is back", "")
	server.Close()
	expect("while the API server is gone", "asking the API server of the management cluster")
}
