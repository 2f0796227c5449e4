package cli

import (
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/nautes-labs/deployment-runtime/internal/secret"
)

type memoryKeyring struct {
	kept   map[string]string
	broken bool
}

func (k *memoryKeyring) Get(service, user string) (string, error) {
	if k.broken {
		return "", errors.New("no keyring")
	}
	return k.kept[service+" "+user], nil
}

func (k *memoryKeyring) Set(service, user, password string) error {
	if k.broken {
		return errors.New("no keyring")
	}
	k.kept[service+" "+user] = password
	return nil
}

func (k *memoryKeyring) Delete(service, user string) error {
	delete(k.kept, service+" "+user)
	return nil
}

func noToken(s *Surroundings) { s.Defaults.Token = secret.Token{} }

// authorized returns what the server saw last.
func authorized(s *apiServer) string {
	if len(s.requests) == 0 {
		return ""
	}
	return strings.TrimPrefix(s.requests[len(s.requests)-1].Authorization, "Bearer ")
}

func TestWhereTheTokenComesFrom(t *testing.T) {
	file := write(t, t.TempDir(), "token", "  from-file\n")
	tests := map[string]struct {
		args     []string
		settings []setting
		want     string
		code     int
	}{
		"the environment":              {want: canary},
		"a flag beats the environment": {args: []string{"-t", "from-flag"}, want: "from-flag"},
		"stdin": {args: []string{"-t", "-"}, settings: []setting{stdin("from-stdin\n")},
			want: "from-stdin"},
		"a file, without its line break": {args: []string{"--token-file", file}, want: "from-file"},
		"a file that is not there":       {args: []string{"--token-file", file + "x"}, code: 1},
		"stdin that is empty":            {args: []string{"-t", "-"}, code: 1},
		"a token that breaks a header": {args: []string{"-t", "-"}, settings: []setting{stdin(canary + "\nX: y")},
			code: 1},
		"nothing at all":                  {settings: []setting{noToken}, code: 3},
		"git, of an address that is none": {args: []string{"--git-credential", "gitlab"}, code: 1},
		"git, which must not be tricked":  {args: []string{"--git-credential", "https://h\nhost=evil"}, code: 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := product(t)
			r := nautes(t, s, append([]string{"get", "dr"}, test.args...), test.settings...)
			expect(t, r, test.code)
			same(t, "token", test.want, authorized(s))
		})
	}
}

func TestTheTokenThatGitHas(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Fatal("git is needed:", err)
	}
	home := t.TempDir()
	write(t, home, "credentials", "https://oauth2:from-git@gitlab.example.com\n")
	config := write(t, home, "gitconfig",
		"[credential]\n\thelper = store --file="+filepath.Join(home, "credentials")+"\n")
	git := func(s *Surroundings) {
		s.Environ = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "GIT_CONFIG_GLOBAL=" + config,
			"GIT_CONFIG_SYSTEM=/dev/null"}
	}
	s := product(t)
	expect(t, nautes(t, s, []string{"get", "dr", "--git-credential", "https://gitlab.example.com"}, git), 0)
	same(t, "token", "from-git", authorized(s))
	r := nautes(t, s, []string{"get", "dr", "--git-credential", "https://elsewhere.example.com"}, git)
	expect(t, r, 3)
	if !strings.Contains(r.stderr, "git has no credential for elsewhere.example.com") {
		t.Errorf("stderr: %s", r.stderr)
	}
}

func typing(text string) setting {
	return func(s *Surroundings) {
		s.Interactive, s.ReadSecret = true, func(context.Context) (string, error) { return text, nil }
	}
}

func TestLogin(t *testing.T) {
	anyone := func(t *testing.T) *apiServer { t.Helper(); return product(t) }
	t.Run("into the keyring, and from there", func(t *testing.T) {
		s, keyring := anyone(t), &memoryKeyring{kept: map[string]string{}}
		with := func(s *Surroundings) { s.Keyring = keyring }
		r := nautes(t, s, []string{"login"}, noToken, with, typing(canary))
		expect(t, r, 0)
		same(t, "tried with", canary, authorized(s))
		same(t, "kept", map[string]string{"nautes " + s.url: canary}, keyring.kept)
		expect(t, nautes(t, s, []string{"get", "dr"}, noToken, with), 0)
		same(t, "used", canary, authorized(s))
		expect(t, nautes(t, s, []string{"login", "--forget"}, noToken, with), 0)
		same(t, "kept", map[string]string{}, keyring.kept)
	})
	t.Run("into a file that only the user can read, where there is no keyring", func(t *testing.T) {
		s, dir := anyone(t), t.TempDir()
		with := func(s *Surroundings) { s.Keyring, s.ConfigDir = &memoryKeyring{broken: true}, dir }
		expect(t, nautes(t, s, []string{"login", "-t", "-"}, noToken, with, stdin(canary)), 0)
		file := filepath.Join(dir, "nautes", "credentials.json")
		info, err := os.Stat(file)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Fatalf("%v %v", info, err)
		}
		expect(t, nautes(t, s, []string{"get", "dr"}, noToken, with), 0)
		same(t, "used", canary, authorized(s))
		other := product(t)
		expect(t, nautes(t, other, []string{"get", "dr"}, noToken, with), 3) // a token is for one server
		if err := os.Chmod(file, 0o640); err != nil {
			t.Fatal(err)
		}
		r := nautes(t, s, []string{"get", "dr"}, noToken, with)
		expect(t, r, 3)
		if !strings.Contains(r.stderr, "chmod 600") {
			t.Errorf("stderr: %s", r.stderr)
		}
		if err := os.Chmod(file, 0o600); err != nil {
			t.Fatal(err)
		}
		expect(t, nautes(t, s, []string{"login", "--forget"}, noToken, with), 0)
		expect(t, nautes(t, s, []string{"get", "dr"}, noToken, with), 3)
	})
	t.Run("the newest one counts, wherever it is kept", func(t *testing.T) {
		s, dir, keyring := anyone(t), t.TempDir(), &memoryKeyring{kept: map[string]string{}}
		with := func(s *Surroundings) { s.Keyring, s.ConfigDir = keyring, dir }
		for i, args := range [][]string{{"login"}, {"login", "--file"}, {"login"}} {
			token := "glpat-" + strconv.Itoa(i)
			expect(t, nautes(t, s, args, noToken, with, typing(token)), 0)
			expect(t, nautes(t, s, []string{"get", "dr"}, noToken, with), 0)
			same(t, "used", token, authorized(s))
		}
		data, err := os.ReadFile(filepath.Join(dir, "nautes", "credentials.json"))
		if err != nil || strings.Contains(string(data), "glpat-") {
			t.Errorf("an old token is left in the file: %v %s", err, data)
		}
	})
	t.Run("a damaged file is not quoted", func(t *testing.T) {
		s, dir := anyone(t), t.TempDir()
		write(t, dir, "nautes/credentials.json", `{"x": "`+canary)
		r := nautes(t, s, []string{"get", "dr"}, noToken, func(s *Surroundings) { s.ConfigDir = dir })
		expect(t, r, 1)
	})
	t.Run("a token that the server refuses is not kept", func(t *testing.T) {
		s := newServer(t).on("GET clusters",
			refuse(http.StatusUnauthorized, "UNAUTHENTICATED", "the token has expired"))
		keyring := &memoryKeyring{kept: map[string]string{}}
		r := nautes(t, s, []string{"login"}, typing(canary), func(s *Surroundings) { s.Keyring = keyring })
		expect(t, r, 3)
		same(t, "kept", map[string]string{}, keyring.kept)
	})
	t.Run("a server that cannot say keeps the token", func(t *testing.T) {
		s := newServer(t).on("GET clusters",
			later(refuse(http.StatusServiceUnavailable, "GITLAB_UNAVAILABLE", "no management cluster"), "60"))
		keyring := &memoryKeyring{kept: map[string]string{}}
		r := nautes(t, s, []string{"login"}, typing(canary), func(s *Surroundings) { s.Keyring = keyring })
		expect(t, r, 0)
		same(t, "kept", 1, len(keyring.kept))
	})
	t.Run("without a terminal it says how", func(t *testing.T) {
		r := nautes(t, anyone(t), []string{"login"})
		expect(t, r, 1)
		if !strings.Contains(r.stderr, "nautes login --token -") {
			t.Errorf("stderr: %s", r.stderr)
		}
	})
}
