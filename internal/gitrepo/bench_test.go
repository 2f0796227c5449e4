package gitrepo_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
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

// mixed are the files of a product as it usually is: half of them runtimes, a directory for each project and each code
// repo.
func mixed(files int) map[string]string {
	resource := func(kind, name, spec string) string {
		return "apiVersion: nautes.resource.nautes.io/v1alpha1\nkind: " + kind + "\nmetadata:\n  name: " + name +
			"\nspec:\n  " + spec + "\n"
	}
	out := map[string]string{}
	for i := range files / 4 {
		project, repo := fmt.Sprintf("project-%d", i), fmt.Sprintf("repo-%d", i)
		out["projects/"+project+"/"+project+".yaml"] = resource("Project", project,
			"language: go\n  product: product-7")
		out["code-repos/"+repo+"/"+repo+".yaml"] = resource("CodeRepo", repo,
			"codeRepoProvider: gitlab\n  product: product-7\n  project: "+project+"\n  repoName: x")
		out[fmt.Sprintf("runtimes/runtime-%04d.yaml", i)] = manifest(i)
		out[fmt.Sprintf("runtimes/other-%04d.yaml", i)] = strings.Replace(manifest(i), "name: runtime",
			"name: other", 1)
	}
	return out
}

func each(files int, content func(i int) (path, text string)) map[string]string {
	out := map[string]string{}
	for i := range files {
		path, text := content(i)
		out[path] = text
	}
	return out
}

func TestBytesIsAtLeastWhatASnapshotTakes(t *testing.T) {
	const count = 3
	for name, files := range map[string]map[string]string{
		"runtimes": each(300,
			func(i int) (string, string) { return fmt.Sprintf("runtimes/runtime-%04d.yaml", i), manifest(i) }),
		"all kinds": mixed(300),
		"objects with labels and annotations": each(200, func(i int) (string, string) {
			return fmt.Sprintf("runtimes/%d.yaml", i), strings.Replace(manifest(i), "metadata:\n",
				fmt.Sprintf("metadata:\n  labels: {team: team-%d}\n  annotations:\n    note: %x\n", i,
					noise(10, byte(i))), 1)
		}),
		"files that are not read": each(1000,
			func(i int) (string, string) { return fmt.Sprintf("docs/%d.md", i), "x" }),
		"files with many objects": each(6, func(i int) (string, string) {
			var all []string
			for o := range 50 {
				all = append(all, manifest(50*i+o))
			}
			return fmt.Sprintf("runtimes/%d.yaml", i), strings.Join(all, "---\n")
		}),
		"large files": each(5, func(i int) (string, string) {
			return fmt.Sprintf("runtimes/%d.yaml", i), manifest(i) + strings.Repeat("# and more\n", 5000)
		}),
		"files that are wrong": each(200, func(i int) (string, string) {
			return fmt.Sprintf("runtimes/%d.yaml", i), strings.Replace(manifest(i), "  destination:", "  place:", 1)
		}),
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			head := h.write(files)
			load := func() (*gitrepo.Store, int64) {
				s := gitrepo.NewStore(gitrepo.Options{})
				for i := range int64(count) {
					r := h.remote()
					r.ProjectID = i
					_, err := s.Snapshot(t.Context(), r, head)
					must(t, err)
				}
				said := s.Bytes()
				return s, said
			}
			load() // what is needed once
			before := live()
			s, said := load()
			takes := live() - before
			t.Logf("%d files: takes %d KiB, says %d KiB each", len(files), takes/count/1024, said/count/1024)
			if takes > said || said > takes*4/3 {
				t.Errorf("takes %d bytes, says %d", takes, said)
			}
			runtime.KeepAlive(s)
		})
	}
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
