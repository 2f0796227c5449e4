package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

const module = "github.com/nautes-labs/deployment-runtime"

// platform is an operating system and a processor, as Go names them.
type platform struct{ os, arch string }

func allPlatforms() []platform {
	return []platform{
		{"darwin", "amd64"}, {"darwin", "arm64"},
		{"linux", "amd64"}, {"linux", "arm64"},
		{"windows", "amd64"}, {"windows", "arm64"},
	}
}

func (p platform) String() string { return p.os + "_" + p.arch }

// chosen returns the platforms of a list such as linux/amd64,linux/arm64: all, if it is empty. One of them has to be of
// linux, because the chart names an image.
func chosen(list string) ([]platform, error) {
	if list == "" {
		return allPlatforms(), nil
	}
	var out []platform
	for name := range strings.SplitSeq(list, ",") {
		system, arch, _ := strings.Cut(name, "/")
		p := platform{system, arch}
		if !slices.Contains(allPlatforms(), p) {
			return nil, fmt.Errorf("no platform %q: there are %v", name, allPlatforms())
		}
		out = append(out, p)
	}
	if !slices.ContainsFunc(out, func(p platform) bool { return p.os == "linux" }) {
		return nil, fmt.Errorf("no platform of linux in %q: the image needs one", list)
	}
	return out, nil
}

// executable adds what the platform wants at the end of a program's name.
func (p platform) executable(name string) string {
	if p.os == "windows" {
		return name + ".exe"
	}
	return name
}

// served are the platforms that images are made for.
func (r *release) served() []platform {
	var out []platform
	for _, p := range r.platforms {
		if p.os == "linux" {
			out = append(out, p)
		}
	}
	return out
}

// binary is the path of a program that was built.
func (r *release) binary(p platform, name string) string {
	return filepath.Join(r.work, p.String(), p.executable(name))
}

// build builds both programs, one platform after the other: the compiler uses every core by itself.
func (r *release) build(ctx context.Context) error {
	for _, p := range r.platforms {
		programs := map[string]string{"nautes": "./cmd/nautes"}
		if p.os == "linux" {
			programs["manager"] = "."
		}
		for _, name := range sortedKeys(programs) {
			r.say("building %s for %s", name, p)
			stamp := "-s -w -buildid= -X " + module + "/internal/version.version=" + r.version
			err := r.golang(ctx, []string{"GOOS=" + p.os, "GOARCH=" + p.arch},
				"build", "-ldflags", stamp, "-o", r.binary(p, name), programs[name])
			if err != nil {
				return err
			}
		}
	}
	r.say("writing man pages and completions")
	return r.golang(ctx, []string{"GOOS=" + runtime.GOOS, "GOARCH=" + runtime.GOARCH},
		"run", "./hack/clidocs", r.version, filepath.Join(r.work, "docs"))
}

// golang runs the go command with settings of ours alone, because those of the user change what is built.
func (r *release) golang(ctx context.Context, env []string, args ...string) error {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = r.root
	cmd.Env = append(append(os.Environ(),
		"CGO_ENABLED=0", "GOFLAGS=-trimpath -buildvcs=false", "GOWORK=off", "GOEXPERIMENT=", "GOFIPS140=off",
		"GOAMD64=v1", "GOARM64=v8.0", "SOURCE_DATE_EPOCH="+strconv.FormatInt(r.time.Unix(), 10)), env...)
	cmd.Stdout, cmd.Stderr = r.log, r.log
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("running go %s: %w", args[0], err)
	}
	return nil
}
