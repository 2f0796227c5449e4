package devenv

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sync/errgroup"

	"github.com/nautes-labs/deployment-runtime/test/devenv/process"
	"github.com/nautes-labs/deployment-runtime/test/devenv/toolchain"
)

// ArgoCDNamespace is the namespace of Argo CD in the management cluster.
const ArgoCDNamespace = "argocd"

// ArgoCD is an Argo CD in the management cluster: its CRDs and configuration, the repo-server, the application
// controller and redis. The configuration is that of a new installation, then config/argocd of this repository, then
// the options.
type ArgoCD struct {
	// Version is the version without a leading v.
	Version string
	// Controller is the application controller. It reads argocd-cmd-params-cm when it starts.
	Controller *Service
	// RepoServer reads git and renders manifests.
	RepoServer *Service

	cluster *Cluster
	dir     string
	config  map[string]map[string]string
	redis   *redis
	binary  string

	repoServerPort int
}

// RepoServerAddress is where the repo-server answers, without TLS.
func (a *ArgoCD) RepoServerAddress() string { return address(a.repoServerPort) }

func argoCDTool(version string) toolchain.Tool {
	return toolchain.Tool("argocd-" + version)
}

func newArgoCD(c *Cluster, dir, version string, config map[string]map[string]string) (*ArgoCD, error) {
	a := &ArgoCD{
		Version: version, cluster: c, dir: filepath.Join(dir, "argocd"), config: config,
		binary: c.host.binaries[argoCDTool(version)],
	}
	for _, d := range []string{"tls", "ssh", "gpg", "tmp"} {
		if err := os.MkdirAll(filepath.Join(a.dir, d), 0o750); err != nil {
			return nil, fmt.Errorf("creating the directory of Argo CD: %w", err)
		}
	}
	if err := a.linkPrograms(); err != nil {
		return nil, err
	}
	var repoMetrics, controllerMetrics int
	if err := c.host.takePorts(&a.repoServerPort, &repoMetrics, &controllerMetrics); err != nil {
		return nil, err
	}
	a.RepoServer = a.newService("argocd-repo-server", repoMetrics, a.repoServerCommand)
	a.Controller = a.newService("argocd-application-controller", controllerMetrics, a.controllerCommand)
	var err error
	a.redis, err = startRedis()
	return a, err
}

// linkPrograms puts the programs that Argo CD starts under the names that it knows: itself, which git asks for
// credentials, and what produces manifests.
func (a *ArgoCD) linkPrograms() error {
	if err := os.MkdirAll(a.programs(), 0o750); err != nil {
		return fmt.Errorf("creating the directory of Argo CD: %w", err)
	}
	built := a.cluster.host.binaries
	for name, binary := range map[string]string{"argocd": a.binary, "kustomize": built[toolchain.Kustomize],
		"helm": built[toolchain.Helm]} {
		if binary == "" {
			continue
		}
		if err := os.Symlink(binary, filepath.Join(a.programs(), name)); err != nil {
			return fmt.Errorf("linking a program of Argo CD: %w", err)
		}
	}
	return nil
}

// addScripts gives the repo-server the scripts of the release with which it checks signatures.
func (a *ArgoCD) addScripts(ctx context.Context) error {
	release, err := a.cluster.host.tools.ArgoCDManifests(ctx, a.Version)
	if err != nil {
		return err
	}
	scripts, err := filepath.Glob(filepath.Join(release, "programs", "*.sh"))
	if err != nil {
		return fmt.Errorf("listing the scripts of Argo CD: %w", err)
	}
	for _, script := range scripts {
		data, err := os.ReadFile(script)
		if err != nil {
			return fmt.Errorf("reading a script of Argo CD: %w", err)
		}
		to := filepath.Join(a.programs(), filepath.Base(script))
		if err := os.WriteFile(to, data, 0o700); err != nil { //nolint:gosec // It is a program.
			return fmt.Errorf("writing a script of Argo CD: %w", err)
		}
	}
	return nil
}

func (a *ArgoCD) programs() string { return filepath.Join(a.dir, "bin") }

// newService prepares one program of Argo CD, which says on its metrics port whether it is ready.
func (a *ArgoCD) newService(program string, metrics int,
	flags func(metrics int) (process.Command, error),
) *Service {
	s := newService(a.cluster.host, a.dir, program)
	s.command = func(ctx context.Context) (process.Command, error) {
		c, err := flags(metrics)
		if err != nil {
			return c, err
		}
		parameters, err := a.parameters(ctx, program)
		if err != nil {
			return c, err
		}
		c.Path = a.binary
		c.Env = append(append(parameters, "ARGOCD_BINARY_NAME="+program), c.Env...)
		return c, nil
	}
	s.ready = func(ctx context.Context) error {
		return answersOK(ctx, http.DefaultClient, "http://"+address(metrics)+"/healthz")
	}
	return s
}

func (a *ArgoCD) repoServerCommand(metrics int) (process.Command, error) {
	args := []string{
		"--redis=" + a.redis.server.Addr(),
		"--address=127.0.0.1", "--port=" + strconv.Itoa(a.repoServerPort),
		"--metrics-address=127.0.0.1", "--metrics-port=" + strconv.Itoa(metrics),
		"--disable-tls",
	}
	if a.Version == ArgoCDDefault { // since 3.5: a path for certificates of callers contradicts --disable-tls
		args = append(args, "--client-ca-path=")
	}
	return process.Command{
		Env: []string{
			"ARGOCD_GPG_ENABLED=false",
			"ARGOCD_TLS_DATA_PATH=" + filepath.Join(a.dir, "tls"),
			"ARGOCD_SSH_DATA_PATH=" + filepath.Join(a.dir, "ssh"),
			"ARGOCD_GNUPGHOME=" + filepath.Join(a.dir, "gpg"),
			"TMPDIR=" + filepath.Join(a.dir, "tmp"),
			"ARGOCD_ASK_PASS_SOCK=" + filepath.Join(a.dir, "ask-pass.sock"),
			"PATH=" + a.programs() + string(os.PathListSeparator) + os.Getenv("PATH"),
			"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull,
		},
		Args: args,
	}, nil
}

// controllerCommand writes a kubeconfig of its own: Argo CD lives in the namespace of its context.
func (a *ArgoCD) controllerCommand(metrics int) (process.Command, error) {
	data, err := a.cluster.Admin().Kubeconfig(ArgoCDNamespace)
	if err != nil {
		return process.Command{}, err
	}
	kubeconfig := filepath.Join(a.dir, "kubeconfig")
	if err := os.WriteFile(kubeconfig, data, 0o600); err != nil {
		return process.Command{}, fmt.Errorf("writing the kubeconfig of Argo CD: %w", err)
	}
	return process.Command{
		Env: []string{
			"KUBECONFIG=" + kubeconfig,
			"ARGOCD_FAKE_IN_CLUSTER=true", // https://kubernetes.default.svc means that kubeconfig.
			"ARGOCD_TLS_DATA_PATH=" + filepath.Join(a.dir, "tls"),
			"ARGOCD_SSH_DATA_PATH=" + filepath.Join(a.dir, "ssh"),
			"TMPDIR=" + filepath.Join(a.dir, "tmp"),
		},
		Args: []string{
			"--redis=" + a.redis.server.Addr(),
			"--repo-server=" + address(a.repoServerPort), "--repo-server-plaintext",
			"--metrics-port=" + strconv.Itoa(metrics),
			"--namespace=" + ArgoCDNamespace,
		},
	}, nil
}

// install brings Argo CD up in a cluster that is ready.
func (a *ArgoCD) install(ctx context.Context) error {
	if err := a.configure(ctx); err != nil {
		return fmt.Errorf("configuring Argo CD: %w", err)
	}
	if err := a.addScripts(ctx); err != nil {
		return err
	}
	starts, ctx := errgroup.WithContext(ctx)
	starts.Go(func() error { return a.RepoServer.Start(ctx) })
	starts.Go(func() error { return a.Controller.Start(ctx) })
	return starts.Wait()
}

func (a *ArgoCD) close() {
	if a.redis != nil {
		a.redis.close()
	}
}
