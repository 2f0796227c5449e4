package netpolicy_test

import (
	"net/netip"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/yaml"

	"github.com/nautes-labs/deployment-runtime/test/netpolicy"
)

func policy(t *testing.T, spec string) networkingv1.NetworkPolicy {
	t.Helper()
	p := networkingv1.NetworkPolicy{}
	p.Namespace = "home"
	if err := yaml.UnmarshalStrict([]byte(spec), &p.Spec); err != nil {
		t.Fatal(err)
	}
	return p
}

func outside(address string) netpolicy.End {
	return netpolicy.End{Address: netip.MustParseAddr(address)}
}

func pod(namespace, app string) netpolicy.End {
	return netpolicy.End{Namespace: namespace, NamespaceLabels: map[string]string{"name": namespace},
		Labels: map[string]string{"app": app}}
}

func TestWhatPoliciesPermit(t *testing.T) {
	const all = "{podSelector: {}, policyTypes: [Egress], egress: ["
	web := pod("home", "web")
	both := all + "{to: [{namespaceSelector: {matchLabels: {name: away}}, podSelector: {matchLabels: {app: db}}}]}]}"
	tcp := func(n int32) netpolicy.Port { return netpolicy.Port{Protocol: corev1.ProtocolTCP, Number: n} }
	for name, c := range map[string]struct {
		policies []string
		to       netpolicy.End
		port     netpolicy.Port
		want     bool
	}{
		"no policy": {nil, outside("192.0.2.1"), tcp(1), true},
		"none selects the pod": {[]string{"{podSelector: {matchLabels: {app: db}}, policyTypes: [Egress]}"}, web,
			tcp(1), true},
		"one of the other direction": {[]string{"{podSelector: {}, policyTypes: [Ingress]}"}, web, tcp(1), true},
		"nothing is permitted":       {[]string{all + "]}"}, web, tcp(1), false},
		"everything":                 {[]string{all + "{}]}"}, web, tcp(1), true},
		"policies add up":            {[]string{all + "]}", all + "{ports: [{port: 1}]}]}"}, web, tcp(1), true},
		"another port":               {[]string{all + "{ports: [{port: 2}]}]}"}, web, tcp(1), false},
		"a range of ports":           {[]string{all + "{ports: [{port: 1, endPort: 9}]}]}"}, web, tcp(5), true},
		"after the range":            {[]string{all + "{ports: [{port: 1, endPort: 9}]}]}"}, web, tcp(10), false},
		"another protocol": {[]string{all + "{ports: [{port: 53, protocol: UDP}]}]}"}, web,
			tcp(53), false},
		"in a block":     {[]string{all + "{to: [{ipBlock: {cidr: 192.0.2.0/24}}]}]}"}, outside("192.0.2.7"), tcp(1), true},
		"beside a block": {[]string{all + "{to: [{ipBlock: {cidr: 192.0.2.0/24}}]}]}"}, outside("192.0.3.7"), tcp(1), false},
		"an exception": {[]string{all + "{to: [{ipBlock: {cidr: 0.0.0.0/0, except: [192.0.2.0/24]}}]}]}"},
			outside("192.0.2.7"), tcp(1), false},
		"a block of the other family": {[]string{all + "{to: [{ipBlock: {cidr: 0.0.0.0/0}}]}]}"}, outside("2001:db8::1"),
			tcp(1), false},
		"a block is no pod":       {[]string{all + "{to: [{ipBlock: {cidr: 0.0.0.0/0}}]}]}"}, web, tcp(1), false},
		"a pod is no block":       {[]string{all + "{to: [{podSelector: {}}]}]}"}, outside("192.0.2.7"), tcp(1), false},
		"pods of the namespace":   {[]string{all + "{to: [{podSelector: {}}]}]}"}, pod("home", "db"), tcp(1), true},
		"not of another one":      {[]string{all + "{to: [{podSelector: {}}]}]}"}, pod("away", "db"), tcp(1), false},
		"pods of any namespace":   {[]string{all + "{to: [{namespaceSelector: {}}]}]}"}, pod("away", "db"), tcp(1), true},
		"both selectors must fit": {[]string{both}, pod("away", "web"), tcp(1), false},
		"both selectors fit":      {[]string{both}, pod("away", "db"), tcp(1), true},
	} {
		var policies []networkingv1.NetworkPolicy
		for _, spec := range c.policies {
			policies = append(policies, policy(t, spec))
		}
		got, err := netpolicy.Egress(policies, web, c.to, c.port)
		if err != nil || got != c.want {
			t.Errorf("%s: %t, %v", name, got, err)
		}
	}
}

func TestIngressLooksAtTheOtherEnd(t *testing.T) {
	policies := []networkingv1.NetworkPolicy{policy(t,
		"{podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress], "+
			"ingress: [{from: [{podSelector: {matchLabels: {app: db}}}]}]}")}
	port := netpolicy.Port{Protocol: corev1.ProtocolTCP, Number: 80}
	for app, want := range map[string]bool{"db": true, "other": false} {
		if got, err := netpolicy.Ingress(policies, pod("home", app), pod("home", "web"), port); err != nil || got != want {
			t.Errorf("%s: %t, %v", app, got, err)
		}
	}
}

func TestWhatCannotBeJudgedIsAnError(t *testing.T) {
	for _, spec := range []string{
		"{podSelector: {}, policyTypes: [Egress], egress: [{ports: [{port: https}]}]}",
		"{podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: everywhere}}]}]}",
	} {
		_, err := netpolicy.Egress([]networkingv1.NetworkPolicy{policy(t, spec)}, pod("home", "web"), outside("192.0.2.7"),
			netpolicy.Port{Protocol: corev1.ProtocolTCP, Number: 443})
		if err == nil {
			t.Errorf("%s is judged", spec)
		}
	}
}
