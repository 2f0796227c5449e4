package toolchain

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// KwokStages returns the configuration that makes kwok's nodes ready and pods run at once, and jobs complete.
func (t *Toolchain) KwokStages(ctx context.Context) ([]byte, error) {
	e, err := t.withAssets(ctx, tools()[Kwok].module)
	if err != nil {
		return nil, err
	}
	var stages bytes.Buffer
	for _, name := range []string{"node-initialize", "node-heartbeat-with-lease", "pod-ready",
		"pod-complete", "pod-delete"} {
		data, err := os.ReadFile(filepath.Join(e.assets(), "stages", name+".yaml"))
		if err != nil {
			return nil, fmt.Errorf("reading a stage of kwok: %w", err)
		}
		stages.WriteString("---\n")
		stages.Write(data)
	}
	return stages.Bytes(), nil
}

// ArgoCDManifests returns a directory with files of an Argo CD release: crds/, config/ (the ConfigMaps and the Secret
// of a new installation), workloads/ (which environment variables its programs take from which of them) and programs/
// (scripts that the repo-server runs).
func (t *Toolchain) ArgoCDManifests(ctx context.Context, version string) (string, error) {
	name, err := ArgoCD(version)
	if err != nil {
		return "", err
	}
	e, err := t.withAssets(ctx, tools()[name].module)
	if err != nil {
		return "", err
	}
	return e.assets(), nil
}

// assets is named after what it should hold: a longer list of files costs no new build.
func (e *entry) assets() string {
	return filepath.Join(e.dir, "assets-"+key(fmt.Sprint(e.module.assets)))
}

// withAssets returns the entry of a module once its assets are complete.
func (t *Toolchain) withAssets(ctx context.Context, module string) (*entry, error) {
	e, err := t.entry(ctx, module)
	if err != nil {
		return nil, err
	}
	if e.has(e.assets()) {
		return e, nil
	}
	err = e.locked(ctx, module, func() error {
		if e.has(e.assets()) {
			return nil
		}
		if err := e.copyAssets(ctx); err != nil {
			return fmt.Errorf("copying files of %s: %w", module, err)
		}
		return nil
	})
	return e, err
}

// copyAssets copies into a directory next to the final one and renames it when it is complete.
func (e *entry) copyAssets(ctx context.Context) error {
	if out, err := e.goCommand(ctx, "mod", "download", e.module.assets.module).CombinedOutput(); err != nil {
		return fmt.Errorf("downloading the module: %w\n%s", err, lastLines(string(out), 20))
	}
	out, err := e.goCommand(ctx, "list", "-m", "-f", "{{.Dir}}", e.module.assets.module).Output()
	if err != nil {
		return fmt.Errorf("locating the module: %w", err)
	}
	source := strings.TrimSpace(string(out))
	temporary, err := os.MkdirTemp(e.dir, "copy-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(temporary) }() // Nothing is left of it after the rename.
	for glob, dir := range e.module.assets.files {
		files, err := filepath.Glob(filepath.Join(source, filepath.FromSlash(glob)))
		if err != nil {
			return err
		}
		if len(files) == 0 {
			return fmt.Errorf("%s holds no %s", source, glob)
		}
		if err := copyFiles(files, filepath.Join(temporary, dir)); err != nil {
			return err
		}
	}
	return os.Rename(temporary, e.assets())
}

func copyFiles(files []string, dir string) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		target := filepath.Join(dir, filepath.Base(f))
		if err := os.WriteFile(target, data, 0o600); err != nil { //nolint:gosec // A file name of a pinned module.
			return err
		}
	}
	return nil
}
