package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// git runs the git command as a person with that token, without the settings of whoever runs the benchmark.
func git(ctx context.Context, dir, token, stdin string, args ...string) error {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull,
		"GIT_TERMINAL_PROMPT=0", "LC_ALL=C",
		"GIT_AUTHOR_NAME=Bench", "GIT_AUTHOR_EMAIL=bench@example.com", "GIT_COMMITTER_NAME=Bench",
		"GIT_COMMITTER_EMAIL=bench@example.com",
		"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=http.extraHeader",
		"GIT_CONFIG_VALUE_0=Authorization: Basic "+base64.StdEncoding.EncodeToString([]byte("oauth2:"+token)))
	cmd.Stdin = strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(string(out)))
	}
	return nil
}

// clone is the yardstick's working copy.
type clone struct{ dir, token string }

// makeClone is the first third of the yardstick.
func (w *world) makeClone(ctx context.Context, p product, token string) (clone, error) {
	dir, err := os.MkdirTemp(w.dir, "clone-")
	if err != nil {
		return clone{}, err
	}
	return clone{dir, token}, git(ctx, dir, token, "", "clone", "--quiet", "--depth", "1", "--branch", "main",
		w.gitlab.URL+"/"+p.path+"/default.project.git", ".")
}

func (c clone) remove() { _ = os.RemoveAll(c.dir) }

// commit and push are the rest.
func (c clone) commit(ctx context.Context, file, text string) error {
	if err := os.WriteFile(filepath.Join(c.dir, filepath.FromSlash(file)), []byte(text), 0o644); err != nil {
		return err
	}
	return git(ctx, c.dir, c.token, "", "commit", "--quiet", "--message", "Save "+file, file)
}

func (c clone) push(ctx context.Context) error {
	return git(ctx, c.dir, c.token, "", "push", "--quiet", "origin", "HEAD:main")
}

// restart puts the working copy on what main is now: less work than another clone.
func (c clone) restart(ctx context.Context) error {
	if err := git(ctx, c.dir, c.token, "", "fetch", "--quiet", "--depth", "1", "origin", "main"); err != nil {
		return err
	}
	return git(ctx, c.dir, c.token, "", "reset", "--quiet", "--hard", "FETCH_HEAD")
}

// isRace says whether a push was refused because somebody else's came first.
func isRace(err error) bool {
	return err != nil && strings.Contains(err.Error(), "rejected]") && !strings.Contains(err.Error(), "hook declined")
}

// holds says whether a file holds a text.
func (c clone) holds(file, text string) error {
	data, err := os.ReadFile(filepath.Join(c.dir, filepath.FromSlash(file)))
	if err == nil && !strings.Contains(string(data), text) {
		err = fmt.Errorf("%s lacks %q", file, text)
	}
	return err
}
