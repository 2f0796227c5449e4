package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"debug/elf"
	"debug/macho"
	"debug/pe"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// unpacked returns what an archive holds: entries with a link have its target as content.
func unpacked(t *testing.T, name string, content []byte) map[string]entry {
	t.Helper()
	out := map[string]entry{}
	if strings.HasSuffix(name, ".zip") {
		z, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
		must(t, err)
		for _, f := range z.File {
			open, err := f.Open()
			must(t, err)
			all, err := io.ReadAll(open)
			must(t, err)
			if !f.Modified.Equal(commit) {
				t.Errorf("%s: %s is of %s", name, f.Name, f.Modified)
			}
			out[f.Name] = entry{name: f.Name, mode: int64(f.Mode().Perm()), content: all}
		}
		return out
	}
	var from io.Reader = bytes.NewReader(content)
	if strings.HasSuffix(name, "gz") {
		z, err := gzip.NewReader(from)
		must(t, err)
		from = z
	}
	for r := tar.NewReader(from); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		must(t, err)
		all, err := io.ReadAll(r)
		must(t, err)
		if !h.ModTime.Equal(commit) || h.Uid != 0 || h.Gid != 0 || h.Uname != "" || h.Gname != "" {
			t.Errorf("%s: %s is of %s, %d %q", name, h.Name, h.ModTime, h.Uid, h.Uname)
		}
		out[h.Name] = entry{name: h.Name, mode: h.Mode, content: all, link: h.Linkname}
	}
}

func archiveOf(p platform) string {
	if p.os == "windows" {
		return "nautes_" + tested + "_" + p.String() + ".zip"
	}
	return "nautes_" + tested + "_" + p.String() + ".tar.gz"
}

// TestAnArchiveHoldsThePrograms: for its platform, by both names, with what belongs to them.
func TestAnArchiveHoldsThePrograms(t *testing.T) {
	for _, p := range allPlatforms() {
		t.Run(p.String(), func(t *testing.T) {
			has := unpacked(t, archiveOf(p), published(t, archiveOf(p)))
			for _, name := range []string{"LICENSE", "CHANGELOG.md", "man/nautes.1", "completions/nautes.bash"} {
				if len(has[name].content) == 0 {
					t.Errorf("no %s in %v", name, sortedKeys(has))
				}
			}
			program, again := has[p.executable("nautes")], has[p.executable(plugin)]
			if program.mode != 0o755 {
				t.Errorf("mode %o", program.mode)
			}
			if got := machineOf(t, program.content); got != p {
				t.Errorf("a program for %s", got)
			}
			if p.os == "windows" {
				if !bytes.Equal(program.content, again.content) {
					t.Error("the plugin is another program")
				}
				return
			}
			if again.link != "nautes" || has["kubectl_complete-nautes"].mode != 0o755 {
				t.Errorf("the plugin is %+v", again)
			}
		})
	}
}

// machineOf reads from a program which platform it is for.
func machineOf(t *testing.T, program []byte) platform {
	t.Helper()
	from := bytes.NewReader(program)
	if f, err := elf.NewFile(from); err == nil {
		return platform{"linux", map[elf.Machine]string{elf.EM_X86_64: "amd64", elf.EM_AARCH64: "arm64"}[f.Machine]}
	}
	if f, err := macho.NewFile(from); err == nil {
		return platform{"darwin", map[macho.Cpu]string{macho.CpuAmd64: "amd64", macho.CpuArm64: "arm64"}[f.Cpu]}
	}
	f, err := pe.NewFile(from)
	must(t, err)
	return platform{"windows", map[uint16]string{
		pe.IMAGE_FILE_MACHINE_AMD64: "amd64", pe.IMAGE_FILE_MACHINE_ARM64: "arm64",
	}[f.Machine]}
}

// TestTheDocumentedWayToInstallTheCommandLineWorks: the block of the page, in a directory with the files of a release.
func TestTheDocumentedWayToInstallTheCommandLineWorks(t *testing.T) {
	if (platform{runtime.GOOS, runtime.GOARCH}) != (platform{"linux", "amd64"}) {
		t.Log("the page shows linux_amd64: its archive is unpacked, and not run")
	}
	page, err := os.ReadFile(filepath.Join(repository, "docs", "howto", "use-the-command-line.md"))
	must(t, err)
	_, block, found := strings.Cut(string(page), "```sh\nsha256sum")
	block, _, end := strings.Cut(block, "```")
	if !found || !end {
		t.Fatal("the page has no block that begins with sha256sum")
	}
	dir, home := t.TempDir(), t.TempDir()
	must(t, os.CopyFS(dir, os.DirFS(dist(t))))
	cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", "sha256sum"+block)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME="+home)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, name := range []string{"nautes", plugin} {
		if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
			break
		}
		said, err := exec.CommandContext(t.Context(), filepath.Join(home, ".local", "bin", name)).Output()
		if err != nil || string(said) != tested+"\n" {
			t.Errorf("%s says %s: %v", name, said, err)
		}
	}
}
