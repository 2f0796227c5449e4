package gitrepo_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/nautes-labs/deployment-runtime/internal/gitrepo"
)

const benchFiles = 1000

// manifest is a runtime as people write it.
func manifest(i int) string {
	return fmt.Sprintf(`apiVersion: nautes.resource.nautes.io/v1alpha1
kind: DeploymentRuntime
metadata:
  name: runtime-%04d
spec:
  product: product-7
  projectsRef:
    - project-%d
  manifestSource:
    codeRepo: repo-%d
    targetRevision: main
    path: deployments/production/service-%d
  destination: env-%d
  namespaces:
    - service-%d
`, i, i%10, i%10, i, i%5, i)
}

// product commits a default.project with a thousand runtimes.
func (h *host) product() string {
	files := map[string]string{"README.md": "x"}
	for i := range benchFiles {
		files[fmt.Sprintf("runtimes/runtime-%04d.yaml", i)] = manifest(i)
	}
	return h.write(files)
}

func live() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestBytesIsAtLeastWhatASnapshotTakes(t *testing.T) {
	h := newHost(t)
	head := h.product()
	const count = 5
	load := func() []*gitrepo.Snapshot {
		s := gitrepo.NewStore(gitrepo.Options{})
		snapshots := make([]*gitrepo.Snapshot, count)
		for i := range snapshots {
			r := h.remote()
			r.ProjectID = int64(i)
			var err error
			snapshots[i], err = s.Snapshot(t.Context(), r, head)
			must(t, err)
		}
		return snapshots
	}
	load() // what is needed once
	before := live()
	snapshots := load()
	unparsed := live() - before
	for _, s := range snapshots {
		if found := s.Tree().Findings(); len(found) > 0 {
			t.Fatalf("%+v", found[0])
		}
	}
	parsed := live() - before
	said := snapshots[0].Bytes() * count
	t.Logf("%d files: %d KiB, parsed %d KiB, said %d KiB each", benchFiles, unparsed/count/1024, parsed/count/1024, said/count/1024)
	if parsed > said || said > 2*parsed {
		t.Errorf("takes %d bytes, says %d", parsed, said)
	}
	if unparsed/count > 1<<20 {
		t.Errorf("%d bytes unparsed: 200 of them are more than 200 MiB", unparsed/count)
	}
	runtime.KeepAlive(snapshots)
}

// BenchmarkSnapshot fetches a default.project of 1,000 runtimes.
func BenchmarkSnapshot(b *testing.B) {
	h := newHost(b)
	head := h.product()
	b.ReportAllocs()
	for b.Loop() {
		h.snapshot(gitrepo.NewStore(gitrepo.Options{}), head)
	}
}

// BenchmarkCommitPush commits one runtime and pushes it.
func BenchmarkCommitPush(b *testing.B) {
	h := newHost(b)
	s := gitrepo.NewStore(gitrepo.Options{})
	base := h.snapshot(s, h.product())
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		next, err := s.Push(b.Context(), h.remote(), base, commit(put("runtimes/new.yaml", fmt.Sprint(i))))
		must(b, err)
		base = next
	}
}

// BenchmarkGitCloneCommitPush is the yardstick: the same with the git command.
func BenchmarkGitCloneCommitPush(b *testing.B) {
	h := newHost(b)
	h.product()
	url := h.remote().URL
	dir := b.TempDir()
	run := func(args ...string) {
		cmd := exec.CommandContext(b.Context(), "git", args...)
		cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull)
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("git %v: %v: %s", args, err, out)
		}
	}
	for i := 0; b.Loop(); i++ {
		work := filepath.Join(dir, fmt.Sprint(i))
		run("clone", "--quiet", "--depth", "1", url, work)
		must(b, os.WriteFile(filepath.Join(work, "runtimes", "new.yaml"), []byte(fmt.Sprint(i)), 0o600))
		run("-C", work, "add", ".")
		run("-C", work, "-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "--quiet", "-m", "x")
		run("-C", work, "push", "--quiet", "origin", "HEAD:main")
	}
}
