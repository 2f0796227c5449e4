package clusters_test

import (
	"strings"
	"testing"

	"github.com/nautes-labs/deployment-runtime/internal/clusters"
)

func TestNormalizeURL(t *testing.T) {
	for raw, want := range map[string]string{
		"https://10.0.0.1:6443":               "https://10.0.0.1:6443",
		"https://10.0.0.1:6443/":              "https://10.0.0.1:6443",
		"HTTPS://API.Example.com:443/":        "https://api.example.com",
		"https://api.example.com.:6443":       "https://api.example.com:6443",
		"https://api.example.com:06443":       "https://api.example.com:6443",
		"https://api.example.com:":            "https://api.example.com",
		"http://127.0.0.1:80":                 "http://127.0.0.1",
		"http://127.0.0.1:443":                "http://127.0.0.1:443",
		"https://[FD00:0::1]:6443":            "https://[fd00::1]:6443",
		"https://[::ffff:10.0.0.1]":           "https://10.0.0.1",
		"https://rancher/k8s/clusters/c-abc/": "https://rancher/k8s/clusters/c-abc",
		"https://Rancher/K8s":                 "https://rancher/K8s",
	} {
		got, p := clusters.NormalizeURL(raw)
		if p != nil || got != want {
			t.Errorf("%s: got %q, %v; want %q", raw, got, p, want)
			continue
		}
		if again, p := clusters.NormalizeURL(got); p != nil || again != got {
			t.Errorf("%s: normalizing it again gives %q, %v", got, again, p)
		}
	}
}

func TestURLsThatAreRefused(t *testing.T) {
	for _, raw := range []string{
		"", "10.0.0.1:6443", "ssh://h", "https://", "https://h:0", "https://h:65536", "https://h:x",
		"https://user:secret@h", "https://h?x", "https://h#x", "https://h/a/../b", "https://h//",
		"https://h/a%2fb", "https:h",
	} {
		got, p := clusters.NormalizeURL(raw)
		if p == nil {
			t.Errorf("%q: permitted as %q", raw, got)
			continue
		}
		if strings.Contains(p.Message, "secret") {
			t.Errorf("the message holds a password: %s", p.Message)
		}
	}
}

func TestSameURL(t *testing.T) {
	for _, same := range [][2]string{{"https://h", "https://H:443/"}, {"not a url", "not a url/"}} {
		if !clusters.SameURL(same[0], same[1]) {
			t.Errorf("%q and %q are the same", same[0], same[1])
		}
	}
	for _, other := range [][2]string{{"https://h", "http://h"}, {"https://h", "https://h:6443"},
		{"https://h/a", "https://h/A"}} {
		if clusters.SameURL(other[0], other[1]) {
			t.Errorf("%q and %q are not the same", other[0], other[1])
		}
	}
}
