package devenv

import (
	"context"
	"fmt"
	"strconv"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/nautes-labs/deployment-runtime/test/devenv/process"
	"github.com/nautes-labs/deployment-runtime/test/devenv/toolchain"
)

func (c *Cluster) newAPIServer() (*Service, error) {
	client, err := c.httpClient()
	if err != nil {
		return nil, err
	}
	s := newService(c.host, c.dir, "kube-apiserver")
	s.command = func(context.Context) (process.Command, error) {
		return process.Command{Path: c.host.binaries[toolchain.KubeAPIServer], Args: c.apiServerFlags()}, nil
	}
	s.ready = func(ctx context.Context) error {
		if err := answersOK(ctx, client, c.URL()+"/readyz"); err != nil {
			return err
		}
		return c.hasSystemNamespaces(ctx)
	}
	return s, nil
}

func (c *Cluster) apiServerFlags() []string {
	c.addresses.RLock()
	defer c.addresses.RUnlock()
	flags := []string{
		"--etcd-servers=" + c.etcdURL(),
		"--bind-address=127.0.0.1",
		"--advertise-address=127.0.0.1",
		"--secure-port=" + strconv.Itoa(c.apiPort),
		"--tls-cert-file=" + c.pki.servingCert,
		"--tls-private-key-file=" + c.pki.servingKey,
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + c.pki.serviceAccountPublicKey,
		"--service-account-signing-key-file=" + c.pki.serviceAccountKey,
		"--token-auth-file=" + c.tokenFile(),
		"--authorization-mode=RBAC",
		"--service-cluster-ip-range=10.0.0.0/24",
		"--allow-privileged=true",
		"--endpoint-reconciler-type=none",      // Endpoints cannot hold a loopback address.
		"--enable-priority-and-fairness=false", // Costs more than it gives to a handful of clients.
		"--max-requests-inflight=0",            // No limit.
		"--max-mutating-requests-inflight=0",
	}
	if c.plan.controllers == "" {
		// Nobody creates the service accounts that this plugin insists on.
		flags = append(flags, "--disable-admission-plugins=ServiceAccount")
	}
	return flags
}

// hasSystemNamespaces tells whether the namespaces that everything assumes are there; the API server creates them
// shortly after it says that it is ready.
func (c *Cluster) hasSystemNamespaces(ctx context.Context) error {
	client, err := c.clientset()
	if err != nil {
		return err
	}
	for _, name := range []string{metav1.NamespaceDefault, metav1.NamespaceSystem} {
		if _, err := client.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{}); err != nil {
			return err
		}
	}
	return nil
}

// Identity is the UID of the namespace kube-system, which is what tells clusters apart.
func (c *Cluster) Identity(ctx context.Context) (types.UID, error) {
	client, err := c.clientset()
	if err != nil {
		return "", err
	}
	ns, err := client.CoreV1().Namespaces().Get(ctx, metav1.NamespaceSystem, metav1.GetOptions{})
	if err != nil {
		return "", fmt.Errorf("reading the identity of %s: %w", c.Name, err)
	}
	return ns.UID, nil
}

func (c *Cluster) clientset() (*kubernetes.Clientset, error) {
	client, err := kubernetes.NewForConfig(c.RESTConfig())
	if err != nil {
		return nil, fmt.Errorf("making a client for %s: %w", c.Name, err)
	}
	return client, nil
}
