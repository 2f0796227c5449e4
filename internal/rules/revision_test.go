package rules_test

import (
	"strings"
	"testing"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
	"github.com/nautes-labs/deployment-runtime/internal/rules/rulestest"
)

// TestARevisionNamesWhatOnlyThoseWhoMayPushCanChange: not the commits of merge requests, which come from whoever may
// open one.
func TestARevisionNamesWhatOnlyThoseWhoMayPushCanChange(t *testing.T) {
	commit, other := strings.Repeat("ab", 20), strings.Repeat("cd", 20)
	for sentence, c := range map[string]struct {
		revision, recorded string
		lent               bool
		// moves: from an own code repo to one of the same name that is lent.
		moves bool
		want  string
		stops bool
	}{
		"a branch":                      {revision: "refs/heads/main"},
		"a tag":                         {revision: "refs/tags/v1"},
		"a commit of the product's own": {revision: commit},
		"a short name":                  {revision: "merge-requests/5/head"},
		"a merge request": {revision: "refs/merge-requests/5/head",
			want: "neither a branch nor a tag"},
		"a pull request": {revision: "refs/pull/5/head",
			want: "neither a branch nor a tag"},
		"a commit of a merge request": {revision: "refs/keep-around/" + commit,
			want: "neither a branch nor a tag"},
		"a merge request, deployed from before": {revision: "refs/merge-requests/5/head",
			recorded: "refs/merge-requests/5/head", want: "neither", stops: true},
		"another one than is deployed": {revision: "refs/merge-requests/6/head",
			recorded: "refs/merge-requests/5/head", want: "neither", stops: true},
		"one instead of the branch that runs": {revision: "refs/merge-requests/6/head", recorded: "main",
			want: "neither"},
		"a way out of a merge request": {revision: "main", recorded: "refs/merge-requests/5/head"},
		"a branch of a lent repo":      {revision: "main", lent: true},
		"a commit of a lent repo": {revision: commit, lent: true,
			want: "belongs to another product"},
		"a commit of a lent repo, deployed": {revision: commit, recorded: commit, lent: true},
		"a commit of a lent repo, moved on": {revision: commit, recorded: other, lent: true,
			want: "belongs to another product"},
		"a commit, moved to a lent repo of the same name": {revision: commit, recorded: commit, moves: true,
			want: "belongs to another product"},
		"a commit of a lent repo, upper case": {revision: strings.ToUpper(commit), lent: true,
			want: "belongs to another product"},
		// a branch or a tag of that name
		"an abbreviated commit of a lent repo": {revision: commit[:12], lent: true},
		"a merge request of a lent repo": {revision: "refs/merge-requests/5/head", lent: true,
			want: "neither"},
		"a mistake does not keep what was wrong": {revision: "refs/heads/x",
			recorded: "refs/merge-requests/5/head"},
	} {
		t.Run(sentence, func(t *testing.T) {
			w, owner, projects := usual(), "product-7", []string{"shop"}
			if c.lent {
				owner, projects = "product-8", nil
				w.Remove(rulestest.CodeRepo("product-7", "repo-3", "shop"))
				w.Add(rulestest.CodeRepo("product-8", "repo-3", "shop"),
					rulestest.Binding("product-8", "lent", "repo-3", "product-7"))
			}
			if c.moves {
				projects = nil
			}
			r := usualRuntime(func(r *api.DeploymentRuntime) {
				r.UID, r.Spec.ManifestSource.TargetRevision, r.Spec.ProjectsRef = "uid-product-7-dr", c.revision,
					projects
				if c.lent || c.moves {
					r.Spec.ManifestSource.CodeRepo = "product-8/repo-3"
				}
			})
			if c.moves {
				w.Add(rulestest.CodeRepo("product-8", "repo-3", "shop"),
					rulestest.Binding("product-8", "lent", "repo-3", "product-7"))
			}
			if c.recorded != "" {
				w.Record(rulestest.Record("product-7", "dr", "dev", "c1", func(rec *rules.Record) {
					rec.CodeRepo, rec.RepoProduct, rec.Revision = "repo-3", owner, c.recorded
				}))
			}
			violations := judge(t, w, r)
			if (len(violations) > 0) != (c.want != "") || rules.StopsSync(violations) != c.stops {
				t.Fatalf("got %v", violations)
			}
			if c.want == "" {
				return
			}
			p := violations[0]
			if p.Reason != api.ReasonInvalid || p.Class != problem.Invalid ||
				p.Field != "spec.manifestSource.targetRevision" || !strings.Contains(p.Message, c.want) {
				t.Errorf("got %+v", p)
			}
			if strings.Contains(p.Message, "product-8") {
				t.Errorf("the message names another product: %s", p.Message)
			}
		})
	}
}

func TestAMistakeDoesNotKeepARevisionThatMayNotBeNamed(t *testing.T) {
	w := usual()
	w.Record(rulestest.Record("product-7", "dr", "dev", "c1", func(rec *rules.Record) {
		rec.CodeRepo, rec.RepoProduct, rec.Revision = "repo-3", "product-7", "refs/merge-requests/5/head"
	}))
	r := usualRuntime(func(r *api.DeploymentRuntime) {
		r.UID, r.Spec.ManifestSource.TargetRevision, r.Spec.ProjectsRef = "uid-product-7-dr", "main",
			[]string{"nowhere"}
	})
	if violations := judge(t, w, r); !rules.StopsSync(violations) {
		t.Errorf("got %v", violations)
	}
}

// TestTwinsByAnotherNameAreTwins: a short name is the branch of that name, or the tag that its record says.
func TestTwinsByAnotherNameAreTwins(t *testing.T) {
	for sentence, c := range map[string]struct {
		mine, others string
		found        string // what the record of the other says that its name means
		twins        bool
	}{
		"the same word":                          {"main", "main", "", true},
		"a branch by its full name":              {"refs/heads/main", "main", "refs/heads/main", true},
		"a tag and the branch of that name":      {"refs/tags/v1", "v1", "refs/heads/v1", false},
		"a tag and a short name that is the tag": {"refs/tags/v1", "v1", "refs/tags/v1", true},
		"two branches":                           {"main", "other", "", false},
	} {
		w := usual()
		w.Add(rulestest.Runtime("product-7", "aa", "repo-3", "dev", func(r *api.DeploymentRuntime) {
			r.UID, r.Spec.ProjectsRef, r.Spec.ManifestSource.TargetRevision = "uid-product-7-aa",
				[]string{"shop"}, c.others
		}))
		w.Record(rulestest.Record("product-7", "aa", "dev", "c1", func(rec *rules.Record) {
			rec.CodeRepo, rec.RepoProduct, rec.Revision, rec.Ref, rec.RefFound = "repo-3", "product-7", c.others,
				c.found, c.found != ""
		}))
		violations := judge(t, w,
			usualRuntime(func(r *api.DeploymentRuntime) { r.Spec.ManifestSource.TargetRevision = c.mine }))
		if got := len(violations) == 1 && violations[0].Reason == api.ReasonTwinRuntime; got != c.twins {
			t.Errorf("%s: got %v", sentence, violations)
		}
	}
}

// TestHEADAndTheDefaultBranchAreTwins: what is deployed from one of them stays, whatever becomes of the default branch.
func TestHEADAndTheDefaultBranchAreTwins(t *testing.T) {
	for sentence, c := range map[string]struct {
		mine, others, branch string
		deployed             string // the revision that this runtime is deployed from
		twins                bool
	}{
		"HEAD after the branch":               {"HEAD", "main", "main", "", true},
		"the branch after HEAD":               {"main", "HEAD", "main", "", true},
		"the branch in full after HEAD":       {"refs/heads/main", "HEAD", "main", "", true},
		"the tag of that name after HEAD":     {"refs/tags/main", "HEAD", "main", "", false},
		"another branch":                      {"main", "HEAD", "trunk", "", false},
		"a default branch that nobody knows":  {"main", "HEAD", "", "", false},
		"one that is deployed from there":     {"main", "HEAD", "main", "main", false},
		"one that is deployed from elsewhere": {"main", "HEAD", "main", "v1", true},
	} {
		w := usual()
		w.Add(rulestest.CodeRepo("product-7", "repo-3", "shop", func(r *api.CodeRepo) {
			r.Spec.Project, r.Status.DefaultBranch = "shop", c.branch
		}))
		w.Add(rulestest.Runtime("product-7", "aa", "repo-3", "dev", func(r *api.DeploymentRuntime) {
			r.UID, r.Spec.ProjectsRef, r.Spec.ManifestSource.TargetRevision = "uid-product-7-aa",
				[]string{"shop"}, c.others
		}))
		w.Record(rulestest.Record("product-7", "aa", "dev", "c1", func(rec *rules.Record) {
			rec.CodeRepo, rec.RepoProduct, rec.Revision = "repo-3", "product-7", c.others
		}))
		mine := usualRuntime(func(r *api.DeploymentRuntime) { r.Spec.ManifestSource.TargetRevision = c.mine })
		if c.deployed != "" {
			w.Record(rulestest.Record("product-7", "dr", "dev", "c1", func(rec *rules.Record) {
				rec.Runtime.UID, rec.CodeRepo, rec.RepoProduct, rec.Revision = string(mine.UID), "repo-3", "product-7", c.deployed
				rec.Since = rec.Since.Add(1)
			}))
		}
		violations := judge(t, w, mine)
		if got := len(violations) == 1 && violations[0].Reason == api.ReasonTwinRuntime; got != c.twins {
			t.Errorf("%s: got %v", sentence, violations)
		}
	}
}
