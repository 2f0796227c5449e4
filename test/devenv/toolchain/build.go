package toolchain

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// build makes sure that the entry holds the given binaries.
func (e *entry) build(ctx context.Context, names []Tool) error {
	e.touch()
	if len(e.missing(names)) == 0 {
		return nil
	}
	return e.locked(ctx, e.title(names), func() error {
		missing := e.missing(names) // Another process may have built them while this one waited.
		if len(missing) == 0 {
			return nil
		}
		what := "building " + e.title(missing)
		say(e.log, "%s: once per machine, may take minutes", what)
		p := newProgress(e.log, what)
		if err := p.during(func() error { return e.compile(ctx, missing) }); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		e.prune()
		say(e.log, "built %s in %s", e.title(missing), p.elapsed(time.Now()))
		return nil
	})
}

func (e *entry) missing(names []Tool) []Tool {
	var missing []Tool
	for _, n := range names {
		if !e.has(e.binary(n)) {
			missing = append(missing, n)
		}
	}
	return missing
}

// locked runs work while no other process changes the entry.
func (e *entry) locked(ctx context.Context, title string, work func() error) error {
	if err := os.MkdirAll(e.dir, 0o750); err != nil {
		return fmt.Errorf("creating the cache entry: %w", err)
	}
	p := newProgress(e.log, "waiting for another process that builds "+title)
	unlock, err := lock(ctx, filepath.Join(e.dir, "lock"), p.tick)
	if err != nil {
		return err
	}
	defer unlock()
	return work()
}

// compile builds into a directory next to the binaries and renames each one when all are complete. No flag changes how
// a package is compiled, as -trimpath would: our own programs need the standard library too, and it is compiled once.
func (e *entry) compile(ctx context.Context, names []Tool) error {
	bin := filepath.Dir(e.binary(names[0]))
	if err := os.MkdirAll(bin, 0o750); err != nil {
		return err
	}
	out, err := os.MkdirTemp(e.dir, "build-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(out) }()

	table := tools()
	args := []string{"build", "-tags", e.module.tags, "-ldflags", e.ldflags, "-o", out + string(filepath.Separator)}
	for _, n := range names {
		args = append(args, table[n].pkg)
	}
	var output bytes.Buffer
	cmd := e.goCommand(ctx, args...)
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("go %s in %s: %w\n%s", strings.Join(args, " "), e.source, err, lastLines(output.String(), 20))
	}
	for _, n := range names {
		if err := os.Rename(filepath.Join(out, outputName(table[n].pkg)), e.binary(n)); err != nil {
			return err
		}
	}
	return nil
}

// outputName is the file name that the go command gives to the binary of a package: the last element of its path
// that is not a major version.
func outputName(pkg string) string {
	base := filepath.Base(pkg)
	if len(base) > 1 && base[0] == 'v' && strings.Trim(base[1:], "0123456789") == "" {
		return filepath.Base(filepath.Dir(pkg))
	}
	return base
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if len(lines) > n {
		lines = lines[len(lines)-n:]
	}
	return strings.Join(lines, "\n")
}
