package hosttest

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

func projectIsFound(t *testing.T, w *World) {
	group := w.group(t)
	project := w.project(t, group, "api-server")
	member := w.member(t, group, githost.Developer)

	at := func(path string) func() (githost.Project, error) {
		return func() (githost.Project, error) { return w.Host.ProjectAt(t.Context(), member.Token, path) }
	}
	for name, ask := range map[string]func() (githost.Project, error){
		"by path": at(project.Path), "by path in upper case": at(strings.ToUpper(project.Path)),
		"by id": func() (githost.Project, error) { return w.Host.ProjectByID(t.Context(), member.Token, project.ID) },
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ask()
			must(t, err)
			want := githost.Project{
				ID: project.ID, Path: group.Path + "/api-server", Name: "api-server",
				Namespace: githost.Namespace{ID: group.ID, Path: group.Path, Kind: githost.KindGroup},
				HTTPURL:   got.HTTPURL, PublicURL: got.PublicURL, SSHURL: got.SSHURL,
				Visibility: githost.Private, DefaultBranch: got.DefaultBranch, EmptyRepo: true,
				CreatedAt: project.CreatedAt,
			}
			if diff := cmp.Diff(want, got); diff != "" || got.CreatedAt.IsZero() {
				t.Error(diff)
			}
			for _, url := range []string{got.HTTPURL, got.PublicURL} {
				if !strings.HasPrefix(url, "http") || !strings.HasSuffix(url, "/"+project.Path+".git") {
					t.Errorf("%q is no clone URL", url)
				}
			}
		})
	}
}

func projectIsMissing(t *testing.T, w *World) {
	group := w.group(t)
	project := w.project(t, group, "p")
	member, stranger := w.member(t, group, githost.Maintainer), w.person(t)

	t.Run("a stranger does not see it", func(t *testing.T) {
		_, err := w.Host.ProjectAt(t.Context(), stranger.Token, project.Path)
		wantProblem(t, err, problem.Missing, problem.ReasonMissing)
		_, err = w.Host.ProjectByID(t.Context(), stranger.Token, project.ID)
		wantProblem(t, err, problem.Missing, problem.ReasonMissing)
		_, err = w.Host.RepositoryAt(t.Context(), stranger.Token, project.Path, "main")
		wantProblem(t, err, problem.Missing, problem.ReasonMissing)
	})
	t.Run("nothing has that id", func(t *testing.T) {
		_, err := w.Host.ProjectByID(t.Context(), member.Token, 999999999)
		wantProblem(t, err, problem.Missing, problem.ReasonMissing)
	})
	for name, ref := range map[string]string{
		"it does not exist": group.Path + "/none", "an id is no path": strconv.FormatInt(project.ID, 10), "no name": "",
		"no group": "/p", "no segment": group.Path + "//p",
		"a dotted segment": group.Path + "/../" + group.Path + "/p", "a dot": ".", "a group is no project": group.Path,
		"a break": group.Path + "/p\n",
		"a query": project.Path + "?statistics=true", "longer than any": strings.Repeat("a", 5000),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.Host.ProjectAt(t.Context(), member.Token, ref)
			wantProblem(t, err, problem.Missing, problem.ReasonMissing)
			_, err = w.Host.RepositoryAt(t.Context(), member.Token, ref, "main")
			wantProblem(t, err, problem.Missing, problem.ReasonMissing)
		})
	}
	t.Run("a path that has moved is not followed", func(t *testing.T) {
		old, renamed := project.Path, w.name("renamed")
		_, err := w.Host.UpdateProject(t.Context(), w.Root, project.ID, githost.ProjectChange{Path: &renamed})
		must(t, err)
		_, err = w.Host.ProjectAt(t.Context(), member.Token, old)
		wantProblem(t, err, problem.Missing, problem.ReasonMoved, "moved")
		_, err = w.Host.RepositoryAt(t.Context(), member.Token, old, "main")
		wantProblem(t, err, problem.Missing, problem.ReasonMoved)
		_, err = w.Host.ProjectAt(t.Context(), stranger.Token, old)
		wantProblem(t, err, problem.Missing, problem.ReasonMissing)
		got, err := w.Host.ProjectByID(t.Context(), member.Token, project.ID)
		must(t, err)
		if got.PathSegment() != renamed {
			t.Errorf("got %s", got.Path)
		}
	})
}

func groupIsFound(t *testing.T, w *World) {
	group := w.group(t)
	below, err := w.Host.CreateGroup(t.Context(), w.Root, githost.NewGroup{Path: "below", Name: "Below",
		ParentID: group.ID, Visibility: githost.Private, Description: "d"})
	must(t, err)
	member, stranger := w.member(t, group, githost.Reporter), w.person(t)

	for _, ask := range []func(Person) (githost.Group, error){
		func(p Person) (githost.Group, error) {
			return w.Host.GroupAt(t.Context(), p.Token, group.Path+"/below")
		},
		func(p Person) (githost.Group, error) { return w.Host.GroupByID(t.Context(), p.Token, below.ID) },
	} {
		got, err := ask(member)
		must(t, err)
		want := githost.Group{ID: below.ID, Path: group.Path + "/below", Name: "Below", Description: "d",
			Visibility: githost.Private, ParentID: group.ID}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		_, err = ask(stranger)
		wantProblem(t, err, problem.Missing, problem.ReasonMissing)
	}
	_, err = w.Host.GroupByID(t.Context(), member.Token, 999999999)
	wantProblem(t, err, problem.Missing, problem.ReasonMissing)
	for _, ref := range []string{"", "none", "below", group.Path + "/none", group.Path + "/", "..", member.Username} {
		_, err = w.Host.GroupAt(t.Context(), member.Token, ref)
		wantProblem(t, err, problem.Missing, problem.ReasonMissing)
	}
	groups, err := w.Host.SubgroupsOf(t.Context(), member.Token, group.ID)
	must(t, err)
	if len(groups) != 1 || groups[0].ID != below.ID {
		t.Errorf("got %+v", groups)
	}
	groups, err = w.Host.SubgroupsOf(t.Context(), member.Token, below.ID)
	must(t, err)
	if len(groups) != 0 {
		t.Errorf("got %+v", groups)
	}
	_, err = w.Host.SubgroupsOf(t.Context(), stranger.Token, group.ID)
	wantProblem(t, err, problem.Missing, problem.ReasonMissing)
}

// groupAtANumber checks that digits in place of a path are a path, even if they are the id of another group.
func groupAtANumber(t *testing.T, w *World) {
	other := w.group(t)
	member := w.member(t, other, githost.Owner)
	digits := strconv.FormatInt(other.ID, 10)
	_, err := w.Host.GroupAt(t.Context(), member.Token, digits)
	wantProblem(t, err, problem.Missing, problem.ReasonMissing)
	_, err = w.Host.GroupAt(t.Context(), member.Token, "-"+digits)
	wantProblem(t, err, problem.Missing, problem.ReasonMissing)

	// GitLab searches long and short words in different ways
	for _, path := range []string{digits, digits + "0000001"} {
		called, err := w.Host.CreateGroup(t.Context(), w.Root,
			githost.NewGroup{Path: path, Visibility: githost.Private})
		must(t, err)
		_, err = w.Host.GroupAt(t.Context(), member.Token, path)
		wantProblem(t, err, problem.Missing, problem.ReasonMissing)
		w.Seed.JoinGroup(t, called.ID, member.ID, githost.Developer)
		got, err := w.Host.GroupAt(t.Context(), member.Token, path)
		must(t, err)
		if diff := cmp.Diff(called, got); diff != "" {
			t.Errorf("at %s: %s", path, diff)
		}
	}
}

func repositoryByRole(t *testing.T, w *World) {
	group := w.group(t)
	project := w.project(t, group, "p")
	head := w.Seed.Commit(t, project, "main")
	w.Seed.Protect(t, project.ID, "main", githost.Maintainer)
	w.Seed.Commit(t, project, "open")

	for name, one := range map[string]struct {
		level              githost.AccessLevel
		reads, main, other bool
	}{
		"a guest sees the project but not its code": {githost.Guest, false, false, false},
		"a reporter reads":                          {githost.Reporter, true, false, false},
		"a developer pushes what is not protected":  {githost.Developer, true, false, true},
		"a maintainer pushes":                       {githost.Maintainer, true, true, true},
		"an owner pushes":                           {githost.Owner, true, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			member := w.member(t, group, one.level)
			for branch, canPush := range map[string]bool{"main": one.main, "open": one.other} {
				got, err := w.Host.RepositoryAt(t.Context(), member.Token, project.Path, branch)
				must(t, err)
				if got.Project.ID != project.ID || got.CodeReadable != one.reads || (got.Branch != nil) != one.reads {
					t.Fatalf("%s: got %+v", branch, got)
				}
				if one.reads && (got.Branch.Name != branch || got.Branch.CanPush != canPush ||
					got.Branch.Protected != (branch == "main")) {
					t.Errorf("%s: got %+v, want a right to push: %v", branch, got.Branch, canPush)
				}
				if one.reads && branch == "main" && got.Branch.Head != head {
					t.Errorf("head is %s, want %s", got.Branch.Head, head)
				}
			}
		})
	}
}

func repositoryByState(t *testing.T, w *World) {
	group := w.group(t)
	developer, guest, owner := w.member(t, group, githost.Developer), w.member(t, group, githost.Guest),
		w.member(t, group, githost.Owner)
	empty, full := w.project(t, group, "empty"), w.project(t, group, "full")
	first := w.Seed.Commit(t, full, "main")

	t.Run("a repository without a commit has no branch and is readable", func(t *testing.T) {
		for asking, readable := range map[Person]bool{developer: true, guest: false} {
			got := w.repository(t, asking, empty.Path, "main")
			if got.Branch != nil || got.CodeReadable != readable || !got.Project.EmptyRepo {
				t.Errorf("got %+v", got)
			}
		}
	})
	t.Run("a branch that does not exist", func(t *testing.T) {
		got := w.repository(t, developer, full.Path, "none")
		if got.Branch != nil || !got.CodeReadable || got.Project.EmptyRepo {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("the head moves", func(t *testing.T) {
		next := w.Seed.Commit(t, full, "main")
		got := w.repository(t, developer, full.Path, "main")
		if got.Branch == nil || got.Branch.Head != next || first == next {
			t.Errorf("got %+v, want %s", got.Branch, next)
		}
	})
	t.Run("an archived project is read and not pushed to", func(t *testing.T) {
		w.Seed.Archive(t, full.ID)
		got := w.repository(t, owner, full.Path, "main")
		if !got.Project.Archived || !got.CodeReadable || got.Branch == nil || got.Branch.CanPush {
			t.Errorf("got %+v %+v", got, got.Branch)
		}
	})
}

func newestCommits(t *testing.T, w *World) {
	group := w.group(t)
	project := w.project(t, group, "p")
	reporter, guest, stranger := w.member(t, group, githost.Reporter), w.member(t, group, githost.Guest), w.person(t)

	_, err := w.Host.NewestCommits(t.Context(), reporter.Token, project.ID, "main")
	wantProblem(t, err, problem.Missing, problem.ReasonMissing)
	first := w.Seed.Commit(t, project, "main")
	second := w.Seed.Commit(t, project, "main")
	got, err := w.Host.NewestCommits(t.Context(), reporter.Token, project.ID, "main")
	must(t, err)
	if len(got) != 2 || got[0].ID != second || got[1].ID != first || len(got[1].Parents) != 0 ||
		strings.Join(got[0].Parents, " ") != first {
		t.Fatalf("got %+v, want %s on top of %s", got, second, first)
	}
	if c := got[0]; c.Message == "" || c.AuthorEmail == "" || c.AuthoredAt.IsZero() || c.AuthoredAt.Nanosecond() != 0 {
		t.Errorf("got %+v", c)
	}
	w.Seed.Tag(t, project, "main")
	got, err = w.Host.NewestCommits(t.Context(), reporter.Token, project.ID, "main")
	must(t, err)
	if got[0].ID != second {
		t.Errorf("a tag called main is taken for the branch: got %s, want %s", got[0].ID, second)
	}
	if r := w.repository(t, reporter, project.Path, "main"); r.Branch == nil || r.Branch.Head != second {
		t.Errorf("a tag called main is taken for the branch: got %+v, want %s", r.Branch, second)
	}
	_, err = w.Host.NewestCommits(t.Context(), reporter.Token, project.ID, "none")
	wantProblem(t, err, problem.Missing, problem.ReasonMissing)
	_, err = w.Host.NewestCommits(t.Context(), guest.Token, project.ID, "main")
	wantProblem(t, err, problem.Forbidden, problem.ReasonForbidden)
	_, err = w.Host.NewestCommits(t.Context(), stranger.Token, project.ID, "main")
	wantProblem(t, err, problem.Missing, problem.ReasonMissing)
}

func directories(t *testing.T, w *World) {
	group := w.group(t)
	project := w.project(t, group, "p")
	reporter, guest, stranger := w.member(t, group, githost.Reporter), w.member(t, group, githost.Guest), w.person(t)
	look := func(revision, path string) githost.Directory {
		t.Helper()
		got, err := w.Host.Directory(t.Context(), reporter.Token, project.ID, revision, path)
		must(t, err)
		return got
	}
	if got := look("HEAD", "."); got.Revision || got.Path {
		t.Errorf("without a commit: got %+v", got)
	}
	id := w.Seed.Commit(t, project, "main")
	w.Seed.Tag(t, project, "v1")
	for _, revision := range []string{"HEAD", "main", "refs/heads/main", "v1", "refs/tags/v1", id} {
		for path, want := range map[string]bool{".": true, SeededDirectory: true, "none": false,
			SeededDirectory + "/none": false} {
			if got := look(revision, path); !got.Revision || got.Path != want {
				t.Errorf("%s at %s: got %+v", path, revision, got)
			}
		}
	}
	for _, revision := range []string{"none", "refs/heads/v1", "refs/tags/main", strings.Repeat("a", 40)} {
		if got := look(revision, "."); got.Revision || got.Path {
			t.Errorf("at %s: got %+v", revision, got)
		}
	}
	_, err := w.Host.Directory(t.Context(), guest.Token, project.ID, "HEAD", ".")
	wantProblem(t, err, problem.Forbidden, problem.ReasonForbidden)
	_, err = w.Host.Directory(t.Context(), stranger.Token, project.ID, "HEAD", ".")
	wantProblem(t, err, problem.Missing, problem.ReasonMissing)
}

func repositoryForStrangers(t *testing.T, w *World) {
	open, err := w.Host.CreateGroup(t.Context(), w.Root,
		githost.NewGroup{Path: w.name("group"), Visibility: githost.Public})
	must(t, err)
	public, err := w.Host.CreateProject(t.Context(), w.Root,
		githost.NewProject{NamespaceID: open.ID, Path: "p", Visibility: githost.Public})
	must(t, err)
	w.Seed.Commit(t, public, "main")
	got := w.repository(t, w.person(t), public.Path, "main")
	if got.Project.Visibility != githost.Public || !got.CodeReadable || got.Branch == nil || got.Branch.CanPush {
		t.Errorf("got %+v %+v", got, got.Branch)
	}
}

func (w *World) repository(t *testing.T, asking Person, ref, branch string) githost.Repository {
	t.Helper()
	got, err := w.Host.RepositoryAt(t.Context(), asking.Token, ref, branch)
	must(t, err)
	return got
}
