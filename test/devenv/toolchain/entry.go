package toolchain

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// entry is the cache directory of one module in one state: everything that could change its binaries is in its key.
type entry struct {
	module  module
	source  string // directory of the module below hack/tools
	dir     string // directory of the entry
	version string // of the server, without the leading v
	ldflags string
	log     io.Writer
}

// goEnv is what the Go toolchain contributes to a build. CGO_ENABLED is left as the user has it, so that a build
// shares the user's build cache.
type goEnv struct {
	GOVERSION, GOOS, GOARCH string
	CGO                     string `json:"CGO_ENABLED"`
}

func (t *Toolchain) entry(ctx context.Context, name string) (*entry, error) {
	m, ok := modules()[name]
	if !ok {
		return nil, fmt.Errorf("there is no module %q", name)
	}
	e := &entry{module: m, source: filepath.Join(t.root, "hack", "tools", m.dir), log: t.log}
	goMod, err := os.ReadFile(filepath.Join(e.source, "go.mod"))
	if err != nil {
		return nil, fmt.Errorf("reading the module of %s: %w", name, err)
	}
	if e.version, err = requiredVersion(string(goMod), m.server); err != nil {
		return nil, fmt.Errorf("reading %s/go.mod: %w", e.source, err)
	}
	if e.ldflags, err = linkFlags(m, string(goMod)); err != nil {
		return nil, fmt.Errorf("reading %s/go.mod: %w", e.source, err)
	}
	source, err := e.sourceFiles()
	if err != nil {
		return nil, fmt.Errorf("reading the module of %s: %w", name, err)
	}
	env, err := e.goEnv(ctx)
	if err != nil {
		return nil, err
	}
	e.dir = filepath.Join(t.cache, m.dir+"-"+key(append(source, m.tags+e.ldflags, fmt.Sprint(env))...))
	return e, nil
}

// sourceFiles returns what the module's directory holds: go.mod, go.sum and the Go files of a program of ours.
func (e *entry) sourceFiles() ([]string, error) {
	files, err := filepath.Glob(filepath.Join(e.source, "*.go"))
	if err != nil {
		return nil, err
	}
	files = append(files, filepath.Join(e.source, "go.mod"), filepath.Join(e.source, "go.sum"))
	contents := make([]string, len(files))
	for i, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		contents[i] = string(data)
	}
	return contents, nil
}

func linkFlags(m module, goMod string) (string, error) {
	flags := "-s -w"
	for _, variable := range sortedKeys(m.stamp) {
		value, err := requiredVersion(goMod, m.stamp[variable])
		if err != nil {
			return "", err
		}
		if m.stamp[variable] == "k8s.io/kubernetes" {
			value = "v" + value // Kubernetes parses its own version and wants the v.
		}
		flags += " -X " + variable + "=" + value
	}
	return flags, nil
}

func key(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		_, _ = fmt.Fprintf(h, "%d:%s", len(p), p) // A hash takes everything.
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// requiredVersion reads the version of a module out of a go.mod file, without the leading v.
func requiredVersion(goMod, path string) (string, error) {
	m := regexp.MustCompile(`(?m)^\s*(?:require\s+)?` + regexp.QuoteMeta(path) + `\s+v(\S+)`).FindStringSubmatch(goMod)
	if m == nil {
		return "", fmt.Errorf("%s is not required", path)
	}
	return m[1], nil
}

func (e *entry) goEnv(ctx context.Context) (goEnv, error) {
	out, err := e.goCommand(ctx, "env", "-json", "GOVERSION", "GOOS", "GOARCH", "CGO_ENABLED").Output()
	if err != nil {
		return goEnv{}, fmt.Errorf("asking for the version of Go: %w", err)
	}
	var env goEnv
	if err := json.Unmarshal(out, &env); err != nil {
		return goEnv{}, fmt.Errorf("asking for the version of Go: %w", err)
	}
	return env, nil
}

// goCommand runs the Go command inside the module, untouched by the workspace and flags of whoever runs the tests.
func (e *entry) goCommand(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = e.source
	// An interrupted build removes its temporary files, a killed one leaves gigabytes.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=readonly -buildvcs=false")
	return cmd
}

func (e *entry) binary(name Tool) string { return filepath.Join(e.dir, "bin", string(name)) }

// has tells whether a file of the entry is there. Files appear by rename, so a file that exists is complete.
func (e *entry) has(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// title names tools for a person: "kubernetes 1.36.3 (kube-apiserver, kubectl)".
func (e *entry) title(names []Tool) string {
	list := make([]string, len(names))
	for i, n := range names {
		list[i] = string(n)
	}
	return fmt.Sprintf("%s %s (%s)", e.module.dir, e.version, strings.Join(list, ", "))
}
