package main

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	repository = "../.."
	tested     = "v0.1.0"
	// dependency is a small module, which this repository depends on as well.
	dependency = "github.com/kballard/go-shellquote"
)

// source returns the source of a release: the chart, the manifests and the documentation of this repository, with small
// programs in the place of ours, because a build of ours for six platforms takes minutes. `make release-check` takes
// the whole repository.
func source(dir string) error {
	for _, from := range []string{"charts", "config", "LICENSE", "CHANGELOG.md", "internal/version/version.go"} {
		if err := copyTo(filepath.Join(dir, from), filepath.Join(repository, from)); err != nil {
			return err
		}
	}
	const path = "github.com/nautes-labs/deployment-runtime"
	program := "package main\n\nimport (\n\t\"os\"\n\n\t\"" + dependency + "\"\n\t\"" + path + "/internal/version\"\n)\n\n" +
		"func main() { os.Stdout.WriteString(shellquote.Join(version.String()) + \"\\n\") }\n"
	const clidocs = `package main

import ("os"; "path/filepath")

func main() {
	for _, name := range []string{"man/nautes.1", "completions/nautes.bash"} {
		file := filepath.Join(os.Args[2], name)
		if os.MkdirAll(filepath.Dir(file), 0o755) != nil ||
			os.WriteFile(file, []byte(os.Getenv("SOURCE_DATE_EPOCH")), 0o644) != nil {
			os.Exit(1)
		}
	}
}
`
	known, err := os.ReadFile(filepath.Join(repository, "go.sum"))
	if err != nil {
		return err
	}
	var listed []string
	for line := range strings.Lines(string(known)) {
		if strings.HasPrefix(line, dependency+" ") {
			listed = append(listed, line)
		}
	}
	for name, content := range map[string]string{
		"go.mod":  "module " + path + "\n\ngo 1.26.0\n\nrequire " + dependency + " " + strings.Fields(listed[0])[1] + "\n",
		"go.sum":  strings.Join(listed, ""),
		"main.go": program, "cmd/nautes/main.go": program, "hack/clidocs/main.go": clidocs,
	} {
		if err := write(filepath.Join(dir, name), []byte(content)); err != nil {
			return err
		}
	}
	return nil
}

func copyTo(to, from string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		below, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		return write(filepath.Join(to, below), content)
	})
}

func write(file string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, content, 0o644)
}

// written is the directory of a release that the tests look at; it is made once.
var written = sync.OnceValues(func() (string, error) {
	key, err := newKey(scratch, "")
	if err != nil {
		return "", err
	}
	return build(filepath.Join(scratch, "first"), &release{key: key})
})

// scratch is a directory for all tests; TestMain alone sets it.
var scratch string

func TestMain(m *testing.M) {
	var err error
	if scratch, err = os.MkdirTemp("", "release-test-"); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(scratch)
	os.Exit(code)
}

// build makes the source in a directory and the release beside it.
func build(dir string, r *release) (string, error) {
	r.root = filepath.Join(dir, "source")
	if err := source(r.root); err != nil {
		return "", err
	}
	r.version, r.image, r.platforms = tested, "registry.example.com/deployment-runtime", allPlatforms()
	if r.log == nil {
		r.log = &bytes.Buffer{}
	}
	if err := r.complete(context.Background(), "1700000000"); err != nil {
		return "", err
	}
	out := filepath.Join(dir, "dist")
	return out, r.replace(context.Background(), out)
}

func dist(t *testing.T) string {
	t.Helper()
	dir, err := written()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func published(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dist(t), name))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var commit = time.Unix(1700000000, 0).UTC()
