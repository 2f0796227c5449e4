package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/test/devenv"
	"github.com/nautes-labs/deployment-runtime/test/devenv/process"
)

// The runtime clusters.
const (
	east = "east"
	west = "west"
)

// commandLimit bounds one command.
const commandLimit = 2 * time.Minute

// stage is where the chapters play: the environment, the stand-in for GitLab, clients of the clusters, and our programs
// once they are installed.
type stage struct {
	*transcript
	env  *devenv.Env
	root string // of the repository
	// kubeconfig has a context for each cluster, by its name.
	kubeconfig string
	clients    map[string]client.Client
	gitlab     *standIn

	programs   *process.Group
	operator   *program
	apiServer  *program
	apiAddress string

	developer *developer
	product   string // the developer's: its resource and its namespace in the management cluster
}

func newStage(ctx context.Context, t *transcript, env *devenv.Env, root string) (*stage, error) {
	s := &stage{transcript: t, env: env, root: root, kubeconfig: filepath.Join(env.Dir, "kubeconfig"),
		clients: map[string]client.Client{}}
	if err := s.connect(); err != nil {
		return nil, err
	}
	var err error
	if s.gitlab, err = startGitLab(ctx, env); err != nil {
		return nil, err
	}
	t.hide(s.gitlab.RootToken(), s.gitlab.userToken)
	s.programs = process.NewGroup(func(err error) { s.say("%v", err) })
	return s, nil
}

// connect makes clients of all clusters, and a kubeconfig for kubectl.
func (s *stage) connect() error {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, api.AddToScheme} {
		if err := add(scheme); err != nil {
			return fmt.Errorf("building the scheme: %w", err)
		}
	}
	contexts := clientcmdapi.NewConfig()
	contexts.CurrentContext = devenv.ManagementName
	for _, name := range []string{devenv.ManagementName, east, west} {
		cluster := s.env.Cluster(name)
		c, err := client.New(cluster.RESTConfig(), client.Options{Scheme: scheme})
		if err != nil {
			return fmt.Errorf("connecting to cluster %s: %w", name, err)
		}
		s.clients[name] = c
		addContext(contexts, name, cluster.Admin())
	}
	if err := clientcmd.WriteToFile(*contexts, s.kubeconfig); err != nil {
		return fmt.Errorf("writing the kubeconfig: %w", err)
	}
	return nil
}

func addContext(c *clientcmdapi.Config, name string, a devenv.Access) {
	c.Clusters[name] = &clientcmdapi.Cluster{Server: a.Server, CertificateAuthorityData: a.CA}
	c.AuthInfos[name] = &clientcmdapi.AuthInfo{Token: a.Token}
	c.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name}
}

// close ends our programs and GitLab; the environment is ended by whoever started it.
func (s *stage) close() {
	s.apiServer.stop()
	s.operator.stop()
	s.programs.Stop()
	if err := s.gitlab.Close(); err != nil {
		s.say("ending the stand-in for GitLab: %v", err)
	}
}

// management is a client of the management cluster.
func (s *stage) management() client.Client { return s.clients[devenv.ManagementName] }

// kubectl shows a command, runs it, shows its output, warnings included, and returns it.
func (s *stage) kubectl(ctx context.Context, args ...string) (string, error) {
	return s.kubectlWith(ctx, "", args...)
}

// apply shows `kubectl apply` with manifests that contain what is in this directory, and runs it.
func (s *stage) apply(ctx context.Context, namespace, manifests string) error {
	_, err := s.kubectlWith(ctx, manifests, "apply", "-n", namespace, "-f", "-")
	return err
}

func (s *stage) kubectlWith(ctx context.Context, input string, args ...string) (string, error) {
	s.command(append([]string{"kubectl"}, args...), input)
	out, err := s.run(ctx, input, args...)
	if err != nil {
		return "", err
	}
	s.output(out)
	return out, nil
}

// run runs kubectl in the root of the repository.
func (s *stage) run(ctx context.Context, input string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, commandLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.env.KubectlPath(), args...)
	cmd.Dir = s.root
	cmd.Env = append(os.Environ(), "KUBECONFIG="+s.kubeconfig)
	cmd.Stdin = strings.NewReader(input)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return "",
			fmt.Errorf("running kubectl %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(out.String()))
	}
	return out.String(), nil
}
