package server_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nautes-labs/deployment-runtime/internal/server"
)

func TestEveryMetricOfTheAPIIsInTheDocs(t *testing.T) {
	docs, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	m := server.NewMetrics()
	m.SnapshotBytes(func() int64 { return 1 })
	m.ManagementCluster(func() bool { return true })
	m.GitLabCall("GetProject", "OK", time.Second)
	m.GitOperation("push", "OK", time.Second)
	m.SnapshotRead(true)
	answer := httptest.NewRecorder()
	m.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
	found := regexp.MustCompile(`(?m)^# HELP (nautes_apiserver_[a-z_]+) (.+)$`).FindAllStringSubmatch(answer.Body.String(), -1)
	if len(found) < 6 {
		t.Fatalf("found only %d metrics: %s", len(found), answer.Body)
	}
	for _, metric := range found {
		if !strings.Contains(string(docs), "| `"+metric[1]+"` |") {
			t.Errorf("docs/metrics.md has no row for %s (%s)", metric[1], metric[2])
		}
	}
}
