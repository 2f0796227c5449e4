package gitserver

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Change is one commit on one branch.
type Change struct {
	// Branch defaults to DefaultBranch; it is created when missing.
	Branch  string
	Message string
	// Write holds the content of files by path; Delete removes files or whole directories.
	Write  map[string]string
	Delete []string
	// Replace removes every file that Write does not name.
	Replace bool
	// Parent makes the commit descend from another commit than the head of its branch, which moves the branch as a
	// forced push would.
	Parent string
}

// Write commits files to the default branch and returns the new commit.
func (r *Repos) Write(ctx context.Context, repo, message string, files map[string]string) (sha string, err error) {
	return r.Commit(ctx, repo, Change{Message: message, Write: files})
}

// Commit makes a change and returns the new commit. A change that changes no file makes an empty commit.
func (r *Repos) Commit(ctx context.Context, repo string, c Change) (sha string, err error) {
	if !r.exists(repo) {
		return "", fmt.Errorf("there is no repository %s", repo)
	}
	defer r.lock(repo)()
	if c.Branch == "" {
		c.Branch = DefaultBranch
	}
	parent := c.Parent
	if parent == "" {
		if parent, err = r.head(ctx, repo, c.Branch); err != nil {
			return "", err
		}
	}
	args := []string{"fast-import", "--quiet", "--done"}
	if c.Parent != "" {
		args = append(args, "--force")
	}
	if _, err := r.run(ctx, r.path(repo), c.stream(parent, time.Now()), args...); err != nil {
		return "", fmt.Errorf("committing to %s: %w", repo, err)
	}
	return r.Head(ctx, repo, c.Branch)
}

// stream renders the change in the language of git fast-import: one process makes blobs, trees, commit and reference.
func (c Change) stream(parent string, now time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "commit refs/heads/%s\ncommitter devenv <devenv@example.com> %d +0000\n", c.Branch, now.Unix())
	writeData(&b, c.Message)
	if parent != "" {
		fmt.Fprintf(&b, "from %s\n", parent)
	}
	if c.Replace {
		b.WriteString("deleteall\n")
	}
	for _, path := range c.Delete {
		fmt.Fprintf(&b, "D %s\n", quotePath(path))
	}
	paths := make([]string, 0, len(c.Write))
	for path := range c.Write {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	for _, path := range paths {
		fmt.Fprintf(&b, "M 100644 inline %s\n", quotePath(path))
		writeData(&b, c.Write[path])
	}
	b.WriteString("\ndone\n")
	return b.String()
}

func writeData(b *strings.Builder, data string) { fmt.Fprintf(b, "data %d\n%s\n", len(data), data) }

func quotePath(path string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(path) + `"`
}

// Head returns the commit of a branch.
func (r *Repos) Head(ctx context.Context, repo, branch string) (string, error) {
	sha, err := r.head(ctx, repo, branch)
	if err == nil && sha == "" {
		err = fmt.Errorf("repository %s has no branch %s", repo, branch)
	}
	return sha, err
}

// head returns "" for a branch that does not exist.
func (r *Repos) head(ctx context.Context, repo, branch string) (string, error) {
	sha, err := r.run(ctx, r.path(repo), "", "for-each-ref", "--format=%(objectname)", "refs/heads/"+branch)
	if err != nil {
		return "", fmt.Errorf("reading branch %s of %s: %w", branch, repo, err)
	}
	return strings.TrimSpace(sha), nil
}

// SetBranch moves a branch to any commit, as a forced push would; "" deletes it.
func (r *Repos) SetBranch(ctx context.Context, repo, branch, sha string) error {
	defer r.lock(repo)()
	args := []string{"update-ref", "refs/heads/" + branch, sha}
	if sha == "" {
		args = []string{"update-ref", "-d", "refs/heads/" + branch}
	}
	if _, err := r.run(ctx, r.path(repo), "", args...); err != nil {
		return fmt.Errorf("moving branch %s of %s: %w", branch, repo, err)
	}
	return nil
}

// SetTag creates or moves a tag.
func (r *Repos) SetTag(ctx context.Context, repo, tag, sha string) error {
	defer r.lock(repo)()
	if _, err := r.run(ctx, r.path(repo), "", "update-ref", "refs/tags/"+tag, sha); err != nil {
		return fmt.Errorf("setting tag %s of %s: %w", tag, repo, err)
	}
	return nil
}

// ReadFile returns a file at a revision: a branch, a tag or a commit.
func (r *Repos) ReadFile(ctx context.Context, repo, revision, path string) (string, error) {
	content, err := r.run(ctx, r.path(repo), "", "cat-file", "blob", revision+":"+path)
	if err != nil {
		return "", fmt.Errorf("reading %s of %s: %w", path, repo, err)
	}
	return content, nil
}

// ListFiles returns the paths of all files at a revision, sorted.
func (r *Repos) ListFiles(ctx context.Context, repo, revision string) ([]string, error) {
	out, err := r.run(ctx, r.path(repo), "", "ls-tree", "-r", "-z", "--name-only", revision)
	if err != nil {
		return nil, fmt.Errorf("listing %s: %w", repo, err)
	}
	return strings.FieldsFunc(out, func(c rune) bool { return c == 0 }), nil
}
