package clusters_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/clusters"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// secret is in every kubeconfig of these tests, and in no message.
const secret = "s3cret"

func TestParseKubeconfig(t *testing.T) {
	cert, key := keyPair(t)
	for sentence, tc := range map[string]struct {
		change func(*clientcmdapi.Config)
		want   clusters.Credentials
	}{
		"a token": {want: clusters.Credentials{BearerToken: secret}},
		"a client certificate": {
			change: func(c *clientcmdapi.Config) {
				c.AuthInfos["u"] = &clientcmdapi.AuthInfo{ClientCertificateData: cert, ClientKeyData: key}
				c.Clusters["c"].CertificateAuthorityData = cert
				c.Clusters["c"].TLSServerName = "api"
			},
			want: clusters.Credentials{CertData: cert, KeyData: key, CAData: cert, ServerName: "api"},
		},
		"user name and password": {
			change: func(c *clientcmdapi.Config) {
				c.AuthInfos["u"] = &clientcmdapi.AuthInfo{Username: "admin", Password: secret}
			},
			want: clusters.Credentials{Username: "admin", Password: secret},
		},
		"the only context counts though none is current": {
			change: func(c *clientcmdapi.Config) { c.CurrentContext = "" },
			want:   clusters.Credentials{BearerToken: secret},
		},
		"contexts that are not current do not matter": {
			change: func(c *clientcmdapi.Config) {
				c.AuthInfos["other"] = &clientcmdapi.AuthInfo{TokenFile: "/etc/shadow"}
				c.Contexts["other"] = &clientcmdapi.Context{Cluster: "c", AuthInfo: "other"}
			},
			want: clusters.Credentials{BearerToken: secret},
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			got, p := clusters.ParseKubeconfig(kubeconfig(t, tc.change))
			if p != nil {
				t.Fatalf("refused: %s", p.Message)
			}
			if diff := cmp.Diff(tc.want, *got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestKubeconfigsThatAreRefused(t *testing.T) {
	cert, key := keyPair(t)
	cluster := func(change func(*clientcmdapi.Cluster)) func(*clientcmdapi.Config) {
		return func(c *clientcmdapi.Config) { change(c.Clusters["c"]) }
	}
	user := func(change func(*clientcmdapi.AuthInfo)) func(*clientcmdapi.Config) {
		return func(c *clientcmdapi.Config) { change(c.AuthInfos["u"]) }
	}
	for sentence, tc := range map[string]struct {
		change func(*clientcmdapi.Config)
		says   string
	}{
		"exec": {user(func(u *clientcmdapi.AuthInfo) {
			u.Exec = &clientcmdapi.ExecConfig{Command: "sh", APIVersion: "client.authentication.k8s.io/v1"}
		}), "exec"},
		"an auth provider": {user(func(u *clientcmdapi.AuthInfo) {
			u.AuthProvider = &clientcmdapi.AuthProviderConfig{Name: "oidc"}
		}), "auth-provider"},
		"a token file": {user(func(u *clientcmdapi.AuthInfo) { u.TokenFile = "/etc/shadow" }),
			"tokenFile"},
		"a certificate file": {user(func(u *clientcmdapi.AuthInfo) { u.ClientCertificate = "/a" }),
			"client-certificate"},
		"a key file": {user(func(u *clientcmdapi.AuthInfo) { u.ClientKey = "/a" }),
			"client-key"},
		"a CA file": {cluster(func(c *clientcmdapi.Cluster) { c.CertificateAuthority = "/a" }),
			"certificate-authority"},
		"no check of the server": {cluster(func(c *clientcmdapi.Cluster) {
			c.InsecureSkipTLSVerify = true
		}), "insecure-skip-tls-verify"},
		"a proxy": {cluster(func(c *clientcmdapi.Cluster) { c.ProxyURL = "http://evil" }),
			"proxy-url"},
		"acting as a user": {user(func(u *clientcmdapi.AuthInfo) { u.Impersonate = "admin" }),
			"impersonation"},
		"acting as a group": {user(func(u *clientcmdapi.AuthInfo) {
			u.ImpersonateGroups = []string{"system:masters"}
		}), "impersonation"},
		"no credentials": {user(func(u *clientcmdapi.AuthInfo) { u.Token = "" }), "no credentials"},
		"a token with a line break": {user(func(u *clientcmdapi.AuthInfo) { u.Token = secret + "\n" }),
			"line break"},
		"a user without a password": {user(func(u *clientcmdapi.AuthInfo) {
			u.Token, u.Username = "",
				"admin"
		}), "together"},
		"a token and a password": {user(func(u *clientcmdapi.AuthInfo) {
			u.Username, u.Password = "admin",
				secret
		}), "both"},
		"a CA that is none": {cluster(func(c *clientcmdapi.Cluster) {
			c.CertificateAuthorityData = []byte(secret)
		}), "certificate-authority-data"},
		"a certificate without its key": {user(func(u *clientcmdapi.AuthInfo) { u.ClientCertificateData = cert }),
			"client-key-data"},
		"a key without its certificate": {user(func(u *clientcmdapi.AuthInfo) { u.ClientKeyData = key }),
			"client-key-data"},
		"a current context that is not there": {func(c *clientcmdapi.Config) { c.CurrentContext = "nowhere" },
			"current-context"},
		"two contexts and none current": {func(c *clientcmdapi.Config) {
			c.CurrentContext, c.Contexts["other"] = "", &clientcmdapi.Context{Cluster: "c", AuthInfo: "u"}
		}, "current-context"},
		"a context without its user": {func(c *clientcmdapi.Config) { c.Contexts["x"].AuthInfo = "nobody" },
			"not there"},
	} {
		t.Run(sentence, func(t *testing.T) { refused(t, kubeconfig(t, tc.change), tc.says) })
	}
	for sentence, raw := range map[string]string{
		"nothing":               "",
		"something else":        "just text " + secret,
		"a value of wrong type": "apiVersion: v1\nkind: Config\nusers: " + secret,
		"another kind":          "apiVersion: v1\nkind: Secret\nstringData: {a: " + secret + "}",
	} {
		t.Run(sentence, func(t *testing.T) { refused(t, []byte(raw), "") })
	}
}

func refused(t *testing.T, raw []byte, says string) {
	t.Helper()
	credentials, p := clusters.ParseKubeconfig(raw)
	if p == nil || credentials != nil {
		t.Fatalf("permitted: %v", p)
	}
	if p.Class != problem.Invalid || p.Reason != api.ReasonKubeconfigInvalid || !strings.Contains(p.Message, says) {
		t.Errorf("got %s/%s %q, which does not say %q", p.Class, p.Reason, p.Message, says)
	}
	if all := fmt.Sprintf("%+v %v", p, p.Cause); strings.Contains(all, secret) {
		t.Errorf("the problem holds a secret: %s", all)
	}
}

func TestCredentialsAreNeverPrinted(t *testing.T) {
	credentials, p := clusters.ParseKubeconfig(kubeconfig(t, nil))
	if p != nil {
		t.Fatal(p)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if out := fmt.Sprintf(verb, credentials); strings.Contains(out, secret) {
			t.Errorf("%s prints %s", verb, out)
		}
	}
}
