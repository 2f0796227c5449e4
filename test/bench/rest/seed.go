package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// product is a group with a default.project full of resources.
type product struct {
	path, name string
	group      int64
}

const providerName = "gitlab"

// content is what a default.project of these sizes holds: runtimes, environments (one for fifty runtimes, each on a
// cluster of its own), and projects and code repos for the rest.
type content struct{ runtimes, environments, projects, repos int }

func (z sizes) content() content {
	c := content{runtimes: z.runtimes}
	c.environments = max(1, min(z.runtimes/50, z.files-z.runtimes-2))
	rest := z.files - z.runtimes - c.environments
	c.projects = rest / 2
	c.repos = rest - c.projects
	return c
}

func runtimeName(i int) string  { return fmt.Sprintf("dr-%03d", i) }
func runtimeFile(i int) string  { return "runtimes/" + runtimeName(i) + ".yaml" }
func environment(i int) string  { return fmt.Sprintf("env-%03d", i) }
func clusterOf(i int) string    { return fmt.Sprintf("cluster-%03d", i) }
func project(i int) string      { return fmt.Sprintf("project-%03d", i) }
func repoID(i int) string       { return "repo-" + strconv.Itoa(100_000+i) }
func repoPath(i int) string     { return fmt.Sprintf("service-%03d", i) }
func manifests(i, n int) string { return fmt.Sprintf("manifests/%s/%d", runtimeName(i), n) }

// repoOf is the code repo that runtime i deploys, a repo of one of its project's where there are as many projects.
func (c content) repoOf(i int) int { return i % min(c.repos, c.projects) }

// runtimeText is the file of runtime i, at its n-th path.
func (c content) runtimeText(p product, i, n int) string {
	repo := c.repoOf(i)
	return resource("DeploymentRuntime", runtimeName(i), "destination: "+environment(i%c.environments),
		"manifestSource:", "  codeRepo: "+repoID(repo), "  path: "+manifests(i, n), "  targetRevision: HEAD",
		"product: "+p.name, "projectsRef:", "- "+project(repo))
}

// runtimeBody is the same as the body of a save.
func (c content) runtimeBody(i, n int) string {
	repo := c.repoOf(i)
	return fmt.Sprintf(`{"projects_ref":[%q],"manifest_source":{"code_repo":%q,"target_revision":"HEAD","path":%q},"destination":%q}`,
		project(repo), repoPath(repo), manifests(i, n), environment(i%c.environments))
}

func resource(kind, name string, spec ...string) string {
	return "apiVersion: nautes.resource.nautes.io/v1alpha1\nkind: " + kind + "\nmetadata:\n  name: " + name +
		"\nspec:\n  " + strings.Join(spec, "\n  ") + "\n"
}

// stream renders the whole history for git fast-import: the first commit has all files, each later one another revision
// of one runtime.
func (c content) stream(p product, commits int) string {
	var b strings.Builder
	data := func(text string) { fmt.Fprintf(&b, "data %d\n%s\n", len(text), text) }
	commit := func(n int) {
		fmt.Fprintf(&b, "commit refs/heads/main\ncommitter Bench <bench@example.com> %d +0000\n", 1_700_000_000+n)
		data(fmt.Sprintf("Commit %d", n))
	}
	file := func(path, text string) {
		fmt.Fprintf(&b, "M 100644 inline %s\n", path)
		data(text)
	}
	commit(0)
	for i := range c.environments {
		file("envs/"+environment(i)+".yaml",
			resource("Environment", environment(i), "cluster: "+clusterOf(i), "envType: dev", "product: "+p.name))
	}
	for i := range c.projects {
		file("projects/"+project(i)+"/"+project(i)+".yaml",
			resource("Project", project(i), "language: go", "product: "+p.name))
	}
	for i := range c.repos {
		file("code-repos/"+repoID(i)+"/"+repoID(i)+".yaml",
			resource("CodeRepo", repoID(i), "codeRepoProvider: "+providerName, "deploymentRuntime: true",
				"product: "+p.name, "project: "+project(i%c.projects), "repoName: "+repoPath(i)))
	}
	for i := range c.runtimes {
		file(runtimeFile(i), c.runtimeText(p, i, 0))
	}
	for n := 1; n < commits; n++ {
		commit(n)
		file(runtimeFile(n%c.runtimes), c.runtimeText(p, n%c.runtimes, n))
	}
	b.WriteString("done\n")
	return b.String()
}

// makeProduct makes a group and pushes a history to its default.project.
func (w *world) makeProduct(ctx context.Context, path string, commits int) (product, error) {
	group, err := w.gitlab.group(path)
	if err != nil {
		return product{}, err
	}
	p := product{path: path, name: "product-" + strconv.FormatInt(group, 10), group: group}
	dir, err := os.MkdirTemp(w.dir, "seed-")
	if err != nil {
		return p, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	token := w.gitlab.RootToken
	if err := git(ctx, dir, token, "", "init", "--quiet", "--bare", "--initial-branch=main", "."); err != nil {
		return p, err
	}
	if err := git(ctx, dir, token, w.content.stream(p, commits), "fast-import", "--quiet", "--done"); err != nil {
		return p, err
	}
	return p, git(ctx, dir, token, "", "push", "--quiet", w.gitlab.URL+"/"+path+"/default.project.git", "main")
}
