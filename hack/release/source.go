package main

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// sourceTime is the time of the source: SOURCE_DATE_EPOCH, or when it was committed.
func sourceTime(ctx context.Context, root, epoch string) (time.Time, error) {
	if epoch == "" {
		out, err := git(ctx, root, "log", "-1", "--format=%ct")
		if err != nil {
			return time.Time{}, fmt.Errorf("asking git when the source was committed; SOURCE_DATE_EPOCH could say it: %w", err)
		}
		epoch = out
	}
	seconds, err := strconv.ParseInt(epoch, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("reading the time of the source: %w", err)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// revision is the commit of the source; empty if there is none.
func revision(ctx context.Context, root string) string {
	out, err := git(ctx, root, "rev-parse", "HEAD")
	if err != nil {
		return ""
	}
	return out
}

// isClean refuses a source that no commit holds: nobody else could build the release again.
func isClean(ctx context.Context, root string) error {
	out, err := git(ctx, root, "status", "--porcelain")
	if err != nil {
		return err
	}
	if out != "" {
		return fmt.Errorf("these files are not committed, so nobody else could build this release "+
			"(-dirty does it all the same):\n%s", out)
	}
	return nil
}

func git(ctx context.Context, root string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("running git %s: %w", strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out)), nil
}
