package command

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/rest"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/kinds"
	"github.com/nautes-labs/deployment-runtime/internal/resolve"
)

// kube answers empty lists, holds watches open, and writes down what was asked for.
type kube struct {
	mu    sync.Mutex
	asked map[string]bool
	// records are the annotations of the Applications.
	records []string
}

func (k *kube) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	switch {
	case r.URL.Query().Get("watch") != "":
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	default:
		k.list(w, r)
	}
}

func (k *kube) list(w http.ResponseWriter, r *http.Request) {
	asked := r.Method + " " + r.URL.Path
	kind := map[string]any{"kind": "List", "apiVersion": "v1"}
	items := []any{}
	if strings.Contains(r.Header.Get("Accept"), "as=PartialObjectMetadataList") {
		asked += " metadata"
		kind = map[string]any{"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1"}
		for i, record := range k.records {
			items = append(items, map[string]any{"metadata": map[string]any{
				"name": fmt.Sprint("a", i), "namespace": "argocd",
				"annotations": map[string]string{api.AnnotationPlacement: record},
			}})
		}
	} else {
		for _, row := range kinds.All() {
			if strings.HasSuffix(r.URL.Path, "/"+row.Plural) {
				kind = map[string]any{"kind": row.Name + "List", "apiVersion": api.GroupVersion.String()}
			}
		}
	}
	k.mu.Lock()
	k.asked[asked] = true
	k.mu.Unlock()
	kind["metadata"], kind["items"] = map[string]string{"resourceVersion": "1"}, items
	k.write(w, kind)
}

func (k *kube) write(w http.ResponseWriter, v any) {
	if err := json.NewEncoder(w).Encode(v); err != nil {
		panic(err)
	}
}

// TestTheAPIServerAsksTheClusterForWhatItsRolePermits holds config/rbac/apiserver and the caches together.
func TestTheAPIServerAsksTheClusterForWhatItsRolePermits(t *testing.T) {
	k := &kube{asked: map[string]bool{}, records: []string{`{"product":"product-1"}`}}
	web := httptest.NewServer(k)
	defer web.Close()
	f := &apiServerFlags{systemNamespace: "nautes", argoNamespace: "argocd"}
	m, err := f.management(t.Context(), &rest.Config{Host: web.URL}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	background, stop := context.WithCancel(t.Context())
	work, background := errgroup.WithContext(background)
	m.start(t.Context(), background, work)
	if _, err := m.lookup.RecordsOf(t.Context(), "product-1"); err != nil {
		t.Error(err)
	}
	if _, err := resolve.List[api.CodeRepoBinding](t.Context(), m.lookup, "product-1"); err != nil {
		t.Error(err)
	}
	if p, err := resolve.Get[api.Product](t.Context(), m.lookup, "", "product-1"); p != nil || err != nil {
		t.Errorf("got %v, %v", p, err)
	}
	stop()
	if err := work.Wait(); err != nil {
		t.Error(err)
	}
	const group = "GET /apis/nautes.resource.nautes.io/v1alpha1/"
	want := []string{
		"GET /apis/argoproj.io/v1alpha1/namespaces/argocd/applications metadata",
		group + "coderepobindings", group + "coderepoes", group + "deploymentruntimes", group + "environments",
		group + "projects",
		group + "namespaces/nautes/clusters", group + "namespaces/nautes/coderepoproviders",
		group + "namespaces/nautes/productproviders", group + "namespaces/nautes/products",
	}
	var got []string
	for asked := range k.asked {
		got = append(got, asked)
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
