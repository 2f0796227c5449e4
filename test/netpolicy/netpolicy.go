// Package netpolicy says what a set of NetworkPolicies permits, as their specification reads. No network of the tests
// enforces policies, so that tests ask this package.
package netpolicy

import (
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/utils/ptr"
)

// End is one end of a connection: a pod, or an address outside of the cluster, which has no namespace.
type End struct {
	Namespace       string
	NamespaceLabels map[string]string
	Labels          map[string]string
	// Address is needed of what is no pod. A pod is matched by its labels alone: networks differ in whether they count
	// the addresses of pods to an ipBlock.
	Address netip.Addr
}

// Port is where a connection goes to.
type Port struct {
	Protocol corev1.Protocol
	Number   int32
}

// Egress says whether a pod may open a connection.
func Egress(policies []networkingv1.NetworkPolicy, from, to End, port Port) (bool, error) {
	return permitted(policies, from, networkingv1.PolicyTypeEgress, func(p *networkingv1.NetworkPolicy) (bool, error) {
		for _, rule := range p.Spec.Egress {
			if fits, err := ruleFits(p.Namespace, rule.To, rule.Ports, to, port); fits || err != nil {
				return fits, err
			}
		}
		return false, nil
	})
}

// Ingress says whether a pod may be connected to.
func Ingress(policies []networkingv1.NetworkPolicy, from, to End, port Port) (bool, error) {
	return permitted(policies, to, networkingv1.PolicyTypeIngress, func(p *networkingv1.NetworkPolicy) (bool, error) {
		for _, rule := range p.Spec.Ingress {
			if fits, err := ruleFits(p.Namespace, rule.From, rule.Ports, from, port); fits || err != nil {
				return fits, err
			}
		}
		return false, nil
	})
}

// permitted says whether one of the policies of a direction that select a pod permits something, or none selects it.
func permitted(policies []networkingv1.NetworkPolicy, pod End, direction networkingv1.PolicyType,
	permits func(*networkingv1.NetworkPolicy) (bool, error),
) (bool, error) {
	selected := false
	for i := range policies {
		p := &policies[i]
		if p.Namespace != pod.Namespace || !slices.Contains(p.Spec.PolicyTypes, direction) {
			continue
		}
		fits, err := matches(&p.Spec.PodSelector, pod.Labels)
		if err != nil {
			return false, err
		}
		if !fits {
			continue
		}
		selected = true
		if ok, err := permits(p); ok || err != nil {
			return ok, err
		}
	}
	return !selected, nil
}

// ruleFits says whether a rule is about an end and a port. No peers are all peers, no ports are all ports.
func ruleFits(namespace string, peers []networkingv1.NetworkPolicyPeer, ports []networkingv1.NetworkPolicyPort,
	end End, port Port,
) (bool, error) {
	if fits, err := portFits(ports, port); !fits || err != nil {
		return false, err
	}
	for i := range peers {
		if fits, err := peerFits(namespace, &peers[i], end); fits || err != nil {
			return fits, err
		}
	}
	return len(peers) == 0, nil
}

func portFits(ports []networkingv1.NetworkPolicyPort, port Port) (bool, error) {
	for _, p := range ports {
		if p.Port != nil && p.Port.StrVal != "" {
			return false, fmt.Errorf("port %q is a name: this package knows numbers only", p.Port.StrVal)
		}
		if ptr.Deref(p.Protocol, corev1.ProtocolTCP) != port.Protocol {
			continue
		}
		if p.Port == nil || p.Port.IntVal <= port.Number && port.Number <= ptr.Deref(p.EndPort, p.Port.IntVal) {
			return true, nil
		}
	}
	return len(ports) == 0, nil
}

func peerFits(namespace string, peer *networkingv1.NetworkPolicyPeer, end End) (bool, error) {
	if peer.IPBlock != nil {
		if end.Namespace != "" {
			return false, nil
		}
		return blockFits(peer.IPBlock, end.Address)
	}
	switch {
	case end.Namespace == "":
		return false, nil
	case peer.NamespaceSelector == nil && namespace != end.Namespace:
		return false, nil
	case peer.NamespaceSelector != nil:
		if fits, err := matches(peer.NamespaceSelector, end.NamespaceLabels); !fits || err != nil {
			return false, err
		}
	}
	if peer.PodSelector == nil {
		return true, nil
	}
	return matches(peer.PodSelector, end.Labels)
}

func blockFits(block *networkingv1.IPBlock, address netip.Addr) (bool, error) {
	in, err := netip.ParsePrefix(block.CIDR)
	if err != nil {
		return false, fmt.Errorf("reading a block: %w", err)
	}
	if !in.Contains(address) {
		return false, nil
	}
	for _, except := range block.Except {
		out, err := netip.ParsePrefix(except)
		if err != nil {
			return false, fmt.Errorf("reading an exception: %w", err)
		}
		if out.Contains(address) {
			return false, nil
		}
	}
	return true, nil
}

func matches(selector *metav1.LabelSelector, set map[string]string) (bool, error) {
	s, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		return false, fmt.Errorf("reading a selector: %w", err)
	}
	return s.Matches(labels.Set(set)), nil
}
