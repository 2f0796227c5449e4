//go:build gitlab

// Package realgitlab holds tests that run on a GitLab that somebody has: make test-gitlab.
package realgitlab

import (
	"crypto/rand"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nautes-labs/deployment-runtime/internal/change"
	"github.com/nautes-labs/deployment-runtime/internal/githost/gitlab"
	"github.com/nautes-labs/deployment-runtime/internal/githost/hosttest"
	"github.com/nautes-labs/deployment-runtime/internal/gitrepo"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/schema"
	"github.com/nautes-labs/deployment-runtime/internal/secret"
	"github.com/nautes-labs/deployment-runtime/test/gitlabseed"
)

// world is the GitLab of GITLAB_URL, as the administrator of GITLAB_TOKEN.
type world struct {
	host   *gitlabseed.Recorder
	seed   *gitlabseed.Seeder
	root   secret.Token
	prefix string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	url, token := os.Getenv("GITLAB_URL"), os.Getenv("GITLAB_TOKEN")
	if url == "" || token == "" {
		t.Fatal("set GITLAB_URL and GITLAB_TOKEN: make test-gitlab GITLAB_URL=... GITLAB_TOKEN=...")
	}
	host, err := gitlab.New(gitlab.Options{URL: url, Timeout: time.Minute})
	must(t, err)
	w := &world{host: &gitlabseed.Recorder{Host: host}, seed: gitlabseed.New(t, url, token, time.Now),
		root: secret.New(token), prefix: "nautes-test-" + strings.ToLower(rand.Text()[:8]) + "-"}
	t.Logf("everything that is made here has a name that begins with %s", w.prefix)
	t.Cleanup(func() { w.seed.CleanUp(t, w.host) })
	return w
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestHost(t *testing.T) {
	w := newWorld(t)
	hosttest.Run(t, &hosttest.World{Host: w.host, Root: w.root, Seed: w.seed, Now: time.Now, Prefix: w.prefix})
}

// TestStory is one product from its first save to its deletion, by somebody who is no administrator.
func TestStory(t *testing.T) {
	w := newWorld(t)
	checker, err := schema.New()
	must(t, err)
	service := change.New(change.Options{Host: w.host, Repos: gitrepo.NewStore(gitrepo.Options{Now: time.Now}),
		Schema: checker, CodeRepoProvider: "gitlab", Now: time.Now})
	caller := change.Caller{Token: w.seed.Person(t, w.prefix+"owner").Token}
	product := w.prefix + "story"
	save := func(kind, name, body string) {
		t.Helper()
		r := change.Request{Product: product, Operations: []change.Operation{{Kind: kind, Name: name,
			Body: json.RawMessage(body)}}}
		if _, err := service.Change(t.Context(), caller, r); err != nil {
			t.Fatalf("saving %s %s: %v", kind, name, err)
		}
	}
	runtime := func(destination string) string {
		return `{"projects_ref":["api"],"manifest_source":{"code_repo":"web","target_revision":"HEAD","path":"a"},` +
			`"destination":"` + destination + `"}`
	}

	save("Product", product, `{"git":{"gitlab":{"visibility":"private"}}}`)
	save("Environment", "dev", `{"cluster":"c1","env_type":"dev"}`)
	save("Project", "api", `{"language":"go"}`)
	save("CodeRepo", "web", `{"project":"api","deployment_runtime":true,"git":{"gitlab":{"visibility":"private"}}}`)
	save("DeploymentRuntime", "dr", runtime("dev"))
	save("DeploymentRuntime", "dr", strings.Replace(runtime("dev"), `"path":"a"`, `"path":"b"`, 1))

	ref := change.Ref{Product: product, Kind: "DeploymentRuntime", Name: "dr"}
	answer, err := service.Get(t.Context(), caller, ref)
	must(t, err)
	if raw, err := json.Marshal(answer.Item); err != nil || !strings.Contains(string(raw), `"path":"b"`) {
		t.Errorf("%v: got %s", err, raw)
	}
	stranger := change.Caller{Token: w.seed.Person(t, w.prefix+"stranger").Token}
	if _, err := service.Get(t.Context(), stranger, ref); !problem.Is(err, problem.Missing) {
		t.Errorf("a stranger is told: %v", err)
	}
	_, err = service.Change(t.Context(), caller, change.Request{Product: product,
		Operations: []change.Operation{{Kind: "DeploymentRuntime", Name: "dr", Delete: true}}})
	must(t, err)
	if _, err := service.Get(t.Context(), caller, ref); !problem.Is(err, problem.Missing) {
		t.Errorf("after its deletion the runtime is told: %v", err)
	}
}
