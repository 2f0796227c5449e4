package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// TestTwoRunsWriteTheSame: from another directory, at another time, in another time zone, signed by the same key.
func TestTwoRunsWriteTheSame(t *testing.T) {
	first := dist(t)
	t.Setenv("TZ", "Asia/Shanghai")
	t.Setenv("GOFLAGS", "-buildvcs=true")
	t.Setenv("GOAMD64", "v3")
	elsewhere := filepath.Join(t.TempDir(), "quite", "elsewhere")
	must(t, source(filepath.Join(elsewhere, "source")))
	must(t, filepath.Walk(elsewhere, func(path string, _ os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		return os.Chtimes(path, time.Unix(1, 0), time.Unix(1, 0))
	}))
	second, err := build(elsewhere, &release{key: filepath.Join(scratch, "cosign.key")})
	must(t, err)

	one, two := contents(t, first), contents(t, second)
	if len(one) < 14 || len(one) != len(two) {
		t.Fatalf("%d files and %d", len(one), len(two))
	}
	for name, sum := range one {
		if two[name] != sum {
			t.Errorf("%s differs", name)
		}
	}
}

func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	found, err := os.ReadDir(dir)
	must(t, err)
	out := map[string]string{}
	for _, f := range found {
		content, err := os.ReadFile(filepath.Join(dir, f.Name()))
		must(t, err)
		out[f.Name()] = fmt.Sprintf("%x", sha256.Sum256(content))
	}
	return out
}

func TestTheChecksumsAreThoseOfAllFiles(t *testing.T) {
	found := contents(t, dist(t))
	delete(found, sums)
	delete(found, signature)
	for line := range strings.Lines(string(published(t, sums))) {
		sum, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		if found[name] != sum {
			t.Errorf("%s: %s, is %s", name, sum, found[name])
		}
		delete(found, name)
	}
	if len(found) > 0 {
		t.Errorf("without a checksum: %v", sortedKeys(found))
	}
}

// TestABillNamesWhatAProgramIsMadeOf: its modules with their versions, and Go itself.
func TestABillNamesWhatAProgramIsMadeOf(t *testing.T) {
	var names []string
	for _, p := range allPlatforms() {
		names = append(names, "nautes_"+tested+"_"+p.String())
	}
	names = append(names, "manager_"+tested+"_linux_amd64", "manager_"+tested+"_linux_arm64")
	for _, name := range names {
		bom := new(cdx.BOM)
		content := published(t, name+".cdx.json")
		must(t, cdx.NewBOMDecoder(bytes.NewReader(content), cdx.BOMFileFormatJSON).Decode(bom))
		if got := bom.Metadata.Component; got.Name != module || got.Version != tested {
			t.Errorf("%s: it is about %s %s", name, got.Name, got.Version)
		}
		if got := bom.Metadata.Timestamp; got != "2023-11-14T22:13:20Z" {
			t.Errorf("%s: of %s", name, got)
		}
		var has []string
		for _, c := range *bom.Components {
			has = append(has, c.Name)
		}
		if !slices.Contains(has, dependency) || !slices.Contains(has, "std") {
			t.Errorf("%s: %v", name, has)
		}
	}
}

func TestOnlyAVersionIsReleased(t *testing.T) {
	for _, version := range []string{"", "0.1.0", "v1", "latest", "v1.2.3+dirty", "v1.2.3/../x"} {
		r := &release{root: repository, version: version}
		if err := r.complete(t.Context(), "1"); err == nil {
			t.Errorf("%q is a version", version)
		}
	}
	r := &release{root: repository, version: "v1.2.3-rc.1"}
	must(t, r.complete(t.Context(), "1"))
}

func TestThePlatformsOfATry(t *testing.T) {
	got, err := chosen("linux/arm64,windows/amd64")
	must(t, err)
	if !slices.Equal(got, []platform{{"linux", "arm64"}, {"windows", "amd64"}}) {
		t.Error(got)
	}
	for _, list := range []string{"linux", "linux/mips", "darwin/arm64", "linux/amd64,"} {
		if got, err := chosen(list); err == nil {
			t.Errorf("%s: %v", list, got)
		}
	}
}

// TestADirectoryWithOtherFilesIsLeftAlone: it may be a typing mistake.
func TestADirectoryWithOtherFilesIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	must(t, isRelease(filepath.Join(dir, "absent")))
	must(t, isRelease(dir))
	must(t, write(filepath.Join(dir, "thesis.txt"), nil))
	if err := isRelease(dir); err == nil || !strings.Contains(err.Error(), "other files") {
		t.Error(err)
	}
	must(t, write(filepath.Join(dir, sums), nil))
	must(t, isRelease(dir))
}

// TestTheSourceIsCommitted: the time is the commit's, and a change that is not committed is refused.
func TestTheSourceIsCommitted(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"GIT_AUTHOR", "GIT_COMMITTER"} {
		t.Setenv(name+"_NAME", "dev")
		t.Setenv(name+"_EMAIL", "dev@example.com")
		t.Setenv(name+"_DATE", "1700000000 +0800")
	}
	must(t, write(filepath.Join(dir, "a"), nil))
	for _, args := range [][]string{{"init", "-q"}, {"add", "a"}, {"commit", "-qm", "a"}} {
		_, err := git(t.Context(), dir, args...)
		must(t, err)
	}
	at, err := sourceTime(t.Context(), dir, "")
	must(t, err)
	if !at.Equal(commit) || len(revision(t.Context(), dir)) != 40 {
		t.Errorf("%s, %s", at, revision(t.Context(), dir))
	}
	must(t, isClean(t.Context(), dir))
	must(t, write(filepath.Join(dir, "b"), nil))
	if err := isClean(t.Context(), dir); err == nil || !strings.Contains(err.Error(), "b") {
		t.Error(err)
	}
}
