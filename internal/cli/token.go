package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/secret"
)

const (
	keyringService = "nautes"
	maxToken       = 16 << 10
)

// findToken returns the token from the first of these that has one: a flag, GIT_TOKEN, what `login` stored for the
// server. A zero token means that none has one.
func (g *global) findToken(ctx context.Context) (secret.Token, error) {
	switch {
	case g.token == "-":
		return readToken(g.Stdin, "stdin")
	case g.token != "":
		return secret.New(g.token), nil
	case g.tokenFile != "":
		return tokenFromFile(g.tokenFile)
	case g.gitCredential != "":
		return g.tokenFromGit(ctx)
	case !g.Defaults.Token.IsZero():
		return g.Defaults.Token, nil
	}
	return g.tokenFromStore()
}

func tokenFromFile(name string) (secret.Token, error) {
	f, err := os.Open(name)
	if err != nil {
		return secret.Token{}, usage("reading --token-file: %v", err)
	}
	defer func() { _ = f.Close() }()
	return readToken(f, name)
}

// readToken reads a token that stands alone; white space around it does not count.
func readToken(from io.Reader, where string) (secret.Token, error) {
	data, err := io.ReadAll(io.LimitReader(from, maxToken+1))
	if errors.Is(err, context.Canceled) {
		return secret.Token{}, err
	}
	if err != nil {
		return secret.Token{}, usage("reading the token from %s: %v", where, err)
	}
	return tokenOf(string(data), where)
}

func tokenOf(text, where string) (secret.Token, error) {
	text = strings.TrimSpace(text)
	if text == "" || len(text) > maxToken ||
		strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return secret.Token{}, usage("%s holds no token: it must be one word of printable characters", where)
	}
	return secret.New(text), nil
}

// tokenFromGit asks git's credential helpers. git must not prompt, so that a script never hangs.
func (g *global) tokenFromGit(ctx context.Context) (secret.Token, error) {
	u, err := url.Parse(g.gitCredential)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") ||
		strings.ContainsAny(g.gitCredential, "\r\n\x00") {
		return secret.Token{},
			usage("--git-credential must be the address of a git host, such as https://gitlab.example.com")
	}
	cmd := exec.CommandContext(ctx, "git", "-c", "core.askPass=", "credential", "fill")
	cmd.Env = append(append([]string{}, g.Environ...), "GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=", "SSH_ASKPASS=")
	cmd.Stdin = strings.NewReader(fmt.Sprintf("protocol=%s\nhost=%s\n\n", u.Scheme, u.Host))
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Run(); err == nil {
		lines := bufio.NewScanner(&out)
		for lines.Scan() {
			if password, ok := strings.CutPrefix(lines.Text(), "password="); ok {
				return tokenOf(password, "what git keeps for "+u.Host)
			}
		}
	}
	return secret.Token{}, problem.New(problem.Unauthenticated, problem.ReasonNoToken,
		`git has no credential for %s: store one with "git credential approve", or give the token in another way`,
		u.Host)
}

// tokenFromStore returns the token that login stored for the server.
func (g *global) tokenFromStore() (secret.Token, error) {
	if g.apiServer == "" {
		return secret.Token{}, nil
	}
	if g.Keyring != nil {
		if value, err := g.Keyring.Get(keyringService, g.account()); err == nil && value != "" {
			return secret.New(value), nil
		}
	}
	file, err := g.credentialsFile()
	if err != nil {
		return secret.Token{}, nil //nolint:nilerr // without a place for the file there is no file
	}
	kept, err := readCredentials(file)
	if err != nil {
		return secret.Token{}, err
	}
	return secret.New(kept[g.account()]), nil
}

// account is the name under which a token is stored: the part of the server's address that identifies the server.
func (g *global) account() string {
	u, err := url.Parse(g.apiServer)
	if err != nil {
		return g.apiServer
	}
	return strings.ToLower(u.Scheme + "://" + u.Host)
}

func (g *global) credentialsFile() (string, error) {
	if g.ConfigDir == "" {
		return "", usage("there is no place for the file of the token: set HOME or XDG_CONFIG_HOME")
	}
	return filepath.Join(g.ConfigDir, "nautes", "credentials.json"), nil
}

// readCredentials returns the tokens of a file, by server. A file that others can read is refused, as ssh does.
func readCredentials(file string) (map[string]string, error) {
	info, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return map[string]string{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking at %s: %w", file, err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, problem.New(problem.Forbidden, problem.ReasonCredentialsReadable,
			"%s holds tokens and can be read by others: run chmod 600 on it, and make new tokens if others had access",
			file)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	kept := map[string]string{}
	if json.Unmarshal(data, &kept) != nil { // its error would quote the file
		return nil, usage("%s is damaged: delete it and run nautes login", file)
	}
	return kept, nil
}

// writeCredentials replaces the file as a whole, readable by its owner alone from the first byte on.
func writeCredentials(file string, kept map[string]string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return fmt.Errorf("making a place for the token: %w", err)
	}
	data, err := json.MarshalIndent(kept, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the tokens: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(file), ".credentials-*") // mode 0600
	if err != nil {
		return fmt.Errorf("writing the token: %w", err)
	}
	_, err = f.Write(append(data, '\n'))
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("writing the token: %w", err)
	}
	return nil
}
