package main

import (
	"bytes"
	"crypto/x509"
	"debug/elf"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// layoutOf unpacks an archive of an OCI layout.
func layoutOf(t *testing.T, archive string, content []byte) string {
	t.Helper()
	dir := t.TempDir()
	for _, e := range unpacked(t, archive, content) {
		must(t, write(filepath.Join(dir, e.name), e.content))
	}
	return dir
}

// imagesOf returns the images of a layout by platform, after a check that everything is what its digest says.
func imagesOf(t *testing.T, dir string) (v1.Hash, map[platform]v1.Image) {
	t.Helper()
	outer, err := layout.ImageIndexFromPath(dir)
	must(t, err)
	manifest, err := outer.IndexManifest()
	must(t, err)
	if len(manifest.Manifests) != 1 || manifest.Manifests[0].MediaType != types.OCIImageIndex {
		t.Fatalf("the layout holds %+v", manifest.Manifests)
	}
	digest := manifest.Manifests[0].Digest
	index, err := outer.ImageIndex(digest)
	must(t, err)
	must(t, validate.Index(index))
	inner, err := index.IndexManifest()
	must(t, err)
	out := map[platform]v1.Image{}
	for _, m := range inner.Manifests {
		image, err := index.Image(m.Digest)
		must(t, err)
		out[platform{m.Platform.OS, m.Platform.Architecture}] = image
	}
	return digest, out
}

// contentOf returns the files that a container of the image would see.
func contentOf(t *testing.T, image v1.Image) map[string]entry {
	t.Helper()
	r := mutate.Extract(image)
	content, err := io.ReadAll(r)
	must(t, err)
	must(t, r.Close())
	return unpacked(t, "image.tar", content)
}

const serverImage = "deployment-runtime-image_" + tested + ".oci.tar"

// TestTheImageHoldsProgramsForItsPlatform: static ones, of that machine, and what they need to run as nobody.
func TestTheImageHoldsProgramsForItsPlatform(t *testing.T) {
	_, images := imagesOf(t, layoutOf(t, serverImage, published(t, serverImage)))
	if len(images) != 2 {
		t.Fatalf("images for %v", images)
	}
	for arch, machine := range map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64} {
		image := images[platform{"linux", arch}]
		has := contentOf(t, image)
		for _, program := range []string{"manager", "nautes"} {
			f, err := elf.NewFile(bytes.NewReader(has[program].content))
			must(t, err)
			if f.Machine != machine {
				t.Errorf("%s in the image for %s is for %s", program, arch, f.Machine)
			}
			for _, section := range f.Progs {
				if section.Type == elf.PT_INTERP {
					t.Errorf("%s needs a loader, which the image lacks", program)
				}
			}
			if has[program].mode != 0o755 {
				t.Errorf("%s has mode %o", program, has[program].mode)
			}
		}
		if pool := x509.NewCertPool(); !pool.AppendCertsFromPEM(has["etc/ssl/certs/ca-certificates.crt"].content) {
			t.Error("no certificates")
		}
		if !strings.Contains(string(has["etc/passwd"].content), "nonroot:x:65532:65532:") {
			t.Errorf("users: %s", has["etc/passwd"].content)
		}
		c, err := image.ConfigFile()
		must(t, err)
		if c.Architecture != arch || c.Config.User != "65532:65532" ||
			!slices.Equal(c.Config.Entrypoint, []string{"/manager"}) ||
			!c.Created.Equal(commit) || c.Config.Labels["org.opencontainers.image.version"] != tested {
			t.Errorf("%+v", c)
		}
	}
}

func startRegistry(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

// TestTheDocumentedWayToPushTheImageKeepsItsDigest: the block of the page, with crane itself. The chart names the image by
// this digest.
func TestTheDocumentedWayToPushTheImageKeepsItsDigest(t *testing.T) {
	tools, dir := t.TempDir(), t.TempDir()
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(tools, "crane"),
		"github.com/google/go-containerregistry/cmd/crane").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	page, err := os.ReadFile(filepath.Join(repository, "docs", "howto", "install.md"))
	must(t, err)
	_, block, _ := strings.Cut(string(page), "```sh\nmkdir image")
	block, _, found := strings.Cut(block, "```")
	if !found {
		t.Fatal("the page has no block that begins with mkdir image")
	}
	local := startRegistry(t)
	must(t, write(filepath.Join(dir, serverImage), published(t, serverImage)))
	push := exec.CommandContext(t.Context(), "bash", "-euc",
		"mkdir image"+strings.ReplaceAll(block, "registry.example.com", local))
	push.Dir = dir
	push.Env = append(os.Environ(), "PATH="+tools+string(os.PathListSeparator)+os.Getenv("PATH"))
	if out, err := push.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want, _ := imagesOf(t, filepath.Join(dir, "image"))
	ref, err := name.NewTag(local + "/deployment-runtime:" + tested)
	must(t, err)
	got, err := remote.Index(ref)
	must(t, err)
	if digest, err := got.Digest(); err != nil || digest != want {
		t.Errorf("pushed as %s, the layout says %s: %v", digest, want, err)
	}
}

// TestTheImageForCIExtendsItsBase: for each platform the base's own, with the command line, and a shell to begin with.
func TestTheImageForCIExtendsItsBase(t *testing.T) {
	base, digest := pushBase(t)
	r := &release{version: tested, time: commit, platforms: allPlatforms(), ciBase: base + "@" + digest,
		log: &bytes.Buffer{}, out: t.TempDir(), work: t.TempDir()}
	for _, p := range r.served() {
		must(t, write(r.binary(p, "nautes"), []byte("nautes for "+p.arch)))
	}
	must(t, r.ciImage(t.Context()))
	dir := filepath.Join(r.work, "ci-image")
	_, images := imagesOf(t, dir)
	for _, arch := range []string{"amd64", "arm64"} {
		image := images[platform{"linux", arch}]
		layers, err := image.Layers()
		must(t, err)
		own, err := layers[len(layers)-1].Uncompressed()
		must(t, err)
		content, err := io.ReadAll(own)
		must(t, err)
		has := unpacked(t, "layer.tar", content)
		if got := string(has["usr/local/bin/nautes"].content); got != "nautes for "+arch {
			t.Errorf("%s: %s", arch, got)
		}
		c, err := image.ConfigFile()
		must(t, err)
		if len(layers) != 2 || len(c.Config.Entrypoint) > 0 || !slices.Equal(c.Config.Cmd, []string{"sh"}) ||
			!slices.Contains(c.Config.Env, "OF=the base") {
			t.Errorf("%d layers, %+v", len(layers), c.Config)
		}
	}
}

func TestWithoutABaseTheReleaseSaysThatItHasNoImageForCI(t *testing.T) {
	said := &bytes.Buffer{}
	must(t, (&release{log: said}).ciImage(t.Context()))
	if !strings.Contains(said.String(), "NO IMAGE FOR CI") {
		t.Error(said)
	}
}

// pushBase pushes an image for two platforms, whose entrypoint is git, to a registry.
func pushBase(t *testing.T) (repository, digest string) {
	t.Helper()
	repository = startRegistry(t) + "/git"
	var all []mutate.IndexAddendum
	for _, arch := range []string{"amd64", "arm64"} {
		image, err := random.Image(64, 1)
		must(t, err)
		c, err := image.ConfigFile()
		must(t, err)
		c.OS, c.Architecture = "linux", arch
		c.Config.Entrypoint, c.Config.Env = []string{"git"}, []string{"OF=the base"}
		image, err = mutate.ConfigFile(image, c)
		must(t, err)
		all = append(all, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{
			Platform: &v1.Platform{OS: "linux", Architecture: arch}}})
	}
	index := mutate.AppendManifests(empty.Index, all...)
	ref, err := name.NewTag(repository + ":1")
	must(t, err)
	must(t, remote.WriteIndex(ref, index))
	hash, err := index.Digest()
	must(t, err)
	return repository, hash.String()
}
