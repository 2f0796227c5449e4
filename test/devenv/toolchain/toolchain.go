package toolchain

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
)

// Options say where a Toolchain looks and writes. Every field has a default.
type Options struct {
	// Root is the root of the repository, which holds hack/tools. Default: found from this source file or from
	// the working directory upwards.
	Root string
	// Cache is the directory that keeps the builds. Default: nautes-devenv in the user's cache directory.
	Cache string
	// Assets is a directory with etcd, kube-apiserver and kubectl. Default: $KUBEBUILDER_ASSETS.
	Assets string
	// Log receives one line per build, and one every few seconds while it lasts. Default: discarded.
	Log io.Writer
}

// Toolchain finds and builds tools. It is safe for concurrent use, also by several processes.
type Toolchain struct {
	root, cache, assets string
	log                 io.Writer
}

// New returns a Toolchain; it builds nothing yet.
func New(o Options) (*Toolchain, error) {
	t := &Toolchain{root: o.Root, cache: o.Cache, assets: o.Assets, log: o.Log}
	var err error
	if t.root == "" {
		if t.root, err = findRoot(); err != nil {
			return nil, err
		}
	}
	if t.cache == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return nil, fmt.Errorf("finding the cache directory: %w", err)
		}
		t.cache = filepath.Join(user, "nautes-devenv")
	}
	if t.assets == "" {
		t.assets = os.Getenv("KUBEBUILDER_ASSETS")
	}
	if t.log == nil {
		t.log = io.Discard
	}
	if err := os.MkdirAll(t.cache, 0o750); err != nil {
		return nil, fmt.Errorf("creating the cache directory: %w", err)
	}
	return t, nil
}

// Root is the root of the repository.
func (t *Toolchain) Root() string { return t.root }

// Cache is the directory that keeps the builds.
func (t *Toolchain) Cache() string { return t.cache }

// Binaries returns the path of each wanted tool. What the user does not have is built, which takes minutes the first
// time on a machine and nothing afterwards.
func (t *Toolchain) Binaries(ctx context.Context, wanted ...Tool) (map[Tool]string, error) {
	table := tools()
	for _, name := range wanted {
		if _, ok := table[name]; !ok {
			return nil, fmt.Errorf("there is no tool %q", name)
		}
	}
	paths := findExisting(ctx, wanted, t.assets)
	missing := map[string][]Tool{} // by module
	for _, name := range wanted {
		if _, ok := paths[name]; !ok && !slices.Contains(missing[table[name].module], name) {
			missing[table[name].module] = append(missing[table[name].module], name)
		}
	}
	// One module after the other: a build uses every core and a gigabyte of memory by itself.
	for _, m := range sortedKeys(missing) {
		e, err := t.entry(ctx, m)
		if err != nil {
			return nil, err
		}
		for _, name := range missing[m] {
			paths[name] = e.binary(name)
		}
		if err := e.build(ctx, missing[m]); err != nil {
			return nil, err
		}
	}
	return paths, nil
}

// findRoot finds the root of the repository. The path of the source file is not known to a binary that was built
// with -trimpath, hence the second try.
func findRoot() (string, error) {
	_, file, _, _ := runtime.Caller(0)
	wd, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("finding the repository: %w", err)
	}
	for _, from := range []string{filepath.Dir(file), wd} {
		for dir := from; filepath.IsAbs(dir); dir = filepath.Dir(dir) {
			if _, err := os.Stat(filepath.Join(dir, "hack", "tools", "kubernetes", "go.mod")); err == nil {
				return dir, nil
			}
			if dir == filepath.Dir(dir) {
				break
			}
		}
	}
	return "", fmt.Errorf("no hack/tools above %s: run from within the repository", wd)
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
