package cli

import (
	"net/http"
	"os/exec"
	"strings"
	"testing"
)

func TestHelp(t *testing.T) {
	for _, command := range []string{"", "apply", "remove", "get", "delete", "validate", "diff", "migrate",
		"status", "login"} {
		t.Run("of "+command, func(t *testing.T) {
			args := []string{"--help"}
			if command != "" {
				args = []string{command, "--help"}
			}
			r := nautes(t, nil, args)
			expect(t, r, 0)
			golden(t, "help-"+command, r.stdout)
		})
	}
}

func TestVersion(t *testing.T) {
	for _, args := range [][]string{{"version"}, {"--version"}} {
		r := nautes(t, nil, args)
		expect(t, r, 0)
		same(t, "stdout", "v1.2.3\n", r.stdout)
	}
}

// TestTextsAsAPluginOfKubectl: help and errors name the commands as the user types them.
func TestTextsAsAPluginOfKubectl(t *testing.T) {
	plugin := func(s *Surroundings) { s.Program = "kubectl nautes" }
	for args, want := range map[string]string{
		"--help":        "\n  kubectl nautes [command]",
		"get --help":    "Usage:\n  kubectl nautes get KIND",
		"status --help": "&& kubectl nautes status dr dr-dev -p nautes-labs --wait",
		"remove --help": "see kubectl nautes delete coderepo",
	} {
		r := nautes(t, nil, strings.Fields(args), plugin)
		expect(t, r, 0)
		if !strings.Contains(r.stdout, want) {
			t.Errorf("%s: no %q in\n%s", args, want, r.stdout)
		}
	}
	for args, want := range map[string]string{
		"get --absent":      `Run "kubectl nautes --help"`,
		"status":            "kubectl nautes status dr [NAME]",
		"delete dr":         "kubectl nautes delete deploymentruntimes NAME...",
		"history dr":        "kubectl nautes history dr NAME",
		"history env x":     "use kubectl nautes history dr",
		"migrate one two":   "kubectl nautes migrate [DIR]",
		"status coderepo x": "kubectl nautes get coderepos",
	} {
		if r := nautes(t, nil, strings.Fields(args), plugin); !strings.Contains(r.stderr, want) {
			t.Errorf("%s: no %q in %s", args, want, r.stderr)
		}
	}
}

func TestCompletion(t *testing.T) {
	tests := map[string]struct {
		args []string
		want []string
	}{
		"kinds": {args: []string{"get", "c"},
			want: []string{"cluster", "coderepo", "coderepobinding"}},
		"live names":          {args: []string{"get", "dr", ""}, want: []string{"dr-dev", "dr-new", "dr-prod"}},
		"names that begin so": {args: []string{"delete", "dr", "dr-p"}, want: []string{"dr-prod"}},
		"each name once":      {args: []string{"delete", "dr", "dr-dev", "dr-new", ""}, want: []string{"dr-prod"}},
		"products":            {args: []string{"get", "dr", "-p", "n"}, want: []string{"nautes-labs"}},
		"formats": {args: []string{"get", "dr", "-o", ""},
			want: []string{"wide", "json", "yaml", "name"}},
		"nothing for unknown kinds": {args: []string{"get", "pods", ""}},
		"nothing where nothing is":  {args: []string{"get", "dr", "-p", "absent", ""}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := nautes(t, product(t), append([]string{"__complete"}, test.args...))
			expect(t, r, 0)
			lines := strings.Split(strings.TrimSpace(r.stdout), "\n")
			var got []string
			got = append(got, lines[:len(lines)-1]...) // the last one is for the shell
			same(t, "words", test.want, got)
		})
	}
}

func TestCompletionIsSilentInTrouble(t *testing.T) {
	s := newServer(t).on("GET products/nautes-labs/deploymentruntimes",
		refuse(http.StatusUnauthorized, "UNAUTHENTICATED", "bad token "+canary))
	for name, server := range map[string]*apiServer{"refused": s, "no server": nil} {
		r := nautes(t, server, []string{"__complete", "get", "dr", ""})
		expect(t, r, 0)
		if !strings.HasPrefix(r.stdout, ":") {
			t.Errorf("%s: stdout: %s", name, r.stdout)
		}
	}
}

func TestCompletionScripts(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		r := nautes(t, nil, []string{"completion", shell})
		expect(t, r, 0)
		if !strings.Contains(r.stdout, "nautes") {
			t.Errorf("%s: %s", shell, r.stdout)
		}
	}
}

func TestTheProgramIsSmall(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps",
		"github.com/nautes-labs/deployment-runtime/cmd/nautes").Output()
	if err != nil {
		t.Fatal(err)
	}
	packages := strings.Fields(string(out))
	if len(packages) < 100 {
		t.Fatalf("only %d packages: the list is not whole", len(packages))
	}
	for _, p := range packages {
		for _, heavy := range []string{
			"github.com/argoproj/", "sigs.k8s.io/controller-runtime/pkg/manager",
			"sigs.k8s.io/controller-runtime/pkg/controller", "sigs.k8s.io/controller-runtime/pkg/cache",
			"k8s.io/client-go/informers", "k8s.io/client-go/tools/cache", "k8s.io/client-go/tools/leaderelection",
			"github.com/go-git/go-git/v5/storage", "github.com/go-git/go-git/v5/plumbing/object",
			"github.com/go-git/go-git/v5/plumbing/transport", "github.com/go-git/go-billy",
			"gitlab.com/", "github.com/danielgtaylor/huma",
			"github.com/nautes-labs/deployment-runtime/controllers",
			"github.com/nautes-labs/deployment-runtime/internal/desired",
			"github.com/nautes-labs/deployment-runtime/internal/change",
			"github.com/nautes-labs/deployment-runtime/internal/server",
		} {
			if strings.HasPrefix(p, heavy) {
				t.Errorf("the program links %s", p)
			}
		}
		// Of go-git, the program needs what writes a diff, and nothing that reads a repository.
		if p == "github.com/go-git/go-git/v5" ||
			p == "sigs.k8s.io/controller-runtime" || p == "k8s.io/client-go/kubernetes" {
			t.Errorf("the program links %s", p)
		}
	}
}
