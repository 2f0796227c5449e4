package gitserver

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// DefaultBranch is the branch of a new repository.
const DefaultBranch = "main"

// repositoryConfig makes a repository accept pushes and answer what GitLab answers. Nothing is worth an fsync.
const repositoryConfig = `[core]
	repositoryformatversion = 0
	filemode = true
	bare = true
	fsync = none
[http]
	receivepack = true
[receive]
	autogc = false
	denyNonFastForwards = false
[uploadpack]
	allowFilter = true
	allowAnySHA1InWant = true
[gc]
	auto = 0
`

// Repos is a directory of bare repositories. A repository is named by its path below it, without ".git":
// "group/project".
type Repos struct {
	dir string
	git string

	mu     sync.Mutex
	locks  map[string]*sync.Mutex // one commit at a time per repository
	counts map[string]Counts
}

// NewRepos uses a directory, which is created when missing.
func NewRepos(dir string) (*Repos, error) {
	git, err := exec.LookPath("git")
	if err != nil {
		return nil, fmt.Errorf("looking for git: %w", err)
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("creating the directory of repositories: %w", err)
	}
	return &Repos{dir: dir, git: git, locks: map[string]*sync.Mutex{}, counts: map[string]Counts{}}, nil
}

// CreateRepo makes an empty repository.
func (r *Repos) CreateRepo(ctx context.Context, repo string) error {
	if !validName(repo) {
		return fmt.Errorf("%q is no name for a repository: want group/project", repo)
	}
	dir := r.path(repo)
	if _, err := os.Stat(dir); err == nil {
		return fmt.Errorf("repository %s exists", repo)
	}
	if _, err := r.run(ctx, r.dir, "", "init", "--quiet", "--bare", "--template=", "--initial-branch="+DefaultBranch,
		dir); err != nil {
		return fmt.Errorf("creating repository %s: %w", repo, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config"), []byte(repositoryConfig), 0o600); err != nil {
		return fmt.Errorf("configuring repository %s: %w", repo, err)
	}
	return nil
}

// RemoveRepo deletes a repository; clients get "not found" from then on.
func (r *Repos) RemoveRepo(repo string) error {
	if !r.exists(repo) {
		return fmt.Errorf("there is no repository %s", repo)
	}
	return os.RemoveAll(r.path(repo))
}

func (r *Repos) exists(repo string) bool {
	if !validName(repo) {
		return false
	}
	_, err := os.Stat(filepath.Join(r.path(repo), "HEAD"))
	return err == nil
}

func (r *Repos) path(repo string) string {
	return filepath.Join(r.dir, filepath.FromSlash(repo)+".git")
}

// validName keeps a name inside the directory.
func validName(repo string) bool {
	return repo != "" && filepath.IsLocal(repo) && filepath.ToSlash(filepath.Clean(repo)) == repo &&
		!strings.HasSuffix(repo, ".git") && !strings.Contains(repo, ".git/")
}

func (r *Repos) lock(repo string) (unlock func()) {
	r.mu.Lock()
	l := r.locks[repo]
	if l == nil {
		l = &sync.Mutex{}
		r.locks[repo] = l
	}
	r.mu.Unlock()
	l.Lock()
	return l.Unlock
}

// run executes git in a directory, untouched by the configuration of whoever runs the tests.
func (r *Repos) run(ctx context.Context, dir, stdin string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, r.git, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), isolation()...)
	cmd.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}

func isolation() []string {
	return []string{"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_TERMINAL_PROMPT=0"}
}
