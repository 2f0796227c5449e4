// Package clusters makes clients of the registered clusters from their kubeconfig Secrets.
//
// Contract. The address of a cluster comes from spec.apiServer alone; the kubeconfig gives the credentials. Nothing in
// a kubeconfig makes this process run a program, read a file, or talk to another host. A client is handed out only
// after the cluster at the address has proved to be the one that was registered. A rotated Secret takes effect with the
// next call. Every request is bounded in time. All methods may be called concurrently. No message and no error contains
// a credential.
package clusters

import (
	"crypto/tls"
	"crypto/x509"
	"strings"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// Credentials are what a kubeconfig holds. All of it is in memory; nothing refers to a file or a program.
type Credentials struct {
	BearerToken        string
	Username, Password string
	CAData             []byte
	CertData, KeyData  []byte
	// ServerName is the name in the server's certificate, if that is not the host of the server's address.
	ServerName string
}

// String keeps credentials out of messages and logs.
func (*Credentials) String() string { return "[credentials]" }

// GoString keeps credentials out of messages and logs.
func (*Credentials) GoString() string { return "[credentials]" }

// ParseKubeconfig reads the credentials of the current context, or of the only context. It refuses a kubeconfig that
// would make its reader run a program, open a file, use a proxy, impersonate another user or skip the check of the
// server's certificate.
func ParseKubeconfig(raw []byte) (*Credentials, *problem.Problem) {
	config, err := clientcmd.Load(raw)
	if err != nil {
		// The parser quotes what it could not read, and the quoted text may be a secret.
		return nil, invalidKubeconfig("it does not parse as a kubeconfig")
	}
	cluster, user, p := currentContext(config)
	if p != nil {
		return nil, p
	}
	if p := refuseCluster(cluster); p != nil {
		return nil, p
	}
	if p := refuseUser(user); p != nil {
		return nil, p
	}
	c := &Credentials{
		BearerToken: user.Token,
		Username:    user.Username,
		Password:    user.Password,
		CAData:      cluster.CertificateAuthorityData,
		CertData:    user.ClientCertificateData,
		KeyData:     user.ClientKeyData,
		ServerName:  cluster.TLSServerName,
	}
	if p := c.check(); p != nil {
		return nil, p
	}
	return c, nil
}

func currentContext(config *clientcmdapi.Config) (*clientcmdapi.Cluster, *clientcmdapi.AuthInfo, *problem.Problem) {
	context := config.Contexts[config.CurrentContext]
	if context == nil && config.CurrentContext == "" && len(config.Contexts) == 1 {
		for _, only := range config.Contexts {
			context = only
		}
	}
	if context == nil {
		return nil, nil, invalidKubeconfig("current-context names no context")
	}
	cluster, user := config.Clusters[context.Cluster], config.AuthInfos[context.AuthInfo]
	if cluster == nil || user == nil {
		return nil, nil, invalidKubeconfig("the current context names a cluster or a user that is not there")
	}
	return cluster, user, nil
}

func refuseCluster(c *clientcmdapi.Cluster) *problem.Problem {
	switch {
	case c.InsecureSkipTLSVerify:
		return invalidKubeconfig("insecure-skip-tls-verify is not permitted: give certificate-authority-data instead")
	case c.CertificateAuthority != "":
		return invalidKubeconfig("certificate-authority names a file: give certificate-authority-data instead")
	case c.ProxyURL != "":
		return invalidKubeconfig("proxy-url is not permitted")
	}
	return nil
}

func refuseUser(u *clientcmdapi.AuthInfo) *problem.Problem {
	switch {
	case u.Exec != nil:
		return invalidKubeconfig("exec is not permitted: give a token or a client certificate instead")
	case u.AuthProvider != nil:
		return invalidKubeconfig("auth-provider is not permitted: give a token or a client certificate instead")
	case u.ClientCertificate != "":
		return invalidKubeconfig("client-certificate names a file: give client-certificate-data instead")
	case u.ClientKey != "":
		return invalidKubeconfig("client-key names a file: give client-key-data instead")
	case u.TokenFile != "":
		return invalidKubeconfig("tokenFile names a file: give token instead")
	case u.Impersonate != "" || u.ImpersonateUID != "" || len(u.ImpersonateGroups) > 0 ||
		len(u.ImpersonateUserExtra) > 0:
		return invalidKubeconfig("impersonation is not permitted")
	}
	return nil
}

// check says what is wrong with the credentials, or nil.
func (c *Credentials) check() *problem.Problem {
	hasCert := len(c.CertData) > 0 || len(c.KeyData) > 0
	switch {
	case c.BearerToken == "" && c.Username == "" && c.Password == "" && !hasCert:
		return invalidKubeconfig("it holds no credentials: a token, a client certificate, or user name and password")
	case strings.ContainsFunc(c.BearerToken, func(r rune) bool { return r <= ' ' || r > '~' }):
		return invalidKubeconfig("the token holds a space, a line break or another character that no token has")
	case (c.Username == "") != (c.Password == ""):
		return invalidKubeconfig("user name and password must be given together")
	case c.BearerToken != "" && c.Username != "":
		return invalidKubeconfig("it holds both a token and a password: give one of them")
	case len(c.CAData) > 0 && !x509.NewCertPool().AppendCertsFromPEM(c.CAData):
		return invalidKubeconfig("certificate-authority-data holds no certificate in PEM form")
	}
	if hasCert {
		if _, err := tls.X509KeyPair(c.CertData, c.KeyData); err != nil {
			return invalidKubeconfig("client-certificate-data and client-key-data are not a certificate and its " +
				"key in PEM form")
		}
	}
	return nil
}

func invalidKubeconfig(what string) *problem.Problem {
	return problem.New(problem.Invalid, api.ReasonKubeconfigInvalid, "the kubeconfig cannot be used: %s", what)
}
