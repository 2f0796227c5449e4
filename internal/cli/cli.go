// Package cli is the command line for developers: it reads files and flags, calls the REST API, and prints answers. Its
// findings about rules come from the same packages as the server's verdict.
//
// A command is an options struct with three steps: complete fills in defaults, validate checks the flags, run does the
// work. Commands use the outside world only through Surroundings. Only results go to stdout; progress, warnings and
// errors go to stderr. No secret is ever printed.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/nautes-labs/deployment-runtime/internal/secret"
)

// Surroundings are everything that a command may use of the outside world. The program reads its environment once and
// passes it in.
type Surroundings struct {
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
	// Terminal describes stdout. The zero value is no terminal.
	Terminal Terminal
	// ColourErrors says whether stderr is a terminal with colours. It differs from stdout when one of them is a file.
	ColourErrors bool
	// Defaults are the values of the environment variables.
	Defaults Defaults
	// ConfigDir holds the file of `login`; "" means that there is no such directory.
	ConfigDir string
	// Keyring of the desktop session; nil means none.
	Keyring Keyring
	// Environ is handed to git when it is asked for a credential.
	Environ []string
	// Interactive says that stdin is a terminal, so that a person can be asked.
	Interactive bool
	// ReadSecret reads one line from the terminal without showing it, until ctx ends. It is used only when Interactive.
	ReadSecret func(ctx context.Context) (string, error)
	// Proxy chooses the proxy of a request.
	Proxy func(*http.Request) (*url.URL, error)
	// Wait returns after d, or earlier with the error of ctx.
	Wait func(ctx context.Context, d time.Duration) error
	// Now returns the time.
	Now func() time.Time
	// Random returns a number in [0, 1).
	Random func() float64
	// Version of the program.
	Version string
	// Program is how the user calls it, such as "kubectl nautes"; "" means "nautes".
	Program string
}

// Terminal describes what a person looks at.
type Terminal struct {
	// Width in columns; 0 is no terminal, and nothing is cut then.
	Width int
	// Colour says whether colours are welcome.
	Colour bool
}

// Defaults are the values of flags that the environment gives: API_SERVER, GIT_TOKEN and PRODUCT.
type Defaults struct {
	APIServer string
	Token     secret.Token
	Product   string
}

// Keyring keeps passwords for the user.
type Keyring interface {
	Get(service, user string) (string, error)
	Set(service, user, password string) error
	Delete(service, user string) error
}

// Run runs one command line and returns the exit code: see ExitCode.
func Run(ctx context.Context, s Surroundings, args []string) int {
	s.Stdin = untilDone(ctx, s.Stdin)
	stdout := &output{Writer: s.Stdout}
	s.Stdout = stdout
	root := newRoot(&s)                       //nolint:contextcheck // a command gets its context when it is executed
	root.SetArgs(append([]string{}, args...)) // nil would mean those of the process
	root.SetIn(s.Stdin)
	root.SetOut(s.Stdout)
	root.SetErr(s.Stderr)
	err := root.ExecuteContext(ctx)
	if stdout.err != nil && (err == nil || errors.Is(err, stdout.err)) {
		err = stdout.failure()
	}
	if err != nil {
		s.report(err)
	}
	return ExitCode(err)
}

// rootHelp names the program by %[1]s.
const rootHelp = `%[1]s maintains deployment runtimes: "deploy what lies at this code repo, revision and path to that environment".

It speaks to the REST API with your GitLab token. Name the server with --api-server or API_SERVER; give the token with
"%[1]s login", GIT_TOKEN, --token-file, or "--token -" from stdin.

Exit codes: 0 done, 1 usage, 2 invalid, 3 not allowed, 4 not found, 5 conflict, 6 unavailable.`

// Command returns the command line for those who describe it, as on man pages. Run runs it.
func Command(version string) *cobra.Command { return newRoot(&Surroundings{Version: version}) }

func (s *Surroundings) program() string {
	if s.Program == "" {
		return "nautes"
	}
	return s.Program
}

func newRoot(s *Surroundings) *cobra.Command {
	g := &global{Surroundings: s}
	root := &cobra.Command{
		Use:           "nautes",
		Short:         "The command line of deployment runtimes",
		Long:          fmt.Sprintf(rootHelp, s.program()),
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: s.program()},
		Version:       s.Version,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage("%s", err) })
	root.SetVersionTemplate("{{.Version}}\n")
	root.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveNoFileComp)
	g.addFlags(root)
	root.AddCommand(
		newApply(g), newRemove(g), newDiff(g), newMigrate(g), newValidate(g),
		newGet(g), newDelete(g), newStatus(g), newHistory(g),
		newLogin(g), newVersion(g),
	)
	for _, cmd := range root.Commands() {
		cmd.DisableFlagsInUseLine = true
		cmd.Example, cmd.Long = s.asCalled(cmd.Example), s.asCalled(cmd.Long)
		cmd.Flags().VisitAll(func(f *pflag.Flag) { f.Usage = s.asCalled(f.Usage) })
	}
	root.PersistentFlags().VisitAll(func(f *pflag.Flag) { f.Usage = s.asCalled(f.Usage) })
	return root
}

// ownCommand is a command line of ours in a text.
var ownCommand = regexp.MustCompile(`(?:kubectl )?\bnautes (apply|delete|diff|get|history|login|migrate|remove|status|validate|version)\b`)

// asCalled puts the name by which the user calls the program into the command lines of a text.
func (s *Surroundings) asCalled(text string) string {
	if s.Program == "" {
		return text
	}
	return ownCommand.ReplaceAllString(text, s.Program+" $1")
}
