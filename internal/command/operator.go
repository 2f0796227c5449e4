package command

import (
	"context"
	"crypto/x509"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"slices"
	"time"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers"
	"github.com/nautes-labs/deployment-runtime/controllers/metrics"
	"github.com/nautes-labs/deployment-runtime/controllers/shard"
	"github.com/nautes-labs/deployment-runtime/internal/version"
)

// maxShard bounds the name of a shard.
const maxShard = 40

// firstContact is how long the API server may take to answer at the start.
const firstContact = 10 * time.Second

// Operator is everything that the operator needs to run.
type Operator struct {
	// Config is how to reach the management cluster.
	Config  *rest.Config
	Options controllers.Options
	// MetricsAddress is the address of /metrics; 0 for none.
	MetricsAddress string
	ProbeAddress   string
	// PprofAddress is the address of /debug/pprof, on the loopback interface; empty for none.
	PprofAddress string
	LeaderElect  bool
	// ShutdownTimeout is how long running work may take to end when the operator stops.
	ShutdownTimeout time.Duration

	metrics metricsFlags
}

// operatorFlags are the flags of the operator.
type operatorFlags struct {
	kubeconfig string
	log        logFlags
	qps        float32
	burst      int
	// repoServerCA is the path of a file.
	repoServerCA string
	operator     Operator
	metrics      metricsFlags
	traces       traceFlags
}

func (f *operatorFlags) add(fs *pflag.FlagSet) {
	f.operator.Options = controllers.DefaultOptions()
	o := &f.operator.Options
	fs.StringVar(&f.kubeconfig, "kubeconfig", "",
		"kubeconfig of the management cluster (default: the cluster that the operator runs in)")
	fs.StringVar(&o.SystemNamespace, "system-namespace", o.SystemNamespace,
		"namespace of Products, Clusters, providers and their Secrets")
	fs.StringVar(&o.ArgoCDNamespace, "argocd-namespace", o.ArgoCDNamespace, "namespace that Argo CD runs in")
	fs.StringVar(&o.RepoServer.Address, "argocd-repo-server", "",
		"host and port of Argo CD's repo-server (default: argocd-repo-server.<argocd-namespace>:8081)")
	fs.BoolVar(&o.RepoServer.Plaintext, "argocd-repo-server-plaintext", false,
		"reach the repo-server without TLS, for one that runs with --disable-tls")
	fs.StringVar(&f.repoServerCA, "argocd-repo-server-ca", "",
		"file with the certificates that the repo-server's one must be signed by (default: any certificate, as "+
			"in Argo CD itself)")
	fs.StringVar(&o.HubClusterName, "hub-cluster-name", o.HubClusterName,
		"name under which Argo CD knows the management cluster: the destination of every default.project")
	fs.StringVar(&o.ClusterRole, "product-cluster-role", o.ClusterRole,
		"ClusterRole that the members of a product get in its namespaces on runtime clusters")
	fs.DurationVar(&o.Timing.Grace, "teardown-grace", o.Timing.Grace,
		"how long a deleted runtime keeps running in case it comes back")
	fs.IntVar(&o.Brake.Floor, "teardown-brake-floor", o.Brake.Floor,
		"how many runtimes of a product, and namespaces that they give up, may always be removed within "+
			"--teardown-brake-window")
	fs.IntVar(&o.Brake.SharedFloor, "teardown-brake-shared-floor", o.Brake.SharedFloor,
		"the same for one cluster, and for all products together")
	fs.IntVar(&o.Brake.Percent, "teardown-brake-percent", o.Brake.Percent,
		"percentage of the runtimes of a product, of a cluster, and of all, above which removals are held until "+
			"they are approved")
	fs.DurationVar(&o.Brake.Window, "teardown-brake-window", o.Brake.Window, "time within which removals are counted")
	fs.DurationVar(&o.Timing.RetryFirst, "sync-retry-first", o.Timing.RetryFirst,
		"wait before a failed sync is tried again for the first time; it doubles every time")
	fs.DurationVar(&o.Timing.RetryLimit, "sync-retry-limit", o.Timing.RetryLimit,
		"longest wait before a failed sync is tried again")
	fs.DurationVar(&o.Timing.Dwell, "degraded-dwell", o.Timing.Dwell,
		"how long a runtime that was ready may be degraded before it is reported as not ready")
	fs.DurationVar(&o.ProbeInterval, "cluster-probe-interval", o.ProbeInterval,
		"how often every runtime cluster is probed")
	fs.DurationVar(&o.ProductPollInterval, "product-poll-interval", o.ProductPollInterval,
		"how often the git host of a ProductProvider is asked which groups are products")
	f.metrics.add(fs, ":8080")
	fs.BoolVar(&o.MetricsPerObject, "metrics-per-object", false,
		"add a series to /metrics for each condition of each object: thousands where there are thousands of runtimes")
	fs.StringToInt64Var(&o.MaxObjects, "max-objects-per-product", o.MaxObjects,
		"how many objects of a kind a product may have, by plural; what is not named has no limit")
	fs.StringVar(&f.operator.ProbeAddress, "health-probe-bind-address", ":8081",
		"address of /healthz and /readyz; 0 for none")
	fs.StringVar(&f.operator.PprofAddress, "pprof-bind-address", "",
		"address of /debug/pprof, which must be on the loopback interface, such as 127.0.0.1:6060; reach it with "+
			"kubectl port-forward (default: none)")
	fs.BoolVar(&f.operator.LeaderElect, "leader-elect", true,
		"let one of several replicas work at a time; needed for shards")
	fs.StringVar(&o.Shard, "shard", "",
		"serve only the Products that are labelled "+api.LabelShard+"=<this name> (default: all that no other shard "+
			"serves, and what belongs to no product)")
	f.log.add(fs, "log-development", "--log-format=text")
	fs.Float32Var(&f.qps, "kube-api-qps", -1, "requests per second to the management cluster; below 0 is no limit, "+
		"API priority and fairness of the cluster sees to that")
	fs.IntVar(&f.burst, "kube-api-burst", 200, "burst of requests to the management cluster")
	fs.DurationVar(&f.operator.ShutdownTimeout, "graceful-shutdown-timeout", 20*time.Second,
		"how long running work may take to finish at the end")
}

// validate says which flag is wrong.
func (f *operatorFlags) validate() error {
	o := f.operator.Options
	switch {
	case o.SystemNamespace == "" || o.ArgoCDNamespace == "" || o.HubClusterName == "" || o.ClusterRole == "":
		return fmt.Errorf("--system-namespace, --argocd-namespace, --hub-cluster-name and --product-cluster-role " +
			"must not be empty")
	case o.RepoServer.Plaintext && f.repoServerCA != "":
		return fmt.Errorf("--argocd-repo-server-plaintext and --argocd-repo-server-ca exclude each other")
	case slices.Min(append(slices.Collect(maps.Values(o.MaxObjects)), 1)) < 1:
		return fmt.Errorf("--max-objects-per-product must not be below 1")
	}
	for _, err := range []error{validateTeardown(o), validateTimes(o), validatePprof(f.operator.PprofAddress),
		validateShard(o.Shard, f.operator.LeaderElect), f.traces.Validate()} {
		if err != nil {
			return err
		}
	}
	return f.metrics.validate()
}

func validateTeardown(o controllers.Options) error {
	switch {
	case o.Timing.Grace < 0:
		return fmt.Errorf("--teardown-grace must not be negative")
	case o.Brake.Floor < 0 || o.Brake.SharedFloor < 0 || o.Brake.Percent < 0 || o.Brake.Percent > 100:
		return fmt.Errorf("--teardown-brake-floor and --teardown-brake-shared-floor must not be negative and " +
			"--teardown-brake-percent must be between 0 and 100")
	case o.Brake.Window < 0:
		return fmt.Errorf("--teardown-brake-window must not be negative")
	}
	return nil
}

// validatePprof refuses an address that others reach: profiles tell of what is served, and nobody is asked who reads
// them.
func validatePprof(address string) error {
	if address == "" {
		return nil
	}
	host, _, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("--pprof-bind-address must be a loopback address with a port, such as 127.0.0.1:6060: " +
			"kubectl port-forward reaches it")
	}
	return nil
}

// validateShard refuses a name that no Lease can have. Without a Lease nobody would hand a product over to the shard.
func validateShard(name string, leaderElect bool) error {
	switch {
	case name == "":
		return nil
	case len(validation.IsDNS1123Label(name)) > 0 || len(name) > maxShard:
		return fmt.Errorf("--shard must be a name of lower-case letters, digits and -, of at most %d characters", maxShard)
	case !leaderElect:
		return fmt.Errorf("--shard needs --leader-elect: by its Lease the other shards know that this one is there")
	}
	return nil
}

func validateTimes(o controllers.Options) error {
	switch {
	case o.Timing.RetryFirst <= 0 || o.Timing.RetryLimit < o.Timing.RetryFirst:
		return fmt.Errorf("--sync-retry-first must be positive and not above --sync-retry-limit")
	case o.ProbeInterval < time.Second:
		return fmt.Errorf("--cluster-probe-interval must be at least 1s")
	case o.ProductPollInterval < time.Second:
		return fmt.Errorf("--product-poll-interval must be at least 1s")
	}
	return nil
}

// readAuthorities reads --argocd-repo-server-ca.
func (f *operatorFlags) readAuthorities() error {
	if f.repoServerCA == "" {
		return nil
	}
	certificates, err := os.ReadFile(f.repoServerCA)
	if err != nil {
		return fmt.Errorf("reading --argocd-repo-server-ca: %w", err)
	}
	f.operator.Options.RepoServer.Authorities = x509.NewCertPool()
	if !f.operator.Options.RepoServer.Authorities.AppendCertsFromPEM(certificates) {
		return fmt.Errorf("--argocd-repo-server-ca: %s holds no certificate in PEM format", f.repoServerCA)
	}
	return nil
}

func operatorCommand() *cobra.Command {
	f := &operatorFlags{}
	cmd := &cobra.Command{
		Use:   "operator",
		Short: "Run the operator",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.validate(); err != nil {
				return err
			}
			if err := f.readAuthorities(); err != nil {
				return err
			}
			if f.log.former {
				f.log.format = "text"
			}
			log, err := f.log.start(cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			return f.run(cmd.Context(), log)
		},
	}
	f.add(cmd.Flags())
	f.traces.add(cmd.Flags())
	return cmd
}

// run reads the kubeconfig and runs the operator until the context ends.
func (f *operatorFlags) run(ctx context.Context, log *slog.Logger) error {
	tracer, err := f.traces.start(ctx, shard.LeaseOf(f.operator.Options.Shard), log)
	if err != nil {
		return err
	}
	defer tracer.Shutdown(ctx)
	cfg, err := restConfig(f.kubeconfig)
	if err != nil {
		return err
	}
	if err := reach(cfg); err != nil {
		return err
	}
	cfg.QPS, cfg.Burst = f.qps, f.burst
	f.operator.Config, f.operator.MetricsAddress, f.operator.metrics = cfg, f.metrics.address, f.metrics
	f.operator.Options.Tracer = tracer
	return f.operator.Run(ctx, logr.FromSlogHandler(log.Handler()))
}

// Run runs the operator until the context ends.
func (o Operator) Run(ctx context.Context, log logr.Logger) error {
	mgr, err := o.manager(ctx, log)
	if err != nil {
		return err
	}
	err = controllers.SetupWithManager(ctx, mgr, o.Options)
	if ctx.Err() != nil {
		return nil //nolint:nilerr // told to end before it began
	}
	if err != nil {
		return err
	}
	if err := mgr.Start(ctx); err != nil {
		return fmt.Errorf("running the operator: %w", err)
	}
	return nil
}

func (o Operator) manager(ctx context.Context, log logr.Logger) (ctrl.Manager, error) {
	scheme, err := controllers.Scheme()
	if err != nil {
		return nil, err
	}
	caches, err := o.Options.CacheOptions()
	if err != nil {
		return nil, err
	}
	cfg := rest.CopyConfig(o.Config)
	// The managed fields of an object say by this name which shard wrote it.
	cfg.UserAgent = shard.LeaseOf(o.Options.Shard) + "/" + version.String()
	counters, err := metrics.NewCounters(ctrlmetrics.Registry)
	if err != nil {
		return nil, err
	}
	cfg.Wrap(o.Options.Observed(counters, metrics.RoleManagement))
	mgr, err := ctrl.NewManager(cfg, ctrl.Options{
		Scheme: scheme, Cache: caches, Logger: log,
		BaseContext:            func() context.Context { return o.Options.Tracer.Context(context.WithoutCancel(ctx)) },
		Metrics:                o.metrics.options(o.MetricsAddress),
		HealthProbeBindAddress: o.ProbeAddress,
		PprofBindAddress:       o.PprofAddress,
		LeaderElection:         o.LeaderElect, LeaderElectionID: shard.LeaseOf(o.Options.Shard),
		LeaderElectionNamespace:       o.Options.SystemNamespace,
		LeaderElectionReleaseOnCancel: true,
		GracefulShutdownTimeout:       &o.ShutdownTimeout,
		// several operators may run in one test process
		Controller: config.Controller{SkipNameValidation: ptr.To(true)},
	})
	if err != nil {
		return nil, fmt.Errorf("building the operator: %w", err)
	}
	if err := mgr.AddHealthzCheck("ping", healthz.Ping); err != nil {
		return nil, fmt.Errorf("adding the health check: %w", err)
	}
	ready, err := readiness(cfg, mgr.GetCache())
	if err != nil {
		return nil, err
	}
	if err := mgr.AddReadyzCheck("management-cluster", ready); err != nil {
		return nil, fmt.Errorf("adding the readiness check: %w", err)
	}
	return mgr, nil
}

// restConfig reads a kubeconfig, or the configuration of the pod.
func restConfig(kubeconfig string) (*rest.Config, error) {
	if kubeconfig == "" {
		cfg, err := rest.InClusterConfig()
		if err != nil {
			return nil, fmt.Errorf("no --kubeconfig is given and this is no pod of a cluster: %w", err)
		}
		return cfg, nil
	}
	cfg, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("reading --kubeconfig %s: %w", kubeconfig, err)
	}
	return cfg, nil
}

// reach returns one clear error if the API server cannot be reached at the start.
func reach(cfg *rest.Config) error {
	short := rest.CopyConfig(cfg)
	short.Timeout = firstContact
	d, err := discovery.NewDiscoveryClientForConfig(short)
	if err != nil {
		return fmt.Errorf("connecting to the API server at %s: %w", cfg.Host, err)
	}
	if _, err := d.ServerVersion(); err != nil {
		return fmt.Errorf("connecting to the API server at %s: %w", cfg.Host, err)
	}
	return nil
}
