package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// stages returns the instructions of each stage of the Dockerfile, and the base that it begins with.
func stages(t *testing.T) (stage map[string][]string, base map[string]string, last string) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(repository, "Dockerfile"))
	must(t, err)
	stage, base = map[string][]string{}, map[string]string{}
	text := strings.ReplaceAll(string(content), "\\\n", " ")
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		switch {
		case len(words) == 0 || strings.HasPrefix(words[0], "#"):
		case words[0] == "FROM":
			last = words[len(words)-1]
			base[last] = strings.Join(words[1:len(words)-2], " ")
		default:
			stage[last] = append(stage[last], strings.Join(words, " "))
		}
	}
	return stage, base, last
}

// TestTheDockerfileBuildsForThePlatformOfTheImage: on the machine's own compiler. A default for TARGETARCH would win over
// what BuildKit says: an image for arm64 had programs for amd64 then.
func TestTheDockerfileBuildsForThePlatformOfTheImage(t *testing.T) {
	stage, base, last := stages(t)
	if !strings.Contains(base["build"], "--platform=$BUILDPLATFORM ") {
		t.Errorf("it is compiled under emulation: %s", base["build"])
	}
	build := strings.Join(stage["build"], "\n")
	for _, want := range []string{"ARG TARGETOS\n", "ARG TARGETARCH\n", "GOOS=${TARGETOS} GOARCH=${TARGETARCH}",
		"CGO_ENABLED=0"} {
		if !strings.Contains(build, want) {
			t.Errorf("no %q in\n%s", want, build)
		}
	}
	if last != "servers" {
		t.Errorf("without --target %s is built", last)
	}
	for _, image := range []string{"servers", "ci"} {
		if strings.Contains(base[image], "--platform") {
			t.Errorf("%s is for the platform of the machine: %s", image, base[image])
		}
		for _, instruction := range stage[image] {
			if strings.HasPrefix(instruction, "RUN") {
				t.Errorf("%s needs emulation: %s", image, instruction)
			}
		}
	}
	ci := strings.Join(stage["ci"], "\n")
	if strings.Contains(ci, "ENTRYPOINT") || !strings.Contains(ci, "/usr/local/bin/nautes") {
		t.Errorf("ci: %s", ci)
	}
}

// TestThePipelinesOnlyCallMake: what they check is what a developer checks.
func TestThePipelinesOnlyCallMake(t *testing.T) {
	permitted := regexp.MustCompile(`^make (verify|test|release VERSION=\S+)$`)
	called := func(file string, commands []string) {
		t.Helper()
		for _, command := range commands {
			if !permitted.MatchString(command) {
				t.Errorf("%s runs %q", file, command)
			}
		}
		if len(commands) != 3 {
			t.Errorf("%s runs %q", file, commands)
		}
	}
	var workflow struct {
		Jobs map[string]struct {
			Steps []struct{ Run, Uses string }
		}
	}
	read(t, ".github/workflows/ci.yaml", &workflow)
	var commands []string
	for _, name := range sortedKeys(workflow.Jobs) {
		for _, step := range workflow.Jobs[name].Steps {
			if step.Run != "" {
				commands = append(commands, step.Run)
			} else if !strings.HasPrefix(step.Uses, "actions/") {
				t.Errorf("an action of others: %s", step.Uses)
			}
		}
	}
	called("the workflow of GitHub", commands)

	var pipeline map[string]any
	read(t, ".gitlab-ci.yml", &pipeline)
	commands = nil
	for _, name := range sortedKeys(pipeline) {
		job, _ := pipeline[name].(map[string]any)
		script, _ := job["script"].([]any)
		for _, command := range script {
			commands = append(commands, text(command))
		}
		for _, key := range []string{"before_script", "after_script"} {
			if job[key] != nil {
				t.Errorf("%s has a %s", name, key)
			}
		}
	}
	called("the pipeline of GitLab", commands)
}

func read(t *testing.T, name string, into any) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(repository, name))
	must(t, err)
	must(t, yaml.Unmarshal(content, into))
}

// The build of the image gets only the directories that .dockerignore lets through.
func TestTheImageIsBuiltOfAllPackages(t *testing.T) {
	const module = "github.com/nautes-labs/deployment-runtime"
	list := exec.Command("go", "list", "-deps", "-f", "{{.ImportPath}}", ".", "./cmd/nautes")
	list.Dir = repository
	out, err := list.Output()
	must(t, err)
	ignore, err := os.ReadFile(filepath.Join(repository, ".dockerignore"))
	must(t, err)
	lines := strings.Fields(string(ignore))
	found := 0
	for pkg := range strings.Lines(string(out)) {
		dir, ours := strings.CutPrefix(strings.TrimSpace(pkg), module+"/")
		if !ours {
			continue
		}
		found++
		if !slices.ContainsFunc(lines, func(l string) bool {
			allowed, is := strings.CutPrefix(l, "!")
			return is && strings.HasPrefix(dir+"/", allowed)
		}) {
			t.Errorf(".dockerignore leaves out %s, of which the programs are built", dir)
		}
	}
	if found < 20 {
		t.Errorf("only %d packages were looked at", found)
	}
}
