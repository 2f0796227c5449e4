package command

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/certwatcher"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers"
	"github.com/nautes-labs/deployment-runtime/internal/change"
	"github.com/nautes-labs/deployment-runtime/internal/githost/gitlab"
	"github.com/nautes-labs/deployment-runtime/internal/gitrepo"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
	"github.com/nautes-labs/deployment-runtime/internal/schema"
	"github.com/nautes-labs/deployment-runtime/internal/secret"
	"github.com/nautes-labs/deployment-runtime/internal/server"
	"github.com/nautes-labs/deployment-runtime/internal/tracing"
	"github.com/nautes-labs/deployment-runtime/internal/version"
)

// apiServerFlags are the flags of the API server.
type apiServerFlags struct {
	listen                                string
	gitlabURL, gitlabCAFile               string
	tlsCertFile, tlsKeyFile               string
	kubeconfig                            string
	systemNamespace, argoNamespace        string
	publicURL, codeRepoProvider, hookFile string
	snapshotBytes                         int64
	maxRequests                           int
	metrics                               metricsFlags
	traces                                traceFlags
	shutdownNotice, shutdownTimeout       time.Duration
	logs                                  logFlags
}

func (f *apiServerFlags) add(fs *pflag.FlagSet) {
	fs.StringVar(&f.listen, "listen", ":8080", "address to serve on")
	fs.StringVar(&f.gitlabURL, "gitlab-url", "", "URL of GitLab, such as https://gitlab.example.com (required)")
	fs.StringVar(&f.gitlabCAFile, "gitlab-ca-file", "",
		"PEM file with CAs to trust for GitLab, besides those of the system")
	fs.StringVar(&f.tlsCertFile, "tls-cert-file", "",
		"PEM file with the certificate to serve HTTPS with; read again when it changes")
	fs.StringVar(&f.tlsKeyFile, "tls-private-key-file", "", "PEM file with the private key of the certificate")
	fs.StringVar(&f.kubeconfig, "kubeconfig", "",
		"kubeconfig of the management cluster (default: the cluster that this runs in; outside of one: none)")
	fs.StringVar(&f.systemNamespace, "system-namespace", api.SystemNamespaceDefault,
		"namespace of Products, Clusters and providers")
	fs.StringVar(&f.argoNamespace, "argocd-namespace", controllers.DefaultOptions().ArgoCDNamespace,
		"namespace that Argo CD runs in")
	fs.StringVar(&f.publicURL, "public-url", "",
		"URL under which callers and GitLab reach this server; without it no hooks are made")
	fs.StringVar(&f.codeRepoProvider, "code-repo-provider", "gitlab",
		"name of the CodeRepoProvider that new code repos name")
	fs.StringVar(&f.hookFile, "webhook-secret-file", "",
		"file with what GitLab proves itself with at "+change.HookPath+
			", one a line: secret tokens, the first for new hooks, and signing tokens (whsec_...)")
	fs.Int64Var(&f.snapshotBytes, "snapshot-bytes", 256<<20, "memory for snapshots of repositories, in bytes")
	fs.IntVar(&f.maxRequests, "max-concurrent-requests", server.DefaultMaxConcurrent,
		"how many requests are answered at a time; more are told to come back")
	f.metrics.add(fs, ":8081")
	fs.DurationVar(&f.shutdownNotice, "shutdown-notice", 0,
		"how long to go on serving after /readyz says that the end has come")
	fs.DurationVar(&f.shutdownTimeout, "graceful-shutdown-timeout", server.DefaultWriteTimeout+5*time.Second,
		"how long requests that have begun may take to end")
	f.logs.add(fs, "log-debug", "--log-level=debug")
	f.traces.add(fs)
}

// validate says which flag is wrong.
func (f *apiServerFlags) validate() error {
	if f.gitlabURL == "" {
		return errors.New("--gitlab-url is needed, such as https://gitlab.example.com")
	}
	if err := isAddress("--gitlab-url", f.gitlabURL); err != nil {
		return err
	}
	if err := isAddress("--public-url", f.publicURL); err != nil {
		return err
	}
	switch {
	case (f.tlsCertFile == "") != (f.tlsKeyFile == ""):
		return errors.New("--tls-cert-file and --tls-private-key-file are needed together")
	case f.systemNamespace == "" || f.argoNamespace == "" || f.codeRepoProvider == "":
		return errors.New("--system-namespace, --argocd-namespace and --code-repo-provider must not be empty")
	case f.snapshotBytes < 1<<20:
		return errors.New("--snapshot-bytes must be at least 1048576")
	case f.maxRequests < 1:
		return errors.New("--max-concurrent-requests must be at least 1")
	case f.shutdownNotice < 0 || f.shutdownTimeout <= 0:
		return errors.New("--shutdown-notice must not be negative, and --graceful-shutdown-timeout must be positive")
	}
	if err := f.traces.Validate(); err != nil {
		return err
	}
	return f.metrics.validate()
}

// isAddress returns an error for anything but a plain URL. The error does not repeat the text, because it may contain a
// password.
func isAddress(flag, text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" ||
		u.Fragment != "" {
		return fmt.Errorf("%s must be a URL like https://host[:port][/path], without user, query or fragment", flag)
	}
	return nil
}

func apiServerCommand() *cobra.Command {
	f := &apiServerFlags{}
	cmd := &cobra.Command{
		Use:   "apiserver",
		Short: "Run the REST API",
		Long: "apiserver runs the REST API: it saves, lists and deletes the objects of products in their " +
			"default.project, with the caller's own\n" +
			"GitLab token. With a management cluster it checks what lies there as well and answers with the status " +
			"of runtimes; without one, and\n" +
			"while it is away, rules that need it become warnings.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.validate(); err != nil {
				return err
			}
			return f.run(cmd.Context(), cmd.ErrOrStderr())
		},
	}
	f.add(cmd.Flags())
	return cmd
}

// apiServer holds the parts of the API server.
type apiServer struct {
	flags      *apiServerFlags
	log        *slog.Logger
	metrics    *server.Metrics
	tracer     *tracing.Tracer // nil without --otlp-endpoint
	roots      *x509.CertPool  // nil for the system's CAs
	secrets    []secret.Token
	management *management // nil without a management cluster
}

func (f *apiServerFlags) run(ctx context.Context, out io.Writer) error {
	if f.logs.former {
		f.logs.level = "debug"
	}
	log, err := f.logs.start(out)
	if err != nil {
		return err
	}
	tracer, err := f.traces.start(ctx, "nautes-apiserver", log)
	if err != nil {
		return err
	}
	defer tracer.Shutdown(ctx)
	s := apiServer{flags: f, log: log, metrics: server.NewMetrics(), tracer: tracer}
	if s.roots, err = rootsWith(f.gitlabCAFile); err != nil {
		return err
	}
	if s.secrets, err = hookSecrets(f.hookFile); err != nil {
		return err
	}
	if s.management, err = f.connect(ctx, s.log); err != nil {
		return err
	}
	return s.serve(ctx)
}

// serve listens and works until the context ends. The parts that requests need run until the last request has ended.
func (s apiServer) serve(ctx context.Context) error {
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	work, background := errgroup.WithContext(background)
	if s.management != nil {
		s.management.start(ctx, background, work)
	}
	web, err := s.build()
	if err != nil {
		return err
	}
	listener, err := s.listener(ctx, background, work)
	if err != nil {
		return err
	}
	if err := s.serveMetrics(background, work); err != nil {
		return err
	}
	s.log.InfoContext(ctx, "serving", slog.String("address", listener.Addr().String()),
		slog.String("version", version.String()))
	ctx, cancel := context.WithCancel(ctx)
	stopServing := context.AfterFunc(background, cancel) // a part that requests need has failed
	defer stopServing()
	err = web.Run(ctx, listener)
	cancel()
	stop()
	return errors.Join(err, work.Wait())
}

// build makes the parts and puts them together.
func (s apiServer) build() (*server.Server, error) {
	f := s.flags
	host, err := gitlab.New(gitlab.Options{
		URL: f.gitlabURL, HTTP: &http.Client{Transport: gitlab.NewTransport(s.roots)}, Now: time.Now,
		UserAgent: "nautes-apiserver/" + version.String(),
		Observe:   func(c gitlab.Call) { s.metrics.GitLabCall(c.Operation, c.Outcome, c.Took) },
	})
	if err != nil {
		return nil, fmt.Errorf("reading --gitlab-url: %w", err)
	}
	shapes, err := schema.New()
	if err != nil {
		return nil, fmt.Errorf("reading the schemas of the resources: %w", err)
	}
	repos := gitrepo.NewStore(gitrepo.Options{
		MaxBytes: f.snapshotBytes, HTTP: &http.Client{Transport: gitlab.NewTransport(s.roots)}, Now: time.Now,
		Observe: func(o gitrepo.Observation) { s.metrics.GitOperation(o.Operation, o.Outcome, o.Duration) },
		Looked:  s.metrics.SnapshotRead,
	})
	s.metrics.SnapshotBytes(repos.Bytes)
	options := change.Options{
		Host: host, Repos: repos, Schema: shapes, CodeRepoProvider: f.codeRepoProvider,
		SystemNamespaces: rules.SystemNamespaces{f.systemNamespace, f.argoNamespace}, Now: time.Now,
		MaxWaiting: max(f.maxRequests/2-1, 1), // one more has its turn: together half of the places
	}
	o := server.Options{
		Log: s.log, Audit: s.log.With(slog.Bool("audit", true)), Metrics: s.metrics, Now: time.Now,
		PublicURL: f.publicURL, Version: version.String(), HookSecrets: s.secrets, MaxConcurrent: f.maxRequests,
		Tracer: s.tracer,
	}
	if s.management != nil {
		s.metrics.ManagementCluster(s.management.gate.open.Load)
		options.Management = s.management.lookup
		o.Pushed = s.management.refresher.Pushed
	}
	if token, ok := firstSecretToken(s.secrets); ok { // a hook without a secret is of no use
		options.PublicURL, options.HookSecret = f.publicURL, token
	}
	o.Service = change.New(options)
	return server.New(o)
}

// serveMetrics serves the metrics on a listener of its own, apart from the public one.
func (s apiServer) serveMetrics(background context.Context, work *errgroup.Group) error {
	if s.flags.metrics.authorize && s.management == nil {
		return errors.New("--metrics-authorize needs a management cluster to ask: --kubeconfig names one")
	}
	var cfg *rest.Config
	if s.management != nil {
		cfg = s.management.config
	}
	metrics, err := s.flags.metrics.server(cfg, s.metrics.Handler())
	if metrics != nil {
		work.Go(func() error { return serveMetrics(background, metrics) })
	}
	return err
}

func (s apiServer) listener(ctx, background context.Context, work *errgroup.Group) (server.Listener, error) {
	f := s.flags
	l := server.Listener{Notice: f.shutdownNotice, Patience: f.shutdownTimeout}
	if f.tlsCertFile != "" {
		watcher, err := certwatcher.New(f.tlsCertFile, f.tlsKeyFile)
		if err != nil {
			return l, fmt.Errorf("reading --tls-cert-file and --tls-private-key-file: %w", err)
		}
		work.Go(func() error { return watcher.Start(background) })
		l.Certificate = watcher
	}
	inner, err := new(net.ListenConfig).Listen(ctx, "tcp", f.listen)
	if err != nil {
		return l, fmt.Errorf("listening on --listen: %w", err)
	}
	l.Listener = inner
	return l, nil
}

// rootsWith returns the CAs of the system together with those of a file. Without a file it returns nil, which means
// those of the system.
func rootsWith(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil //nolint:nilnil // nil is what crypto/tls takes for the system's
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading --gitlab-ca-file: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("reading --gitlab-ca-file: %s holds no PEM certificate", file)
	}
	return pool, nil
}

// hookSecrets reads the secrets of the webhook, one per line.
func hookSecrets(file string) ([]secret.Token, error) {
	if file == "" {
		return nil, nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading --webhook-secret-file: %w", err)
	}
	var out []secret.Token
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, secret.New(line))
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("reading --webhook-secret-file: %s holds no secret", file)
	}
	return out, nil
}

// firstSecretToken returns the first secret that is no signing token.
func firstSecretToken(secrets []secret.Token) (secret.Token, bool) {
	for _, s := range secrets {
		if !strings.HasPrefix(s.Reveal(), server.SigningPrefix) {
			return s, true
		}
	}
	return secret.Token{}, false
}
