// Command nautes is the command line for developers. internal/cli implements it. This file connects it with the
// operating system: only here are the environment, the clock and the terminal read.
package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/zalando/go-keyring"
	"golang.org/x/term"

	"github.com/nautes-labs/deployment-runtime/internal/cli"
	"github.com/nautes-labs/deployment-runtime/internal/secret"
	"github.com/nautes-labs/deployment-runtime/internal/version"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second interrupt ends the program at once
	os.Exit(cli.Run(ctx, surroundings(), os.Args[1:]))
}

func surroundings() cli.Surroundings {
	configDir, err := os.UserConfigDir()
	if err != nil {
		configDir = "" // no home directory: the token must come from another place
	}
	return cli.Surroundings{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Terminal:     terminal(),
		ColourErrors: term.IsTerminal(int(os.Stderr.Fd())) && coloursAreWelcome(),
		Interactive:  term.IsTerminal(int(os.Stdin.Fd())),
		ReadSecret:   readSecret,
		Defaults: cli.Defaults{
			APIServer: os.Getenv("API_SERVER"),
			Token:     secret.New(os.Getenv("GIT_TOKEN")),
			Product:   os.Getenv("PRODUCT"),
		},
		ConfigDir: configDir,
		Keyring:   desktopKeyring{},
		Environ:   os.Environ(),
		Proxy:     http.ProxyFromEnvironment,
		Now:       time.Now,
		Wait:      wait,
		Random:    rand.Float64,
		Version:   version.String(),
		Program:   program(os.Args[0]),
	}
}

// program says how the user calls the program that has this path: kubectl runs kubectl-nautes for "kubectl nautes".
func program(path string) string {
	if strings.TrimSuffix(filepath.Base(path), ".exe") == "kubectl-nautes" {
		return "kubectl nautes"
	}
	return "nautes"
}

func terminal() cli.Terminal {
	fd := int(os.Stdout.Fd())
	if !term.IsTerminal(fd) {
		return cli.Terminal{}
	}
	width, _, err := term.GetSize(fd)
	if err != nil {
		width = 80
	}
	return cli.Terminal{Width: width, Colour: coloursAreWelcome()}
}

func coloursAreWelcome() bool {
	return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// readSecret reads without an echo. It restores the terminal's echo even if the user stops the program.
func readSecret(ctx context.Context) (string, error) {
	fd := int(os.Stdin.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("looking at the terminal: %w", err)
	}
	type line struct {
		text []byte
		err  error
	}
	lines := make(chan line, 1)
	go func() {
		text, err := term.ReadPassword(fd)
		lines <- line{text, err}
	}()
	select {
	case <-ctx.Done():
		return "", errors.Join(ctx.Err(), term.Restore(fd, before))
	case l := <-lines:
		return string(l.text), l.err
	}
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// desktopKeyring is the keyring of the desktop session.
type desktopKeyring struct{}

func (desktopKeyring) Get(service, user string) (string, error) { return keyring.Get(service, user) }

func (desktopKeyring) Set(service, user, password string) error {
	return keyring.Set(service, user, password)
}

func (desktopKeyring) Delete(service, user string) error { return keyring.Delete(service, user) }
