package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// developer is a person with an account in GitLab and a terminal: a home directory and the environment of its shell.
// What the user of this machine has configured plays no part.
type developer struct {
	home  string
	token string
	env   []string
}

// gitConfig lets git ask for the token where it is: in the environment of the shell.
const gitConfig = `[user]
	name = Dana Developer
	email = ` + userEmail + `
[init]
	defaultBranch = main
[credential]
	helper = "!f() { echo username=oauth2; echo \"password=$GIT_TOKEN\"; }; f"
`

func newDeveloper(directory, apiServer, product, token string) (*developer, error) {
	home := filepath.Join(directory, "developer")
	if err := os.Mkdir(home, 0o700); err != nil {
		return nil, fmt.Errorf("making the developer's home directory: %w", err)
	}
	config := filepath.Join(home, ".gitconfig")
	if err := os.WriteFile(config, []byte(gitConfig), 0o600); err != nil {
		return nil, fmt.Errorf("writing the developer's configuration of git: %w", err)
	}
	return &developer{home: home, token: token, env: []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home, "XDG_CONFIG_HOME=" + filepath.Join(home, ".config"),
		"no_proxy=127.0.0.1",
		"GIT_CONFIG_GLOBAL=" + config, "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
		"API_SERVER=" + apiServer, "PRODUCT=" + product, "GIT_TOKEN=" + token,
	}}, nil
}

// command is a program that runs in the developer's home.
func (d *developer) command(ctx context.Context, input, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.Env, cmd.Stdin = d.home, d.env, strings.NewReader(input)
	return cmd
}

// run runs a program and returns all that it said.
func (d *developer) run(ctx context.Context, input, program string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, commandLimit)
	defer cancel()
	out, err := d.command(ctx, input, program, args...).CombinedOutput()
	return string(out), err
}

// nautes shows the command line, runs it and shows what it says.
func (s *stage) nautes(ctx context.Context, input string, args ...string) error {
	out, err := s.runNautes(ctx, input, args...)
	if err != nil {
		return fmt.Errorf("running nautes %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}

// nautesRefuses is nautes where the exit code 2 is what is wanted: the server found the input invalid.
func (s *stage) nautesRefuses(ctx context.Context, input, because string, args ...string) error {
	const invalid = 2
	out, err := s.runNautes(ctx, input, args...)
	code := 0
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		return fmt.Errorf("running nautes %s: %w", strings.Join(args, " "), err)
	}
	if code != invalid || !strings.Contains(out, because) {
		return fmt.Errorf("running nautes %s: want exit code %d because of %s, got %d: %s", strings.Join(args, " "),
			invalid, because, code, out)
	}
	s.say("nautes ended with exit code %d: invalid", code)
	return nil
}

func (s *stage) runNautes(ctx context.Context, input string, args ...string) (string, error) {
	s.command(append([]string{"nautes"}, args...), input)
	out, err := s.developer.run(ctx, input, filepath.Join(s.root, nautes), args...)
	s.output(out)
	return out, err
}

// clone clones a repository of the product in GitLab.
func (s *stage) clone(ctx context.Context, repository string) error {
	return s.git(ctx, "clone", "--quiet", s.gitlab.URL()+"/"+group+"/"+repository+".git")
}

// git shows a command, runs it in the developer's home and shows what it says.
func (s *stage) git(ctx context.Context, args ...string) error {
	s.command(append([]string{"git"}, args...), "")
	out, err := s.developer.run(ctx, "", "git", args...)
	if err != nil {
		return fmt.Errorf("running git %s: %w: %s", strings.Join(args, " "), err, s.masked(out))
	}
	s.output(out)
	return nil
}

// write writes a file in one of the developer's checkouts.
func (s *stage) write(checkout, file, content string) error {
	path := filepath.Join(s.developer.home, checkout, filepath.FromSlash(file))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("writing %s: %w", file, err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		return fmt.Errorf("writing %s: %w", file, err)
	}
	return nil
}

// commit commits everything in a checkout and pushes it, and returns the commit.
func (s *stage) commit(ctx context.Context, checkout, message string) (string, error) {
	for _, args := range [][]string{{"add", "--all"}, {"commit", "--quiet", "--message", message},
		{"push", "--quiet", "origin", "main"}} {
		if err := s.git(ctx, append([]string{"-C", checkout}, args...)...); err != nil {
			return "", err
		}
	}
	s.gap()
	return s.head(ctx, checkout)
}

// head returns the last commit of a checkout.
func (s *stage) head(ctx context.Context, checkout string) (string, error) {
	out, err := s.developer.run(ctx, "", "git", "-C", checkout, "rev-parse", "HEAD")
	if err != nil {
		return "", fmt.Errorf("reading the last commit of %s: %w: %s", checkout, err, out)
	}
	return strings.TrimSpace(out), nil
}

// runtimeURL is the address of a runtime in the REST API, written as in the guide.
func (s *stage) runtimeURL(name string) string {
	return "HTTP://" + s.apiAddress + "/api/v1/products/" + group + "/deploymentruntimes/" + name
}

// curl shows the request as the guide does, sends it with the real curl if there is one, and shows the answer, indented
// for people.
func (s *stage) curl(ctx context.Context, method, url, body string, answer any) error {
	headers := []string{"accept: application/json"}
	if body != "" {
		headers = append(headers, "Content-Type: application/json")
	}
	headers = append(headers, "Authorization: Bearer "+s.developer.token)
	text, err := s.send(ctx, method, url, body, headers)
	if err != nil {
		return err
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, []byte(text), "", "  "); err != nil {
		return fmt.Errorf("reading the answer to %s %s: %w: %s", method, url, err, text)
	}
	s.output(pretty.String())
	if err := json.Unmarshal([]byte(text), answer); err != nil {
		return fmt.Errorf("reading the answer to %s %s: %w: %s", method, url, err, text)
	}
	return nil
}

// send shows the curl line and runs it; where there is no curl, it sends the very same request itself.
func (s *stage) send(ctx context.Context, method, url, body string, headers []string) (string, error) {
	args, lines := []string{"-X", method, url}, []string{"curl -X '" + method + "'", "'" + url + "'"}
	for _, h := range headers {
		args, lines = append(args, "-H", h), append(lines, "-H '"+h+"'")
	}
	if body != "" {
		args, lines = append(args, "-d", body), append(lines, "-d '"+body+"'")
	}
	s.shell(strings.Join(lines, " \\\n    "))
	curl, err := exec.LookPath("curl")
	if err != nil {
		s.say("There is no curl on PATH: this program sends the same request.")
		return request(ctx, method, url, body, headers)
	}
	ctx, cancel := context.WithTimeout(ctx, commandLimit)
	defer cancel()
	cmd := s.developer.command(ctx, "", curl, args...)
	var progress bytes.Buffer
	cmd.Stderr = &progress
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("running curl: %w: %s", err, s.masked(progress.String()))
	}
	return string(out), nil
}

// request sends what curl would send.
func request(ctx context.Context, method, url, body string, headers []string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, commandLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return "", fmt.Errorf("building the request: %w", err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", fmt.Errorf("sending the request: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", fmt.Errorf("reading the answer: %w", err)
	}
	return string(text), nil
}
