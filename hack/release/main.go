// Command release writes a release to a directory: archives of the command line, the container image, the Helm chart and
// the same as plain manifests, bills of material, checksums, and with a key a signature. `make release` runs it.
//
// Two runs of one commit with one version of Go write the same bytes: every time in the files is the commit's, entries are
// sorted, and nothing tells who built it, when and where.
//
// It is a module of its own, so that its libraries are none of the servers'.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "release: %v\n", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop has just been called.
	}
}

func run(ctx context.Context, args []string) error {
	r := &release{log: os.Stderr, keyText: os.Getenv("COSIGN_PRIVATE_KEY"), password: os.Getenv("COSIGN_PASSWORD")}
	var out, platforms string
	var dirty bool
	flags := flag.NewFlagSet("release", flag.ContinueOnError)
	flags.StringVar(&r.root, "root", ".", "root of the repository")
	flags.StringVar(&out, "out", "dist", "directory that is written anew, below the root if it is relative")
	flags.StringVar(&r.version, "version", "", "version, such as v1.2.3")
	flags.StringVar(&platforms, "platforms", "", "only these, such as linux/amd64,linux/arm64, for a try; default: all")
	flags.StringVar(&r.image, "image", defaultImage, "where the image of the servers is going to be pushed, without a tag")
	flags.StringVar(&r.ciBase, "ci-base", "", "image with a shell and git, by digest; with it the image for CI is written")
	flags.StringVar(&r.key, "key", "", "file with the private key that signs; encrypted ones need COSIGN_PASSWORD "+
		"(default: the text in COSIGN_PRIVATE_KEY, as pipelines keep it; without both nothing is signed)")
	flags.BoolVar(&dirty, "dirty", false, "also with changes that are not committed")
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("reading the flags: %w", err)
	}
	var err error
	if r.platforms, err = chosen(platforms); err != nil {
		return err
	}
	if err := r.complete(ctx, os.Getenv("SOURCE_DATE_EPOCH")); err != nil {
		return err
	}
	if !dirty {
		if err := isClean(ctx, r.root); err != nil {
			return err
		}
	}
	if !filepath.IsAbs(out) {
		out = filepath.Join(r.root, out)
	}
	return r.replace(ctx, out)
}

const defaultImage = "ghcr.io/nautes-labs/deployment-runtime"

// release is what one run writes.
type release struct {
	// root of the repository.
	root string
	// version of the release: v1.2.3.
	version string
	// time that all files have.
	time time.Time
	// revision is the commit; empty if the source is no git repository.
	revision string
	// image is where the image is going to be pushed.
	image string
	// ciBase is the image that the image for CI extends; empty: none is written.
	ciBase string
	// platforms of the command line; the images are for those of linux.
	platforms []platform
	// key is the file of the private key, keyText is its text where there is no file. Without both nothing is signed.
	key, keyText, password string
	log                    interface{ Write([]byte) (int, error) }

	// out is where the files go, work what they are made of.
	out, work string
}

// complete checks the flags and asks git for the rest.
func (r *release) complete(ctx context.Context, epoch string) error {
	if !regexp.MustCompile(`^v\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$`).MatchString(r.version) {
		return fmt.Errorf("%q is no version: make release VERSION=v1.2.3", r.version)
	}
	root, err := filepath.Abs(r.root)
	if err != nil {
		return fmt.Errorf("finding the repository: %w", err)
	}
	r.root = root
	if r.time, err = sourceTime(ctx, root, epoch); err != nil {
		return err
	}
	r.revision = revision(ctx, root)
	return nil
}

// replace writes the release beside its directory and then puts it in the place of the former one. A directory that holds
// anything but a release is left alone.
func (r *release) replace(ctx context.Context, out string) error {
	if err := isRelease(out); err != nil {
		return err
	}
	fresh, err := os.MkdirTemp(filepath.Dir(out), filepath.Base(out)+"-")
	if err != nil {
		return fmt.Errorf("making a directory: %w", err)
	}
	defer func() { _ = os.RemoveAll(fresh) }()
	if err := r.write(ctx, fresh); err != nil {
		return err
	}
	if err := os.RemoveAll(out); err != nil {
		return fmt.Errorf("removing the former release: %w", err)
	}
	if err := os.Rename(fresh, out); err != nil {
		return fmt.Errorf("putting the release in its place: %w", err)
	}
	return os.Chmod(out, 0o755) //nolint:gosec,wrapcheck // A release is for all to read.
}

func isRelease(dir string) error {
	found, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, os.ErrNotExist) || len(found) == 0 && err == nil:
		return nil
	case err != nil:
		return fmt.Errorf("looking at %s: %w", dir, err)
	}
	if _, err := os.Stat(filepath.Join(dir, sums)); err != nil {
		return fmt.Errorf("%s holds other files than a release: name another directory", dir)
	}
	return nil
}

// write writes the release into an empty directory.
func (r *release) write(ctx context.Context, out string) error {
	work, err := os.MkdirTemp("", "release-")
	if err != nil {
		return fmt.Errorf("making a directory: %w", err)
	}
	defer func() { _ = os.RemoveAll(work) }()
	r.out, r.work = out, work
	for _, step := range []func(context.Context) error{
		r.build, r.archives, r.images, r.bills, r.checksums, r.sign,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (r *release) say(format string, args ...any) {
	fmt.Fprintf(r.log, "release: "+format+"\n", args...)
}
