package cli

import (
	"context"
	"os/exec"
	"regexp"
	"strings"

	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// commitOf returns the commit that --revision names: an id of a commit, or its beginning, as it is, and for HEAD the
// commit that git has checked out in the current directory.
func (o *statusOptions) commitOf(ctx context.Context, revision string) (string, error) {
	if revision == "HEAD" {
		cmd := exec.CommandContext(ctx, "git", "rev-parse", "--verify", "HEAD")
		cmd.Env = o.Environ
		out, err := cmd.Output()
		if err != nil {
			return "", usage("--revision HEAD needs git and a checkout with a commit in the current directory: " +
				"go there, or name the commit")
		}
		return strings.TrimSpace(string(out)), nil
	}
	revision = strings.ToLower(revision)
	if revision != "" && !regexp.MustCompile("^[0-9a-f]{7,64}$").MatchString(revision) {
		return "", usage("--revision takes the id of a commit, at least its first 7 characters, or HEAD")
	}
	return revision, nil
}

// arrived says whether a runtime is Ready, at the revision that is waited for.
func (o *statusOptions) arrived(r wire.DeploymentRuntime) bool {
	return r.Status != nil && r.Status.Ready && strings.HasPrefix(r.Status.Revision, o.revision)
}
