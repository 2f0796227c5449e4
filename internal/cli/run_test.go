package cli

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nautes-labs/deployment-runtime/internal/secret"
)

var update = flag.Bool("update", false, "write the golden files anew")

// setting changes what a test runs the program with.
type setting func(*Surroundings)

type result struct {
	code           int
	stdout, stderr string
}

// nautes runs one command line as a user would who has set API_SERVER, GIT_TOKEN and PRODUCT. The canary must not be in
// what it prints.
func nautes(t *testing.T, server *apiServer, args []string, settings ...setting) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	s := Surroundings{
		Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr,
		Defaults:  Defaults{Token: secret.New(canary), Product: "nautes-labs"},
		ConfigDir: t.TempDir(),
		Now:       func() time.Time { return time.Unix(0, 0) },
		Wait:      func(context.Context, time.Duration) error { return nil },
		Random:    func() float64 { return 0.5 },
		Version:   "v1.2.3",
	}
	if server != nil {
		s.Defaults.APIServer = server.url
	}
	for _, set := range settings {
		set(&s)
	}
	r := result{code: Run(t.Context(), s, args)}
	r.stdout, r.stderr = stdout.String(), stderr.String()
	for where, text := range map[string]string{"stdout": r.stdout, "stderr": r.stderr} {
		if strings.Contains(text, canary) {
			t.Errorf("the token is printed to %s:\n%s", where, text)
		}
	}
	return r
}

func stdin(text string) setting {
	return func(s *Surroundings) { s.Stdin = strings.NewReader(text) }
}

func terminalOf(columns int) setting {
	return func(s *Surroundings) { s.Terminal = Terminal{Width: columns} }
}

func coloured() setting {
	return func(s *Surroundings) { s.Terminal.Colour, s.ColourErrors = true, true }
}

func noProduct() setting {
	return func(s *Surroundings) { s.Defaults.Product = "" }
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (go test -update writes it anew):\n%s", file, diff)
	}
}

func expect(t *testing.T, r result, code int) {
	t.Helper()
	if r.code != code {
		t.Fatalf("exit code %d, want %d\nstdout: %s\nstderr: %s", r.code, code, r.stdout, r.stderr)
	}
}

func same(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
