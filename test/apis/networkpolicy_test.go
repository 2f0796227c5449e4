package apis

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/nautes-labs/deployment-runtime/test/netpolicy"
)

const withPolicies = "resources: [CONFIG/default, CONFIG/shards/a, CONFIG/apiserver]\ncomponents: [CONFIG/network-policy]\n"

// podsAndPolicies reads the pods that Deployments make, and the NetworkPolicies.
func podsAndPolicies(t *testing.T, objects []*unstructured.Unstructured) (map[string]*appsv1.Deployment,
	[]networkingv1.NetworkPolicy,
) {
	t.Helper()
	pods := map[string]*appsv1.Deployment{}
	var policies []networkingv1.NetworkPolicy
	for _, o := range objects {
		var into any
		switch o.GetKind() {
		case "Deployment":
			pods[o.GetName()] = &appsv1.Deployment{}
			into = pods[o.GetName()]
		case "NetworkPolicy":
			policies = append(policies, networkingv1.NetworkPolicy{})
			into = &policies[len(policies)-1]
		default:
			continue
		}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, into); err != nil {
			t.Fatal(err)
		}
	}
	return pods, policies
}

// podIn is a pod with labels.
func podIn(namespace string, labels map[string]string) netpolicy.End {
	return netpolicy.End{Namespace: namespace, Labels: labels,
		NamespaceLabels: map[string]string{"kubernetes.io/metadata.name": namespace}}
}

func tcp(port int32) netpolicy.Port {
	return netpolicy.Port{Protocol: corev1.ProtocolTCP, Number: port}
}

// TestNetworkPoliciesPermitWhatIsNeededAndNoMore: of the operator, of that of a shard, and of the REST API. Which
// connections they really open is looked at in test/e2e.
func TestNetworkPoliciesPermitWhatIsNeededAndNoMore(t *testing.T) {
	pods, policies := podsAndPolicies(t, composed(t, withPolicies))
	outside := func(a string) netpolicy.End { return netpolicy.End{Address: netip.MustParseAddr(a)} }
	names := podIn("kube-system", map[string]string{"k8s-app": "kube-dns"})
	repoServer := podIn("argocd", map[string]string{"app.kubernetes.io/name": "argocd-repo-server"})
	operators := []string{"nautes-operator", "nautes-operator-a"}
	all := slices.Concat(operators, []string{"nautes-apiserver"})
	for what, c := range map[string]struct {
		from []string
		to   netpolicy.End
		port netpolicy.Port
		want bool
	}{
		"names":                       {all, names, netpolicy.Port{Protocol: corev1.ProtocolUDP, Number: 53}, true},
		"names that are long":         {all, names, tcp(53), true},
		"an API server":               {all, outside("203.0.113.1"), tcp(6443), true},
		"an API server with IPv6":     {all, outside("2001:db8::1"), tcp(6443), true},
		"GitLab":                      {all, outside("198.51.100.1"), tcp(443), true},
		"the repo-server":             {operators, repoServer, tcp(8081), true},
		"the repo-server by the API":  {all[2:], repoServer, tcp(8081), false},
		"credentials of the node":     {all, outside("169.254.169.254"), tcp(443), false},
		"the same with IPv6":          {all, outside("fd00:ec2::254"), tcp(443), false},
		"a database":                  {all, outside("203.0.113.1"), tcp(5432), false},
		"ssh":                         {all, outside("198.51.100.1"), tcp(22), false},
		"a pod of a tenant":           {all, podIn("web", nil), tcp(443), false},
		"Argo CD's other programs":    {all, podIn("argocd", nil), tcp(8080), false},
		"another port of repo-server": {all, repoServer, tcp(8084), false},
	} {
		for _, name := range c.from {
			from := podIn(systemNamespace, pods[name].Spec.Template.Labels)
			if got, err := netpolicy.Egress(policies, from, c.to, c.port); err != nil || got != c.want {
				t.Errorf("%s to %s: %t, %v", name, what, got, err)
			}
		}
	}
}

// TestNetworkPoliciesLetTheOutsideIn: at every port that a container names, and at no other.
func TestNetworkPoliciesLetTheOutsideIn(t *testing.T) {
	pods, policies := podsAndPolicies(t, composed(t, withPolicies))
	prometheus := podIn("monitoring", map[string]string{"app": "prometheus"})
	for name, d := range pods {
		to := podIn(systemNamespace, d.Spec.Template.Labels)
		ports := d.Spec.Template.Spec.Containers[0].Ports
		if len(ports) < 2 {
			t.Errorf("%s names %d ports", name, len(ports))
		}
		for _, port := range ports {
			if got, err := netpolicy.Ingress(policies, prometheus, to, tcp(port.ContainerPort)); err != nil || !got {
				t.Errorf("%s cannot be reached at %s: %v", name, port.Name, err)
			}
		}
		if got, err := netpolicy.Ingress(policies, prometheus, to, tcp(6060)); err != nil || got {
			t.Errorf("%s can be reached at a port that nobody named: %v", name, err)
		}
	}
}

// TestTheRepoServerLetsTheOperatorIn, beside Argo CD's own policy, and keeps others out.
func TestTheRepoServerLetsTheOperatorIn(t *testing.T) {
	pods, policies := podsAndPolicies(t, composed(t, withPolicies))
	manifest, err := os.ReadFile(filepath.Join(argoCDModule(t), "manifests", "base", "repo-server",
		"argocd-repo-server-network-policy.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var own networkingv1.NetworkPolicy
	if err := yaml.Unmarshal(manifest, &own); err != nil {
		t.Fatal(err)
	}
	own.Namespace = "argocd"
	to := podIn("argocd", map[string]string{"app.kubernetes.io/name": "argocd-repo-server"})
	operator := podIn(systemNamespace, pods["nautes-operator"].Spec.Template.Labels)
	shard := podIn(systemNamespace, pods["nautes-operator-a"].Spec.Template.Labels)
	for what, c := range map[string]struct {
		policies []networkingv1.NetworkPolicy
		from     netpolicy.End
		want     bool
	}{
		"without ours":    {[]networkingv1.NetworkPolicy{own}, operator, false},
		"the operator":    {append(policies, own), operator, true},
		"that of a shard": {append(policies, own), shard, true},
		"the REST API": {append(policies, own),
			podIn(systemNamespace, pods["nautes-apiserver"].Spec.Template.Labels), false},
		"a tenant": {append(policies, own), podIn("web", nil), false},
		"Argo CD": {append(policies, own),
			podIn("argocd", map[string]string{"app.kubernetes.io/name": "argocd-application-controller"}), true},
	} {
		if got, err := netpolicy.Ingress(c.policies, c.from, to, tcp(8081)); err != nil || got != c.want {
			t.Errorf("%s: %t, %v", what, got, err)
		}
	}
}

// TestNetworkPoliciesInstall: the API server takes them.
func TestNetworkPoliciesInstall(t *testing.T) {
	namespaceForTest(t, systemNamespace)
	namespaceForTest(t, "argocd")
	n := 0
	for _, o := range composed(t, withPolicies) {
		if o.GetKind() != "NetworkPolicy" {
			continue
		}
		n++
		if err := admin.Patch(t.Context(), o, client.Apply, client.ForceOwnership, client.FieldOwner("config-test"),
			client.DryRunAll, client.FieldValidation("Strict")); err != nil {
			t.Errorf("%s: %v", o.GetName(), err)
		}
	}
	if n != 4 {
		t.Errorf("%d policies, want 4", n)
	}
}
