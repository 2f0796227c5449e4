package fakegitlab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/nautes-labs/deployment-runtime/test/devenv/gitserver"
)

func repositoryRoutes() []route {
	return []route{
		{"GET /projects/:id/repository/branches", anybody, listBranches},
		{"POST /projects/:id/repository/branches", writing, createBranch},
		{"GET /projects/:id/repository/branches/:branch", anybody, getBranch},
		{"DELETE /projects/:id/repository/branches/:branch", writing, deleteBranch},
		{"GET /projects/:id/repository/commits", anybody, listCommits},
		{"GET /projects/:id/repository/tree", anybody, listTree},
		{"GET /projects/:id/protected_branches", reading, listProtections},
		{"POST /projects/:id/protected_branches", writing, protectBranch},
		{"GET /projects/:id/protected_branches/:name", reading, getProtection},
		{"DELETE /projects/:id/protected_branches/:name", writing, unprotectBranch},
	}
}

// repository is the name of a project's repository on disk, which moves with nothing.
func (p *project) repository() string { return "@hashed/" + idText(p.id) }

func (s *Server) repositoryDir(p *project) string {
	return filepath.Join(s.dir, filepath.FromSlash(p.repository())+".git")
}

func (s *Server) addProject(ctx context.Context, p *project) error {
	p.id, p.createdAt, p.activity = s.next("project"), s.now(), s.now()
	if err := s.makeBlank(ctx); err != nil {
		return err
	}
	if err := os.RemoveAll(s.repositoryDir(p)); err != nil { // of an earlier instance
		return fmt.Errorf("removing an old repository: %w", err)
	}
	if err := os.CopyFS(s.repositoryDir(p), os.DirFS(filepath.Join(s.dir, blank+".git"))); err != nil {
		return fmt.Errorf("creating a repository: %w", err)
	}
	if err := s.pointHead(p, p.branch); err != nil {
		return err
	}
	s.projects[p.id] = p
	delete(s.moved, strings.ToLower(p.fullPath()))
	if p.namespace.user != nil {
		p.members = append(p.members, &member{user: p.namespace.user, level: owner, createdAt: s.now()})
	}
	return nil
}

// blank is the repository that all others begin as a copy of, which is quicker than asking git for each.
const blank = "@blank"

func (s *Server) makeBlank(ctx context.Context) error {
	dir := filepath.Join(s.dir, blank+".git")
	if _, err := os.Stat(filepath.Join(dir, "hooks", "pre-receive")); err == nil {
		return nil
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("removing half a repository: %w", err)
	}
	if err := s.repos.CreateRepo(ctx, blank); err != nil {
		return err
	}
	return installHook(dir)
}

func (s *Server) pointHead(p *project, branch string) error {
	head := filepath.Join(s.repositoryDir(p), "HEAD")
	temporary := head + ".new"
	if err := os.WriteFile(temporary, []byte("ref: refs/heads/"+branch+"\n"), 0o600); err != nil {
		return fmt.Errorf("writing HEAD: %w", err)
	}
	return os.Rename(temporary, head)
}

func (s *Server) firstCommit(ctx context.Context, p *project) error {
	_, err := s.repos.Commit(ctx, p.repository(), gitserver.Change{
		Branch: p.branch, Message: "Initial commit", Write: map[string]string{"README.md": "# " + p.name + "\n"},
	})
	if err == nil {
		s.protectFirst(p, p.branch)
	}
	return err
}

// protectFirst protects the default branch when it comes into being.
func (s *Server) protectFirst(p *project, branch string) {
	if len(p.protectionsOf(branch)) > 0 {
		return
	}
	p.protected = append(p.protected, &protection{
		id: s.next("protection"), name: branch,
		push:  []*allowance{{id: s.next("allowance"), level: maintainer}},
		merge: []*allowance{{id: s.next("allowance"), level: maintainer}},
	})
}

// branches returns the heads of a repository's branches, read without a process. A push that runs makes and renames
// lock files beside them: those are no branches, and that one of them is gone again is no error.
func (s *Server) branches(p *project) map[string]string {
	heads := map[string]string{}
	if s.untouched(p) {
		return heads
	}
	packed, _ := os.ReadFile(filepath.Join(s.repositoryDir(p), "packed-refs")) // mostly there is none
	for line := range strings.Lines(string(packed)) {
		if id, ref, found := strings.Cut(strings.TrimSpace(line), " refs/heads/"); found {
			heads[ref] = id
		}
	}
	loose := os.DirFS(filepath.Join(s.repositoryDir(p), "refs", "heads"))
	_ = fs.WalkDir(loose, ".", func(name string, entry fs.DirEntry, err error) error { // the callback never fails
		if err != nil || entry.IsDir() || strings.HasSuffix(name, ".lock") {
			return nil //nolint:nilerr // what vanished is no branch
		}
		if id, err := fs.ReadFile(loose, name); err == nil {
			heads[name] = strings.TrimSpace(string(id))
		}
		return nil
	})
	return heads
}

// untouched says at a glance that a repository never had a branch.
func (s *Server) untouched(p *project) bool {
	loose, err := os.ReadDir(filepath.Join(s.repositoryDir(p), "refs", "heads"))
	_, packed := os.Stat(filepath.Join(s.repositoryDir(p), "packed-refs"))
	return err == nil && len(loose) == 0 && os.IsNotExist(packed)
}

func (s *Server) head(p *project, branch string) string { return s.branches(p)[branch] }

func (s *Server) emptyRepository(p *project) bool { return len(s.branches(p)) == 0 }

// defaultBranch is what HEAD names if it exists, else what comes closest, as GitLab finds it.
func (s *Server) defaultBranch(p *project) string { return p.defaultOf(s.branches(p)) }

func (p *project) defaultOf(heads map[string]string) string {
	if len(heads) == 0 {
		return p.branch
	}
	for _, name := range []string{p.branch, "main", "master"} {
		if heads[name] != "" {
			return name
		}
	}
	return sortedKeys(heads)[0]
}

// codeOf is the project of a request whose caller may read its code.
func (c *call) codeOf() (*project, *reply) {
	p, out := c.project()
	if out == nil && !c.readsCode(p, c.user) {
		out = forbidden()
	}
	return p, out
}

func (c *call) showBranch(p *project, name, head string) (map[string]any, error) {
	r, err := git.PlainOpen(c.repositoryDir(p))
	if err != nil {
		return nil, err
	}
	commit, err := r.CommitObject(plumbing.NewHash(head))
	if err != nil {
		return nil, err
	}
	rules := p.protectionsOf(name)
	canMerge := slices.ContainsFunc(rules, func(r *protection) bool { return developersMay(r.merge) })
	canPush := slices.ContainsFunc(rules, func(r *protection) bool { return developersMay(r.push) })
	return map[string]any{
		"name": name, "commit": c.showCommit(p, commit), "merged": false, "protected": len(rules) > 0,
		"developers_can_push":  canPush,
		"developers_can_merge": canMerge, "can_push": c.user != nil && c.pushesTo(p, c.user, name),
		"default": name == c.defaultBranch(p),
		"web_url": c.external + "/" + p.fullPath() + "/-/tree/" + url.PathEscape(name),
	}, nil
}

func developersMay(all []*allowance) bool {
	return slices.ContainsFunc(all, func(a *allowance) bool { return a.level == developer })
}

func (s *Server) showCommit(p *project, commit *object.Commit) map[string]any {
	id := commit.Hash.String()
	parents := []string{}
	for _, h := range commit.ParentHashes {
		parents = append(parents, h.String())
	}
	title, _, _ := strings.Cut(commit.Message, "\n")
	return map[string]any{
		"id": id, "short_id": id[:8], "created_at": showTime(commit.Committer.When), "parent_ids": parents,
		"title":   title,
		"message": commit.Message, "author_name": commit.Author.Name, "author_email": commit.Author.Email,
		"authored_date":  showTime(commit.Author.When),
		"committer_name": commit.Committer.Name, "committer_email": commit.Committer.Email,
		"committed_date": showTime(commit.Committer.When),
		"trailers":       map[string]any{}, "extended_trailers": map[string]any{},
		"web_url": s.external + "/" + p.fullPath() + "/-/commit/" + id,
	}
}

func listBranches(c *call) *reply {
	p, out := c.codeOf()
	if out != nil {
		return out
	}
	heads := c.branches(p)
	names := slices.DeleteFunc(sortedKeys(heads), func(name string) bool {
		return !strings.Contains(strings.ToLower(name), strings.ToLower(c.in.text("search")))
	})
	return page(c, names, func(name string) any {
		shown, err := c.showBranch(p, name, heads[name])
		if err != nil {
			return nil
		}
		return shown
	})
}

func getBranch(c *call) *reply {
	p, out := c.codeOf()
	if out != nil {
		return out
	}
	name := c.path["branch"]
	head := c.head(p, name)
	if head == "" {
		return notFound("Branch")
	}
	shown, err := c.showBranch(p, name, head)
	if err != nil {
		return refusal(http.StatusInternalServerError, "500 Internal Server Error")
	}
	return answer(http.StatusOK, shown)
}

func createBranch(c *call) *reply {
	p, out := c.codeOf()
	if out != nil {
		return out
	}
	if !c.pushesTo(p, c.user, c.in.text("branch")) {
		return forbidden()
	}
	name, heads := c.in.text("branch"), c.branches(p)
	if heads[name] != "" {
		return badRequest("Branch already exists")
	}
	from := c.in.text("ref")
	if heads[from] != "" {
		from = heads[from]
	}
	if err := c.setBranch(c.r.Context(), p, name, from); err != nil {
		return badRequest("Invalid reference name: " + c.in.text("ref"))
	}
	shown, err := c.showBranch(p, name, from)
	if err != nil {
		return badRequest("Invalid reference name: " + c.in.text("ref"))
	}
	return answer(http.StatusCreated, shown)
}

func (s *Server) setBranch(ctx context.Context, p *project, branch, commit string) error {
	if plumbing.NewHash(commit).String() != commit {
		return errors.New("no commit")
	}
	return s.repos.SetBranch(ctx, p.repository(), branch, commit)
}

func deleteBranch(c *call) *reply {
	p, out := c.codeOf()
	if out != nil {
		return out
	}
	name := c.path["branch"]
	switch {
	case c.head(p, name) == "":
		return notFound("Branch")
	case !c.pushesTo(p, c.user, name):
		return forbidden()
	case name == c.defaultBranch(p):
		return refusal(http.StatusMethodNotAllowed, "Cannot remove HEAD branch")
	}
	if err := c.repos.SetBranch(c.r.Context(), p.repository(), name, ""); err != nil {
		return badRequest("Failed to remove branch")
	}
	return &reply{status: http.StatusNoContent}
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" {
		return "localhost"
	}
	return u.Hostname()
}

// reference is what any reference points to; "" if there is none.
func (s *Server) reference(p *project, name string) string {
	r, err := git.PlainOpen(s.repositoryDir(p))
	if err != nil {
		return ""
	}
	ref, err := r.Reference(plumbing.ReferenceName(name), false)
	if err != nil {
		return ""
	}
	return ref.Hash().String()
}
