package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nautes-labs/deployment-runtime/internal/cli"
)

// TestEachCommandHasAManPage: of the time that it is told, so that two runs write the same.
func TestEachCommandHasAManPage(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "1700000000")
	first, second := t.TempDir(), t.TempDir()
	for _, dir := range []string{first, second} {
		if err := write(cli.Command("v1.2.3"), "v1.2.3", dir); err != nil {
			t.Fatal(err)
		}
	}
	pages := []string{"man/nautes.1"}
	for _, cmd := range cli.Command("").Commands() {
		pages = append(pages, "man/nautes-"+cmd.Name()+".1")
	}
	if len(pages) < 10 {
		t.Fatalf("only %d pages", len(pages))
	}
	for _, page := range pages {
		got := read(t, first, page)
		if !strings.Contains(got, `"Nov 2023" "nautes v1.2.3"`) {
			t.Errorf("%s begins with %.200s", page, got)
		}
		if again := read(t, second, page); got != again {
			t.Errorf("%s differs", page)
		}
	}
	for _, shell := range []string{"nautes.bash", "_nautes", "nautes.fish", "nautes.ps1"} {
		if got := read(t, first, "completions/"+shell); !strings.Contains(got, "__complete") {
			t.Errorf("%s asks nobody: %.200s", shell, got)
		}
	}
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
