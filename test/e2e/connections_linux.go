package e2e

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/nautes-labs/deployment-runtime/test/netpolicy"
)

// connecting returns the story of what the servers connect to.
func connecting() []Scenario {
	return []Scenario{{"no server opens a connection that its NetworkPolicy would refuse", openConnections}}
}

// openConnections looks at the sockets of an operator and of the REST API while both work. The servers of the tests all
// have one address, so that a port says who is connected to; the policies are asked about the place that it has in a
// cluster.
func openConnections(t *testing.T, w *World) {
	p := w.NewProduct(t)
	s := p.startShards()
	operator := s.start("")
	p.Deploy("web", "dev")
	policies := p.policies()
	places := p.places()
	for name, server := range map[string]struct {
		pid   int
		pod   map[string]string
		needs []string
	}{
		"nautes-operator": {operator.PID(), map[string]string{"app.kubernetes.io/component": "operator"},
			[]string{"management", East, West, "GitLab", "repo-server"}},
		"nautes-apiserver": {w.API.process.PID(), nil, []string{"management", "GitLab"}},
	} {
		pod := netpolicy.End{Namespace: systemNamespace, Labels: map[string]string{"app.kubernetes.io/name": name,
			"app.kubernetes.io/part-of": "deployment-runtime"}}
		for key, value := range server.pod {
			pod.Labels[key] = value
		}
		seen := map[string]bool{}
		p.Eventually(func(g Gomega) {
			p.askREST()
			found, err := netpolicy.Connections(server.pid)
			g.Expect(err).NotTo(HaveOccurred())
			for _, to := range found {
				place, known := places[to.Port()]
				p.Expect(known).To(BeTrue(), "%s is connected to %s, of which no policy knows", name, to)
				permitted, err := netpolicy.Egress(policies, pod, place.end, place.port)
				p.Expect(err).NotTo(HaveOccurred())
				p.Expect(permitted).To(BeTrue(), "%s is connected to %s", name, place.name)
				seen[place.name] = true
			}
			for _, need := range server.needs {
				g.Expect(seen).To(HaveKey(need), "%s works without it", name)
			}
		}).Should(Succeed())
	}
}

// place is where a server stands in a cluster.
type place struct {
	name string
	end  netpolicy.End
	port netpolicy.Port
}

// places returns them by the ports that they have here.
func (p *Product) places() map[uint16]place {
	p.Helper()
	out := map[uint16]place{}
	add := func(address, name string, end netpolicy.End, port int32) {
		u, err := url.Parse(address)
		p.Expect(err).NotTo(HaveOccurred())
		number, err := strconv.ParseUint(u.Port(), 10, 16)
		p.Expect(err).NotTo(HaveOccurred())
		out[uint16(number)] = place{name, end, netpolicy.Port{Protocol: corev1.ProtocolTCP, Number: port}}
	}
	outside := netpolicy.End{Address: netip.MustParseAddr("203.0.113.1")}
	const ofAPIServers, ofGitLab, ofRepoServer = 6443, 443, 8081
	add(p.W.Env.Management.URL(), "management", outside, ofAPIServers)
	for _, cluster := range append([]string{East, West}, ownClusters()...) {
		add(p.W.Env.Cluster(cluster).URL(), cluster, outside, ofAPIServers)
	}
	add(p.W.GitLab.URL, "GitLab", outside, ofGitLab)
	add("http://"+p.W.Env.ArgoCD.RepoServerAddress(), "repo-server", netpolicy.End{Namespace: argoNamespace,
		NamespaceLabels: map[string]string{"kubernetes.io/metadata.name": argoNamespace},
		Labels:          map[string]string{"app.kubernetes.io/name": "argocd-repo-server"}}, ofRepoServer)
	return out
}

// policies installs the NetworkPolicies, and returns what the API server has stored.
func (p *Product) policies() []networkingv1.NetworkPolicy {
	p.Helper()
	for _, file := range []string{"operator.yaml", "apiserver.yaml"} {
		manifest, err := os.ReadFile(filepath.Join(root, "config", "network-policy", file))
		p.Expect(err).NotTo(HaveOccurred())
		p.Expect(p.W.Env.Management.Apply(p.Ctx, manifest)).To(Succeed())
	}
	var stored networkingv1.NetworkPolicyList
	p.Expect(p.W.Client.List(p.Ctx, &stored, client.InNamespace(systemNamespace))).To(Succeed())
	p.Expect(stored.Items).To(HaveLen(2), "%s", fmt.Sprint(stored.Items))
	return stored.Items
}

// askREST has the REST API ask GitLab whether a stranger may read something.
func (p *Product) askREST() {
	p.Helper()
	req, err := http.NewRequestWithContext(p.Ctx, http.MethodGet,
		p.W.API.url+"/api/v1/products/"+p.Path+"/deploymentruntimes", http.NoBody)
	p.Expect(err).NotTo(HaveOccurred())
	req.Header.Set("Authorization", "Bearer glpat-of-a-stranger")
	resp, err := http.DefaultClient.Do(req)
	p.Expect(err).NotTo(HaveOccurred())
	p.Expect(resp.Body.Close()).To(Succeed())
}
