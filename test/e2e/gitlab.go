package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/githost/gitlab"
	"github.com/nautes-labs/deployment-runtime/internal/secret"
	"github.com/nautes-labs/deployment-runtime/test/fakegitlab"
)

// fromGitLab returns the stories of products that live in GitLab.
func fromGitLab() []Scenario {
	return []Scenario{
		{"a private group with a default.project becomes a product, and what is pushed there runs", privateGroup},
	}
}

// GitLab is a GitLab with the token of its administrator.
type GitLab struct {
	Server *fakegitlab.Server
	URL    string
	Host   githost.Host
	Root   secret.Token
}

// forge is the name of the CodeRepoProvider and of the ProductProvider that lead to the GitLab.
const forge = "forge"

// startGitLab starts a GitLab and has the operator look for products there.
func (w *World) startGitLab(ctx context.Context) error {
	server, err := fakegitlab.New(fakegitlab.Options{RequestsPerMinute: -1})
	if err != nil {
		return err
	}
	g := &GitLab{Server: server, Root: secret.New(server.RootToken())}
	if g.URL, err = server.Start(ctx); err != nil {
		return err
	}
	if g.Host, err = gitlab.New(gitlab.Options{URL: g.URL, Timeout: time.Minute}); err != nil {
		return err
	}
	w.GitLab = g
	token := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: systemNamespace, Name: forge},
		Data: map[string][]byte{"token": []byte(server.RootToken())}}
	for _, o := range []client.Object{
		token,
		&api.CodeRepoProvider{ObjectMeta: token.ObjectMeta, Spec: api.CodeRepoProviderSpec{
			HTTPAddress: g.URL, APIServer: g.URL, ProviderType: "gitlab",
			CredentialsSecretRef: &api.SecretRef{Name: forge},
		}},
		&api.ProductProvider{ObjectMeta: token.ObjectMeta,
			Spec: api.ProductProviderSpec{Type: "coderepo", Name: forge, AllowedGroups: []string{"nobody-yet"}}},
	} {
		o.SetResourceVersion("")
		if err := w.Client.Create(ctx, o); err != nil {
			return fmt.Errorf("leading the operator to GitLab: %w", err)
		}
	}
	return nil
}

// Allow has the operator take the group of a product.
func (p *Product) Allow() {
	p.Helper()
	provider := &api.ProductProvider{ObjectMeta: metav1.ObjectMeta{Namespace: systemNamespace, Name: forge}}
	patch := fmt.Sprintf(`[{"op":"add","path":"/spec/allowedGroups/-","value":%q}]`, p.Path)
	p.Expect(p.W.Client.Patch(p.Ctx, provider, client.RawPatch(types.JSONPatchType, []byte(patch)))).To(Succeed())
}

// NewGroup makes a private group with the projects, and the product that it will be.
func (w *World) NewGroup(t *testing.T, projects ...string) (*Product, map[string]githost.Project) {
	t.Helper()
	p := w.plan(t)
	p.Allow()
	group, err := w.GitLab.Host.CreateGroup(p.Ctx, w.GitLab.Root,
		githost.NewGroup{Path: p.Path, Visibility: githost.Private})
	p.Expect(err).NotTo(HaveOccurred())
	p.Name = "product-" + strconv.FormatInt(group.ID, 10)
	made := map[string]githost.Project{}
	for _, path := range projects {
		project, err := w.GitLab.Host.CreateProject(p.Ctx, w.GitLab.Root,
			githost.NewProject{NamespaceID: group.ID, Path: path, Visibility: githost.Private})
		p.Expect(err).NotTo(HaveOccurred())
		made[path] = project
	}
	return p, made
}

// Push changes files of a repository in GitLab with git, as its administrator, announces that, and returns the commit.
// An empty text removes the file.
func (p *Product) Push(repository string, files map[string]string) string {
	p.Helper()
	return p.pushAs(p.W.GitLab.Root.Reveal(), repository, files)
}

// pushAs is Push with somebody's token.
func (p *Product) pushAs(token, repository string, files map[string]string) string {
	p.Helper()
	dir := p.TempDir()
	remote := strings.Replace(p.W.GitLab.URL, "://", "://oauth2:"+token+"@", 1) + "/" + p.Path +
		"/" + repository + ".git"
	p.git(dir, "clone", "--quiet", remote, ".")
	p.git(dir, "checkout", "--quiet", "-B", "main")
	for name, content := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if content == "" {
			p.Expect(os.Remove(file)).To(Succeed())
			continue
		}
		p.Expect(os.MkdirAll(filepath.Dir(file), 0o755)).To(Succeed()) //nolint:gosec // a checkout
		p.Expect(os.WriteFile(file, []byte(content), 0o600)).To(Succeed())
	}
	p.git(dir, "add", "--all")
	p.git(dir, "-c", "user.name=root", "-c", "user.email=root@example.com", "commit", "--quiet", "--message=change")
	p.git(dir, "push", "--quiet", "origin", "main")
	p.announce(repository)
	return strings.TrimSpace(p.git(dir, "rev-parse", "HEAD"))
}

func (p *Product) git(dir string, args ...string) string {
	p.Helper()
	cmd := exec.CommandContext(p.Ctx, "git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_TERMINAL_PROMPT=0")
	out, err := cmd.CombinedOutput()
	p.Expect(err).NotTo(HaveOccurred(), "git %s: %s", args[0], out)
	return string(out)
}

func privateGroup(t *testing.T, w *World) {
	p, projects := w.NewGroup(t, metadata, "app")
	p.Repo = "repo-" + strconv.FormatInt(projects["app"].ID, 10)
	p.Push("app", map[string]string{"deploy/web.yaml": Deployment("web", 1)})
	head := p.Push(metadata, map[string]string{
		"projects/shop/shop.yaml": p.file("Project", "shop", "language: go"),
		"envs/dev.yaml":           p.file("Environment", "dev", "cluster: "+East+", envType: dev"),
		"code-repos/" + p.Repo + "/" + p.Repo + ".yaml": p.file("CodeRepo", p.Repo,
			"codeRepoProvider: "+forge+", project: shop, repoName: app, deploymentRuntime: true"),
		"runtimes/web.yaml": p.runtimeFile("web", "dev"),
	})
	p.Eventually(func() string { return p.ProductCondition(api.ConditionCredentialsReady) }).
		Should(HavePrefix("True/" + api.ReasonMinted))
	p.EventuallyStreamAt(head)
	p.EventuallyReady("web")
	pods := p.EventuallyPods(East, p.Namespace("web"), 1)

	// A project that takes the path of the one that the code repo is named by. That the file of the code repo changes
	// has the operator look at once.
	renamed := "app-old"
	_, err := w.GitLab.Host.UpdateProject(p.Ctx, w.GitLab.Root, projects["app"].ID,
		githost.ProjectChange{Name: &renamed, Path: &renamed})
	p.Expect(err).NotTo(HaveOccurred())
	_, err = w.GitLab.Host.CreateProject(p.Ctx, w.GitLab.Root,
		githost.NewProject{NamespaceID: projects["app"].Namespace.ID, Path: "app", Visibility: githost.Private})
	p.Expect(err).NotTo(HaveOccurred())
	codeRepo := "code-repos/" + p.Repo + "/" + p.Repo + ".yaml"
	p.Push(metadata, map[string]string{codeRepo: p.file("CodeRepo", p.Repo,
		"codeRepoProvider: "+forge+", project: shop, repoName: app, deploymentRuntime: true, pipelineRuntime: true")})
	p.EventuallyNotReady("web", api.ReasonRepositoryReplaced)
	p.Push("app", map[string]string{"deploy/web.yaml": Deployment("web", 2)})
	p.Consistently(func() []string { return p.Pods(East, p.Namespace("web")) }).Should(Equal(pods),
		"what runs keeps running, and nothing of the other project does")

	p.Push(metadata, map[string]string{codeRepo: p.file("CodeRepo", p.Repo,
		"codeRepoProvider: "+forge+", project: shop, repoName: app-old, deploymentRuntime: true")})
	p.EventuallyReady("web")
	p.Expect(p.Pods(East, p.Namespace("web"))).To(Equal(pods))

	p.EventuallyStreamAt(p.Push(metadata, map[string]string{"runtimes/web.yaml": ""}))
	p.EventuallyGone("web", East, p.Namespace("web"))
}
