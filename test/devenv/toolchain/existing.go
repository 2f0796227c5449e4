package toolchain

import (
	"context"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"
)

// existing says how to recognise a binary that the user already has.
type existing struct {
	file string
	args []string
	fits func(version) bool
	// asset is true for the binaries that KUBEBUILDER_ASSETS holds.
	asset bool
}

type version struct{ major, minor, patch int }

// versionPattern is compiled once and never changes.
var versionPattern = regexp.MustCompile(`(\d+)\.(\d+)\.(\d+)`)

// versionTimeout bounds a foreign binary that is asked for its version.
const versionTimeout = 10 * time.Second

func atLeast(major, minor int) func(version) bool {
	return func(v version) bool { return v.major == major && v.minor >= minor }
}

func exactly(want string) func(version) bool {
	return func(v version) bool { return v == parseVersion(want) }
}

// parseVersion returns the first version in a text, the zero version when there is none.
func parseVersion(text string) version {
	m := versionPattern.FindStringSubmatch(text)
	if m == nil {
		return version{}
	}
	number := func(s string) int { n, _ := strconv.Atoi(s); return n } // The pattern admits digits only.
	return version{number(m[1]), number(m[2]), number(m[3])}
}

// find returns the path and version of a binary of the user that fits, or "". What is nil is found nowhere.
func (e *existing) find(ctx context.Context, assets string) (string, version) {
	if e == nil {
		return "", version{}
	}
	var candidates []string
	if e.asset && assets != "" {
		candidates = append(candidates, filepath.Join(assets, e.file))
	}
	if path, err := exec.LookPath(e.file); err == nil {
		candidates = append(candidates, path)
	}
	for _, path := range candidates {
		if v := askVersion(ctx, path, e.args); e.fits(v) {
			return path, v
		}
	}
	return "", version{}
}

func askVersion(ctx context.Context, path string, args []string) version {
	ctx, cancel := context.WithTimeout(ctx, versionTimeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, args...).Output()
	if err != nil {
		return version{}
	}
	return parseVersion(string(out))
}

// findExisting returns those of the wanted tools that the user already has. The servers of one Kubernetes control
// plane are taken together or not at all, and only with one minor version: a controller manager that is newer than
// its API server is not supported.
func findExisting(ctx context.Context, wanted []Tool, assets string) map[Tool]string {
	table, found := tools(), map[Tool]string{}
	var plane []Tool
	minors, missing := map[int]bool{}, false
	for _, t := range wanted {
		path, v := table[t].found.find(ctx, assets)
		if t == KubeAPIServer || t == KubeControllerManager || t == KubeScheduler {
			plane = append(plane, t)
			minors[v.minor] = true
			missing = missing || path == ""
		}
		if path != "" {
			found[t] = path
		}
	}
	if missing || len(minors) > 1 {
		for _, t := range plane {
			delete(found, t)
		}
	}
	return found
}
