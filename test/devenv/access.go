package devenv

import (
	"fmt"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// Access is what a client needs to reach a cluster as an administrator.
type Access struct {
	Server string
	// CA is the PEM certificate that signed the API server's.
	CA    []byte
	Token string

	serviceAccount string // behind the token, when it can be revoked
}

// RESTConfig returns a new configuration for clients, without a rate limit.
func (a Access) RESTConfig() *rest.Config {
	return &rest.Config{
		Host: a.Server, BearerToken: a.Token, QPS: -1,
		TLSClientConfig: rest.TLSClientConfig{CAData: a.CA},
	}
}

// Kubeconfig returns a self-contained kubeconfig whose context has the given namespace ("" = default).
func (a Access) Kubeconfig(namespace string) ([]byte, error) {
	const name = "devenv"
	c := clientcmdapi.NewConfig()
	c.Clusters[name] = &clientcmdapi.Cluster{Server: a.Server, CertificateAuthorityData: a.CA}
	c.AuthInfos[name] = &clientcmdapi.AuthInfo{Token: a.Token}
	c.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name, Namespace: namespace}
	c.CurrentContext = name
	data, err := clientcmd.Write(*c)
	if err != nil {
		return nil, fmt.Errorf("encoding a kubeconfig: %w", err)
	}
	return data, nil
}
