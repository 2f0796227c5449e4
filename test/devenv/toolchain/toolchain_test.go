package toolchain

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// newRepository makes a repository whose hack/tools/kubernetes pins a tiny program instead of etcd, and whose
// hack/tools/argocd-v3 is a tiny program.
func newRepository(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	write(t, root, "hack/tools/kubernetes/go.mod", `module example.com/tools/kubernetes

go 1.26.0

tool go.etcd.io/etcd/server/v3

require (
	go.etcd.io/etcd/server/v3 v3.9.9 // indirect
	k8s.io/kubernetes v1.99.9 // indirect
	sigs.k8s.io/kwok v0.9.9 // indirect
)

replace (
	go.etcd.io/etcd/server/v3 => ./fake
	k8s.io/kubernetes => ./kubernetes
	sigs.k8s.io/kwok => ./kwok
)
`)
	write(t, root, "hack/tools/kubernetes/go.sum", "")
	write(t, root, "hack/tools/kubernetes/kubernetes/go.mod", "module k8s.io/kubernetes\n\ngo 1.26.0\n")
	write(t, root, "hack/tools/kubernetes/kwok/go.mod", "module sigs.k8s.io/kwok\n\ngo 1.26.0\n")
	write(t, root, "hack/tools/kubernetes/fake/go.mod", "module go.etcd.io/etcd/server/v3\n\ngo 1.26.0\n")
	write(t, root, "hack/tools/kubernetes/fake/main.go", "package main\n\nfunc main() { println(\"built\") }\n")
	write(t, root, "hack/tools/argocd-v3/go.mod", `module github.com/nautes-labs/deployment-runtime/hack/tools/argocd-v3

go 1.26.0

require github.com/argoproj/argo-cd/v3 v3.9.9 // indirect

replace github.com/argoproj/argo-cd/v3 => ./fake
`)
	write(t, root, "hack/tools/argocd-v3/go.sum", "")
	write(t, root, "hack/tools/argocd-v3/fake/go.mod", "module github.com/argoproj/argo-cd/v3\n\ngo 1.26.0\n")
	write(t, root, "hack/tools/argocd-v3/main.go", "package main\n\nfunc main() { println(\"built\") }\n")
	return root
}

func write(t *testing.T, root, path, content string) {
	t.Helper()
	file := filepath.Join(root, path)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
}

// withoutServers leaves only the Go command on PATH.
func withoutServers(t *testing.T) {
	t.Helper()
	goCommand, err := exec.LookPath("go")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(goCommand, filepath.Join(dir, "go")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	t.Setenv("KUBEBUILDER_ASSETS", "")
}

func newToolchain(t *testing.T, o Options) *Toolchain {
	t.Helper()
	tc, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return tc
}

func mustFind(t *testing.T, tc *Toolchain, tool Tool) string {
	t.Helper()
	paths, err := tc.Binaries(t.Context(), tool)
	if err != nil {
		t.Fatal(err)
	}
	return paths[tool]
}

func TestABinaryIsBuiltOncePerMachine(t *testing.T) {
	withoutServers(t)
	cache := t.TempDir()
	var first bytes.Buffer
	path := mustFind(t, newToolchain(t, Options{Root: newRepository(t), Cache: cache, Log: &first}), Etcd)
	if out, err := exec.CommandContext(t.Context(), path).CombinedOutput(); err != nil || string(out) != "built\n" {
		t.Errorf("the binary prints %q, %v", out, err)
	}
	if !strings.Contains(first.String(), "building kubernetes 1.99.9") ||
		!strings.Contains(first.String(), "built kubernetes 1.99.9 (etcd) in") {
		t.Errorf("progress = %q", first.String())
	}
	var second bytes.Buffer
	again := mustFind(t, newToolchain(t, Options{Root: newRepository(t), Cache: cache, Log: &second}), Etcd)
	if again != path || second.Len() > 0 {
		t.Errorf("a second clone gets %s and says %q; want %s and nothing", again, second.String(), path)
	}
	left, err := filepath.Glob(filepath.Join(cache, "*", "build-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}

func TestAnotherPinIsAnotherBinary(t *testing.T) {
	withoutServers(t)
	cache, root := t.TempDir(), newRepository(t)
	old := mustFind(t, newToolchain(t, Options{Root: root, Cache: cache}), Etcd)
	goMod := filepath.Join(root, "hack", "tools", "kubernetes", "go.mod")
	data, err := os.ReadFile(goMod)
	if err != nil {
		t.Fatal(err)
	}
	write(t, root, "hack/tools/kubernetes/go.mod", strings.Replace(string(data), "v3.9.9", "v3.9.10", 1))
	if got := mustFind(t, newToolchain(t, Options{Root: root, Cache: cache}), Etcd); got == old {
		t.Errorf("both versions are %s", got)
	}
}

func TestAnotherProgramIsAnotherBinary(t *testing.T) {
	withoutServers(t)
	cache, root := t.TempDir(), newRepository(t)
	argoCD, err := ArgoCD(ArgoCDVersion)
	if err != nil {
		t.Fatal(err)
	}
	old := mustFind(t, newToolchain(t, Options{Root: root, Cache: cache}), argoCD)
	write(t, root, "hack/tools/argocd-v3/main.go", "package main\n\nfunc main() { println(\"changed\") }\n")
	changed := mustFind(t, newToolchain(t, Options{Root: root, Cache: cache}), argoCD)
	for path, want := range map[string]string{old: "built\n", changed: "changed\n"} {
		if out, err := exec.CommandContext(t.Context(), path).CombinedOutput(); err != nil || string(out) != want {
			t.Errorf("%s prints %q, %v; want %q", path, out, err, want)
		}
	}
}

func TestOnlyUnusedBuildsArePruned(t *testing.T) {
	withoutServers(t)
	cache := t.TempDir()
	old := filepath.Join(cache, "kubernetes-0123456789abcdef")
	recent := filepath.Join(cache, "kubernetes-fedcba9876543210")
	other := filepath.Join(cache, "argocd-v3-0123456789abcdef")
	longAgo := time.Now().Add(-2 * unusedLimit)
	for dir, used := range map[string]time.Time{old: longAgo, recent: time.Now(), other: longAgo} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(dir, used, used); err != nil {
			t.Fatal(err)
		}
	}
	built := mustFind(t, newToolchain(t, Options{Root: newRepository(t), Cache: cache}), Etcd)
	for path, want := range map[string]bool{old: false, recent: true, other: true, built: true} {
		if _, err := os.Stat(path); (err == nil) != want {
			t.Errorf("%s: %v; want it there: %v", path, err, want)
		}
	}
}

func TestParallelRunsBuildOnce(t *testing.T) {
	withoutServers(t)
	cache, root := t.TempDir(), newRepository(t)
	logs := make([]bytes.Buffer, 3)
	var all sync.WaitGroup
	for i := range logs {
		tc := newToolchain(t, Options{Root: root, Cache: cache, Log: &logs[i]})
		all.Go(func() {
			if _, err := tc.Binaries(t.Context(), Etcd); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	builds := 0
	for i := range logs {
		builds += strings.Count(logs[i].String(), "built kubernetes")
	}
	if builds != 1 {
		t.Errorf("%d builds, want 1", builds)
	}
}

func TestAFailedBuildSaysWhy(t *testing.T) {
	withoutServers(t)
	root := newRepository(t)
	write(t, root, "hack/tools/kubernetes/fake/main.go", "package main\n\nfunc main() { undefinedThing() }\n")
	_, err := newToolchain(t, Options{Root: root, Cache: t.TempDir()}).Binaries(t.Context(), Etcd)
	if err == nil || !strings.Contains(err.Error(), "undefinedThing") {
		t.Errorf("error = %v", err)
	}
}

func TestBinariesOfTheUserAreUsedWhenTheyFit(t *testing.T) {
	script := func(version string) string { return "#!/bin/sh\necho etcd Version: " + version + "\n" }
	for name, tt := range map[string]struct {
		assets, path string // version of etcd there
		want         string // "assets", "path" or "built"
	}{
		"in KUBEBUILDER_ASSETS":                       {assets: "3.6.4", want: "assets"},
		"on PATH":                                     {path: "3.5.0", want: "path"},
		"KUBEBUILDER_ASSETS wins over PATH":           {assets: "3.5.0", path: "3.6.4", want: "assets"},
		"too old in KUBEBUILDER_ASSETS, fine on PATH": {assets: "3.4.9", path: "3.6.4", want: "path"},
		"too old everywhere":                          {assets: "3.4.9", path: "2.3.8", want: "built"},
		"says no version":                             {assets: "unknown", want: "built"},
	} {
		t.Run(name, func(t *testing.T) {
			withoutServers(t)
			assets, path := t.TempDir(), t.TempDir()
			if tt.assets != "" {
				write(t, assets, "etcd", script(tt.assets))
			}
			if tt.path != "" {
				write(t, path, "etcd", script(tt.path))
			}
			t.Setenv("KUBEBUILDER_ASSETS", assets)
			t.Setenv("PATH", path+string(os.PathListSeparator)+os.Getenv("PATH"))
			cache := t.TempDir()
			got := mustFind(t, newToolchain(t, Options{Root: newRepository(t), Cache: cache}), Etcd)
			want := map[string]string{"assets": assets, "path": path, "built": cache}[tt.want]
			if !strings.HasPrefix(got, want+string(os.PathSeparator)) {
				t.Errorf("found %s, want it in %s (%s)", got, want, tt.want)
			}
		})
	}
}

func TestAControlPlaneIsOfOneVersion(t *testing.T) {
	plane := []Tool{KubeAPIServer, KubeControllerManager, KubeScheduler}
	for name, tt := range map[string]struct {
		versions map[Tool]string
		wanted   []Tool
		want     int
	}{
		"an API server alone": {map[Tool]string{KubeAPIServer: "v1.30.0"}, []Tool{KubeAPIServer}, 1},
		"all of one minor version": {map[Tool]string{KubeAPIServer: "v1.33.0", KubeControllerManager: "v1.33.1",
			KubeScheduler: "v1.33.0"}, plane, 3},
		"a newer controller manager": {map[Tool]string{KubeAPIServer: "v1.33.0", KubeControllerManager: "v1.34.0",
			KubeScheduler: "v1.33.0"}, plane, 0},
		"no scheduler": {map[Tool]string{KubeAPIServer: "v1.33.0", KubeControllerManager: "v1.33.0"},
			plane, 0},
		"too old": {map[Tool]string{KubeAPIServer: "v1.29.9"}, []Tool{KubeAPIServer}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			withoutServers(t)
			dir := t.TempDir()
			for tool, version := range tt.versions {
				write(t, dir, string(tool), "#!/bin/sh\necho Kubernetes "+version+"\n")
			}
			t.Setenv("PATH", dir)
			if got := findExisting(t.Context(), tt.wanted, ""); len(got) != tt.want {
				t.Errorf("found %v, want %d", got, tt.want)
			}
		})
	}
}

func TestUnknownToolsAreRefused(t *testing.T) {
	if _, err := newToolchain(t, Options{Cache: t.TempDir()}).Binaries(t.Context(), "kubelet"); err == nil {
		t.Error("found a kubelet")
	}
	if _, err := ArgoCD("1.0.0"); err == nil || !strings.Contains(err.Error(), ArgoCDVersion) {
		t.Errorf("Argo CD 1.0.0: %v", err)
	}
}

// The versions are written in four places: where people choose them, in the modules that pin them, in the matrix, and on
// the page that says what is tested.
func TestTheVersionsOfArgoCDAreThePinnedOnes(t *testing.T) {
	tc := newToolchain(t, Options{Cache: t.TempDir()})
	pages := map[string]string{}
	for _, page := range []string{"Makefile", "docs/versions.md"} {
		text, err := os.ReadFile(filepath.Join(tc.Root(), page))
		if err != nil {
			t.Fatal(err)
		}
		pages[page] = string(text)
	}
	for _, version := range ArgoCDVersions() {
		for page, text := range pages {
			if !strings.Contains(text, version) {
				t.Errorf("%s does not name Argo CD %s", page, version)
			}
		}
		name, err := ArgoCD(version)
		if err != nil {
			t.Fatal(err)
		}
		e, err := tc.entry(t.Context(), tools()[name].module)
		if err != nil {
			t.Fatal(err)
		}
		if e.version != version {
			t.Errorf("%s pins %s, want %s", e.source, e.version, version)
		}
	}
}
