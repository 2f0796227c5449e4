package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	gitlab "gitlab.com/gitlab-org/api/client-go"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/cli"
	"github.com/nautes-labs/deployment-runtime/internal/secret"
	"github.com/nautes-labs/deployment-runtime/test/devenv/process"
)

// throughREST returns the stories of developers who use nothing but the REST API and the command line.
func throughREST() []Scenario {
	return []Scenario{
		{"the guide's way: nautes and curl, from an empty GitLab to pods and back", guidesWay},
	}
}

// hookSecret is what GitLab proves itself with to the REST API.
const hookSecret = "hook-secret-canary"

// apiServer is the REST API as it is installed: with the rights of its ServiceAccount.
type apiServer struct {
	url, log string
	// metrics is the address of /metrics.
	metrics string
	group   *process.Group
	process *process.Process
}

// apiServerEnd is how long the REST API may take to end.
const apiServerEnd = 30 * time.Second

// startAPIServer starts the REST API beside the operator.
func (w *World) startAPIServer(ctx context.Context) error {
	if err := w.Env.Management.ApplyKustomization(ctx, "config/rbac/apiserver"); err != nil {
		return fmt.Errorf("installing the rights of the REST API: %w", err)
	}
	kubeconfig := filepath.Join(w.Env.Dir, "apiserver.kubeconfig")
	if err := w.writeKubeconfig(kubeconfig, "nautes-apiserver"); err != nil {
		return err
	}
	hooks := filepath.Join(w.Env.Dir, "hook-secret")
	if err := os.WriteFile(hooks, []byte(hookSecret+"\n"), 0o600); err != nil {
		return fmt.Errorf("writing the secret of the webhook: %w", err)
	}
	listen, err := w.Env.FreeAddress()
	if err != nil {
		return err
	}
	metrics, err := w.Env.FreeAddress()
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding this program: %w", err)
	}
	s := &apiServer{metrics: metrics, url: "http://" + listen, log: filepath.Join(w.Env.Dir, "apiserver.log")}
	s.group = process.NewGroup(func(err error) { fmt.Fprintln(os.Stderr, err) })
	s.process, err = s.group.Start(process.Command{
		Name: "apiserver", Path: self, Env: []string{asManager + "=1"}, Log: s.log,
		Args: []string{"apiserver", "--listen", listen, "--metrics-bind-address", metrics, "--gitlab-url", w.GitLab.URL,
			"--kubeconfig", kubeconfig,
			"--public-url", s.url, "--webhook-secret-file", hooks, "--code-repo-provider", forge, "--system-namespace",
			systemNamespace},
	})
	if err != nil {
		return err
	}
	w.API = s
	return nil
}

// stop ends the REST API, which has to say goodbye in time.
func (s *apiServer) stop() error {
	defer s.group.Stop()
	return s.process.Stop(apiServerEnd)
}

// writeKubeconfig writes a kubeconfig of the management cluster with the rights of a ServiceAccount of the system
// namespace.
func (w *World) writeKubeconfig(file, serviceAccount string) error {
	admin := w.Env.Management.Admin()
	config := clientcmdapi.NewConfig()
	config.Clusters["management"] = &clientcmdapi.Cluster{Server: admin.Server, CertificateAuthorityData: admin.CA}
	config.AuthInfos["management"] = &clientcmdapi.AuthInfo{Token: admin.Token,
		Impersonate: "system:serviceaccount:" + systemNamespace + ":" + serviceAccount}
	config.Contexts["management"] = &clientcmdapi.Context{Cluster: "management", AuthInfo: "management"}
	config.CurrentContext = "management"
	if err := clientcmd.WriteToFile(*config, file); err != nil {
		return fmt.Errorf("writing %s: %w", file, err)
	}
	return nil
}

// Developer is a person with an account in GitLab, a token, and a terminal.
type Developer struct {
	*Product
	token   string
	product string
}

// NewDeveloper makes an account.
func (w *World) NewDeveloper(t *testing.T) *Developer {
	t.Helper()
	p := w.plan(t)
	p.Allow()
	root, err := gitlab.NewClient(w.GitLab.Root.Reveal(), gitlab.WithBaseURL(w.GitLab.URL))
	p.Expect(err).NotTo(HaveOccurred())
	user, _, err := root.Users.CreateUser(&gitlab.CreateUserOptions{
		Username: gitlab.Ptr("dev-" + p.Path), Name: gitlab.Ptr("Dev"),
		Email:    gitlab.Ptr("dev-" + p.Path + "@example.com"),
		Password: gitlab.Ptr("a-long-password-" + p.Path), SkipConfirmation: gitlab.Ptr(true),
	})
	p.Expect(err).NotTo(HaveOccurred())
	token, _, err := root.Users.CreatePersonalAccessToken(user.ID, &gitlab.CreatePersonalAccessTokenOptions{
		Name: gitlab.Ptr("nautes"), Scopes: gitlab.Ptr([]string{"api", "write_repository"}),
	})
	p.Expect(err).NotTo(HaveOccurred())
	p.Eventually(func() error { return answers(p.Ctx, w.API.url+"/readyz") }).Should(Succeed())
	return &Developer{Product: p, token: token.Token, product: p.Path}
}

func answers(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, resp.Status)
	}
	return nil
}

// nautes runs the command line with files on stdin; it has to succeed.
func (d *Developer) nautes(stdin string, args ...string) {
	d.Helper()
	var out, said bytes.Buffer
	code := cli.Run(d.Ctx, cli.Surroundings{
		Stdin: strings.NewReader(stdin), Stdout: &out, Stderr: &said,
		Defaults: cli.Defaults{APIServer: d.W.API.url, Token: secret.New(d.token), Product: d.product},
		Now:      time.Now, Random: rand.Float64, Version: "e2e",
		Wait: func(ctx context.Context, wait time.Duration) error {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(wait):
				return nil
			}
		},
	}, args)
	d.Expect(code).To(Equal(0), "nautes %s: %s%s", strings.Join(args, " "), &out, &said)
}

// curl sends what a curl line of the guide sends, and returns the answer; it has to be 200.
func (d *Developer) curl(method, path, body string) map[string]any {
	d.Helper()
	status, answer := d.try(method, path, body)
	d.Expect(status).To(Equal(http.StatusOK), "%s %s: %v", method, path, answer)
	return answer
}

// try is curl, whatever the answer.
func (d *Developer) try(method, path, body string) (int, map[string]any) {
	d.Helper()
	req, err := http.NewRequestWithContext(d.Ctx, method, d.W.API.url+path, strings.NewReader(body))
	d.Expect(err).NotTo(HaveOccurred())
	req.Header.Set("accept", "application/json")
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Authorization", "Bearer "+d.token)
	resp, err := http.DefaultClient.Do(req)
	d.Expect(err).NotTo(HaveOccurred())
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	d.Expect(err).NotTo(HaveOccurred())
	var answer map[string]any
	d.Expect(json.Unmarshal(text, &answer)).To(Succeed(), "%s", text)
	return resp.StatusCode, answer
}

// prerequisites are what the guide asks for, in files as the command line takes them.
func (d *Developer) prerequisites() string {
	return fmt.Sprintf(`apiVersion: nautes.resource.nautes.io/v1alpha1
kind: Product
spec: {name: %[1]s, git: {gitlab: {name: %[1]s, path: %[1]s, visibility: private}}}
---
apiVersion: nautes.resource.nautes.io/v1alpha1
kind: Environment
spec: {name: env-dev, product: %[1]s, cluster: %[2]s, envType: dev}
---
apiVersion: nautes.resource.nautes.io/v1alpha1
kind: Project
spec: {name: api-server, product: %[1]s, language: golang}
---
apiVersion: nautes.resource.nautes.io/v1alpha1
kind: CodeRepo
spec:
  name: api-server
  product: %[1]s
  project: api-server
  deploymentRuntime: true
  webhook: {events: [push_events]}
  git: {gitlab: {name: api-server, path: api-server, visibility: private}}
`, d.product, East)
}

// guidesBody is the body of the guide's request, with a path and the namespace that this scenario has for itself.
func (d *Developer) guidesBody(path string) string {
	return fmt.Sprintf(`{
      "projects_ref": [
        "api-server"
      ],
      "manifest_source": {
        "code_repo": "api-server",
        "target_revision": "HEAD",
        "path": "%s"
      },
      "destination": "env-dev",
      "namespaces": ["%s"]
    }`, path, d.Namespace("dr-dev"))
}

func guidesWay(t *testing.T, w *World) {
	d := w.NewDeveloper(t)
	d.nautes(d.prerequisites(), "apply", "-f", "-")
	group, err := w.GitLab.Host.GroupAt(d.Ctx, w.GitLab.Root, d.product)
	d.Expect(err).NotTo(HaveOccurred())
	d.Name = "product-" + strconv.FormatInt(group.ID, 10)
	d.Push("api-server", map[string]string{"manifests/development/web.yaml": Deployment("web", 1),
		"manifests/other/web.yaml": Deployment("web", 2)})
	d.Eventually(func() string { return d.ProductCondition(api.ConditionReady) }).Should(HavePrefix("True/"))

	runtime := "/api/v1/products/" + d.product + "/deploymentruntimes/dr-dev"
	saved := d.curl(http.MethodPost, runtime, d.guidesBody("manifests/development"))
	d.Expect(saved).To(And(HaveKeyWithValue("message", "Successfully saved dr-dev configuration"),
		HaveKeyWithValue("changed", true)))
	d.EventuallyStreamAt(saved["commit"].(string))
	d.nautes("", "status", "dr", "dr-dev", "--wait")
	d.EventuallyPods(East, d.Namespace("dr-dev"), 1)
	item := d.curl(http.MethodGet, runtime, "")
	d.Expect(item).To(And(HaveKeyWithValue("product", d.product), HaveKeyWithValue("destination", "env-dev"),
		HaveKeyWithValue("manifest_source", HaveKeyWithValue("code_repo", "api-server"))))
	d.Expect(item["status"]).To(And(HaveKeyWithValue("ready", true), HaveKeyWithValue("cluster", East)))
	d.Expect(d.curl(http.MethodGet, "/api/v1/products/"+d.product+"/deploymentruntimes", "")["items"]).To(HaveLen(1))

	status, refused := d.try(http.MethodPost, runtime,
		strings.ReplaceAll(d.guidesBody("manifests/development"), "env-dev", "env-none"))
	d.Expect(status).To(Equal(http.StatusUnprocessableEntity))
	d.Expect(refused).To(HaveKeyWithValue("reason", "INVALID"))

	d.curl(http.MethodPost, runtime, d.guidesBody("manifests/other"))
	d.EventuallyPods(East, d.Namespace("dr-dev"), 2)
	d.EventuallyReady("dr-dev")

	d.Expect(d.curl(http.MethodDelete, runtime, "")).
		To(HaveKeyWithValue("message", "Successfully deleted dr-dev configuration"))
	d.EventuallyGone("dr-dev", East, d.Namespace("dr-dev"))
	d.withoutSecrets()
}

// withoutSecrets expects that no log holds a token.
func (d *Developer) withoutSecrets() {
	d.Helper()
	for _, log := range []string{"apiserver.log", "operator.log"} {
		text, err := os.ReadFile(filepath.Join(d.W.Env.Dir, log))
		d.Expect(err).NotTo(HaveOccurred())
		for _, token := range []string{d.token, d.W.GitLab.Root.Reveal(), hookSecret} {
			d.Expect(bytes.Contains(text, []byte(token))).To(BeFalse(), "%s holds a token", log)
		}
	}
}
