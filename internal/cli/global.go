package cli

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/nautes-labs/deployment-runtime/internal/client"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/secret"
)

// global are the flags that every command has.
type global struct {
	*Surroundings

	apiServer     string
	token         string
	tokenFile     string
	gitCredential string
	product       string
	productIsFlag bool // --product was given, not taken from the environment
	caFile        string
	timeout       time.Duration
	verbose       bool
}

func (g *global) addFlags(root *cobra.Command) {
	f := root.PersistentFlags()
	f.StringVarP(&g.apiServer, "api-server", "s", "",
		"address of the API server, such as https://nautes.example.com (environment: API_SERVER)")
	f.StringVarP(&g.token, "token", "t", "", "GitLab token; - reads it from stdin (environment: GIT_TOKEN). Others "+
		"on the machine can see a command line: prefer another way")
	f.StringVar(&g.tokenFile, "token-file", "", "file that holds the GitLab token")
	f.StringVar(&g.gitCredential, "git-credential", "",
		"take the token that git has for this address, such as https://gitlab.example.com")
	f.StringVarP(&g.product, "product", "p", "",
		"product: full path of its GitLab group, or product-<id> (environment: PRODUCT)")
	f.StringVar(&g.caFile, "ca-file", "",
		"file with the PEM certificate of the CA that signed the server's certificate")
	f.DurationVar(&g.timeout, "timeout", 0,
		"how long a request, or the waiting of status --wait, may take (default 1m, and 10m)")
	f.BoolVarP(&g.verbose, "verbose", "v", false, "tell on stderr which requests are sent")
	root.MarkFlagsMutuallyExclusive("token", "token-file", "git-credential")
	_ = root.RegisterFlagCompletionFunc("product", g.completeProducts)
}

// complete fills in what the environment says.
func (g *global) complete() {
	if g.apiServer == "" {
		g.apiServer = g.Defaults.APIServer
	}
	g.productIsFlag = g.product != ""
	if g.product == "" {
		g.product = g.Defaults.Product
	}
}

// productNamed returns the product that the command is about.
func (g *global) productNamed() (string, error) {
	if g.product == "" {
		return "", usage("no product is named: use --product or the environment variable PRODUCT")
	}
	return g.product, nil
}

// connect returns a client of the server with the user's token.
func (g *global) connect(ctx context.Context) (*client.Client, error) {
	token, err := g.findToken(ctx)
	if err != nil {
		return nil, err
	}
	if token.IsZero() {
		return nil, problem.New(problem.Unauthenticated, problem.ReasonNoToken,
			`no GitLab token is given: use "nautes login", GIT_TOKEN, --token-file, or "--token -"`)
	}
	return g.connectWith(token)
}

func (g *global) connectWith(token secret.Token) (*client.Client, error) {
	o := client.Options{Server: g.apiServer, Token: token, Timeout: g.timeout, Version: g.Version, Proxy: g.Proxy}
	if g.caFile != "" {
		ca, err := os.ReadFile(g.caFile)
		if err != nil {
			return nil, usage("reading --ca-file: %v", err)
		}
		o.CA = ca
	}
	if g.verbose {
		o.Trace = func(format string, args ...any) { fmt.Fprintln(g.Stderr, clean(fmt.Sprintf(format, args...))) }
	}
	if g.timeout < 0 {
		return nil, usage("--timeout %s is negative: give a time such as 30s or 5m", g.timeout)
	}
	c, err := client.New(o)
	switch p := problem.As(err); {
	case p != nil && p.Reason == problem.ReasonServerInvalid:
		return nil, usage("%s", p.Message)
	case p != nil && p.Reason == problem.ReasonCertificateNotTrusted:
		return nil, fmt.Errorf("reading --ca-file %s: %w", g.caFile, err)
	case err != nil:
		return nil, err
	}
	g.warnOfPlainHTTP()
	return c, nil
}

func (g *global) warnOfPlainHTTP() {
	u, err := url.Parse(g.apiServer)
	if err != nil || !strings.EqualFold(u.Scheme, "http") || isLoopback(u.Hostname()) {
		return
	}
	g.warn("the token travels unencrypted to %s: use https where the server offers it", u.Host)
}

// isProductID says whether the word is the resource name of a product, not the path of its group.
func isProductID(word string) bool {
	return regexp.MustCompile(`^product-[0-9]+$`).MatchString(word)
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// warn prints a warning on stderr.
func (s *Surroundings) warn(format string, args ...any) {
	fmt.Fprintf(s.Stderr, "%s %s\n", s.errorStyle().warn("warning:"), clean(fmt.Sprintf(format, args...)))
}

func (s *Surroundings) warnings(all []string) {
	for _, w := range all {
		s.warn("%s", w)
	}
}
