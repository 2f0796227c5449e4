package clusters

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net/http"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// Options of a registry. The zero value of a field means its default.
type Options struct {
	// Scheme of the clients.
	Scheme *runtime.Scheme
	// Timeout of one request, and of one probe. Default: 10 s.
	Timeout time.Duration
	// QPS limits the requests per second of one client. Default: no limit, because the API server's own priority and
	// fairness sees to that, and few passes are with one cluster at a time.
	QPS float32
	// Wrap wraps the transport to each cluster; nil does not.
	Wrap func(http.RoundTripper) http.RoundTripper
}

func (o Options) withDefaults() Options {
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	if o.QPS == 0 {
		o.QPS = -1
	}
	return o
}

// Registry hands out clients of the registered clusters.
type Registry struct {
	reader          client.Reader
	systemNamespace string
	options         Options
	mapper          meta.RESTMapper

	mu    sync.Mutex
	known map[string]verified // by the name of the Cluster
}

// verified is a client of a cluster whose identity was verified.
type verified struct {
	fingerprint [sha256.Size]byte
	client      client.Client
	connection  *Connection
}

// NewRegistry returns a registry that reads kubeconfig Secrets from the system namespace of the management cluster.
func NewRegistry(reader client.Reader, systemNamespace string, o Options) *Registry {
	return &Registry{reader: reader, systemNamespace: systemNamespace, options: o.withDefaults(),
		mapper: KnownKinds(), known: map[string]verified{}}
}

// Client returns a client of the cluster, for the kinds that the operator prepares or looks at there (see KnownKinds). The
// client reads without a cache. Before the first client for an address and
// a kubeconfig is made, the cluster must prove that it has the identity in status.uid.
func (r *Registry) Client(ctx context.Context, cluster *api.Cluster) (client.Client, error) {
	v, err := r.verified(ctx, cluster)
	return v.client, err
}

func (r *Registry) verified(ctx context.Context, cluster *api.Cluster) (verified, error) {
	var none verified
	if cluster.Status.UID == "" {
		return none,
			problem.New(problem.Waiting, api.ReasonClusterNotReady, "cluster %q has not been reached yet", cluster.Name)
	}
	raw, err := r.kubeconfig(ctx, cluster)
	if err != nil {
		return none, err
	}
	fingerprint := fingerprintOf([]byte(cluster.Spec.APIServer), []byte(cluster.Status.UID), raw)
	if v, known := r.knownAs(cluster.Name, fingerprint); known {
		return v, nil
	}
	connection, err := r.connect(cluster, raw)
	if err != nil {
		return none, err
	}
	info, err := connection.Probe(ctx)
	if err != nil {
		connection.Close()
		return none, err
	}
	if err := VerifyIdentity(cluster, info); err != nil {
		connection.Close()
		return none, err
	}
	c, err := client.New(connection.config,
		client.Options{HTTPClient: connection.http, Scheme: r.options.Scheme, Mapper: r.mapper})
	if err != nil {
		connection.Close()
		return none, fmt.Errorf("making a client for cluster %s: %w", cluster.Name, err)
	}
	v := verified{fingerprint: fingerprint, client: c, connection: connection}
	r.keep(cluster.Name, v)
	return v, nil
}

// VerifyIdentity returns a problem when the reached cluster is not the one that was registered.
func VerifyIdentity(cluster *api.Cluster, reached Info) error {
	if cluster.Status.UID == "" || cluster.Status.UID == reached.UID {
		return nil
	}
	secret, _ := cluster.KubeconfigSecret()
	return problem.New(problem.Conflict, api.ReasonClusterIdentityChanged,
		"spec.apiServer and the kubeconfig in Secret %q lead to another cluster (identity %s) than the one that was "+
			"registered (%s): "+
			"restore them, or, when nothing runs on the old one any more, delete this Cluster and register it again",
		secret, reached.UID, cluster.Status.UID)
}

// Connect reads the kubeconfig of the cluster and returns a connection whose other end is not verified yet. The caller
// closes it.
func (r *Registry) Connect(ctx context.Context, cluster *api.Cluster) (*Connection, error) {
	raw, err := r.kubeconfig(ctx, cluster)
	if err != nil {
		return nil, err
	}
	return r.connect(cluster, raw)
}

// Forget drops the client of the cluster. The next call of Client verifies the identity again.
func (r *Registry) Forget(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if old, found := r.known[name]; found {
		old.connection.Close()
		delete(r.known, name)
	}
}

func (r *Registry) knownAs(name string, fingerprint [sha256.Size]byte) (verified, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	v, found := r.known[name]
	return v, found && v.fingerprint == fingerprint
}

func (r *Registry) keep(name string, v verified) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if old, found := r.known[name]; found {
		old.connection.Close()
	}
	r.known[name] = v
}

func (r *Registry) connect(cluster *api.Cluster, kubeconfig []byte) (*Connection, error) {
	server, p := NormalizeURL(cluster.Spec.APIServer)
	if p != nil {
		return nil, p
	}
	credentials, p := ParseKubeconfig(kubeconfig)
	if p != nil {
		return nil, p
	}
	return newConnection(cluster.Name, server, credentials, r.options)
}

func (r *Registry) kubeconfig(ctx context.Context, cluster *api.Cluster) ([]byte, error) {
	name, key := cluster.KubeconfigSecret()
	var secret corev1.Secret
	err := r.reader.Get(ctx, client.ObjectKey{Namespace: r.systemNamespace, Name: name}, &secret)
	if err != nil && !apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("reading the kubeconfig of cluster %s: %w", cluster.Name, err)
	}
	raw := secret.Data[key]
	if len(raw) == 0 {
		return nil, problem.New(problem.Missing, api.ReasonKubeconfigNotFound,
			"Secret %q of namespace %s has no key %q with a kubeconfig: create it, or correct spec.kubeconfigSecretRef",
			name, r.systemNamespace, key)
	}
	return raw, nil
}

// fingerprintOf returns a hash of the parts. The boundaries between the parts are hashed too, so that different parts
// give different hashes.
func fingerprintOf(parts ...[]byte) [sha256.Size]byte {
	var all []byte
	for _, p := range parts {
		all = binary.BigEndian.AppendUint64(all, uint64(len(p)))
		all = append(all, p...)
	}
	return sha256.Sum256(all)
}
