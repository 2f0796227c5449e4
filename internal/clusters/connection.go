package clusters

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/apimachinery/pkg/version"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
)

// Info is what a cluster reports about itself.
type Info struct {
	// Version of its API server, such as v1.33.1.
	Version string
	// UID of its kube-system namespace: the identity of the cluster.
	UID string
}

// Connection is a way to reach a cluster. The identity of the cluster at its other end is not verified: see Probe.
type Connection struct {
	// Server is the normalized URL.
	Server string
	// Credentials that the connection uses.
	Credentials *Credentials

	cluster string
	config  *rest.Config
	http    *http.Client
}

func newConnection(cluster, server string, credentials *Credentials, o Options) (*Connection, error) {
	config := &rest.Config{
		Host:        server,
		UserAgent:   "nautes-deployment-runtime",
		BearerToken: credentials.BearerToken,
		Username:    credentials.Username,
		Password:    credentials.Password,
		TLSClientConfig: rest.TLSClientConfig{
			ServerName: credentials.ServerName,
			CAData:     credentials.CAData,
			CertData:   credentials.CertData,
			KeyData:    credentials.KeyData,
		},
		Timeout: o.Timeout,
		QPS:     o.QPS,
		// An explicit Proxy gives each connection a transport of its own. Without it client-go takes the transport from
		// a cache that only grows.
		Proxy: http.ProxyFromEnvironment,
	}
	if o.Wrap != nil {
		config.Wrap(o.Wrap)
	}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("making an HTTP client for cluster %s: %w", cluster, err)
	}
	// An API server does not redirect, and the credentials must not be sent to another host.
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Connection{Server: server, Credentials: credentials, cluster: cluster, config: config, http: client}, nil
}

// Close closes idle connections. Requests that are under way go on.
func (c *Connection) Close() { utilnet.CloseIdleConnectionsFor(c.http.Transport) }

// Probe asks the cluster for its version and identity. It takes no longer than Options.Timeout of the registry.
func (c *Connection) Probe(ctx context.Context) (Info, error) {
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	config := rest.CopyConfig(c.config)
	config.APIPath = "/api"
	config.GroupVersion = &corev1.SchemeGroupVersion
	config.NegotiatedSerializer = clientgoscheme.Codecs.WithoutConversion()
	client, err := rest.RESTClientForConfigAndClient(config, c.http)
	if err != nil {
		return Info{}, fmt.Errorf("making a client for cluster %s: %w", c.cluster, err)
	}
	raw, err := client.Get().AbsPath("/version").MaxRetries(0).Do(ctx).Raw()
	if err != nil {
		return Info{}, c.unavailable(err)
	}
	var v version.Info
	if err := json.Unmarshal(raw, &v); err != nil {
		return Info{}, c.unavailable(errors.New("the answer to /version is no JSON"))
	}
	var system corev1.Namespace
	err = client.Get().Resource("namespaces").Name(metav1.NamespaceSystem).MaxRetries(0).Do(ctx).Into(&system)
	if err != nil {
		return Info{}, c.unavailable(err)
	}
	if system.UID == "" || v.GitVersion == "" {
		return Info{}, c.unavailable(errors.New("the answer holds no version or no identity"))
	}
	return Info{Version: v.GitVersion, UID: string(system.UID)}, nil
}
