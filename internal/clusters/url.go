package clusters

import (
	"net/netip"
	"net/url"
	"path"
	"strconv"
	"strings"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// NormalizeURL returns one spelling of an API server's URL, so that equal URLs can be compared: scheme and host in
// lower case, no default port, no dot after the host, no slash at the end.
func NormalizeURL(raw string) (string, *problem.Problem) {
	u, err := url.Parse(raw)
	if err != nil || u.Opaque != "" || u.Hostname() == "" {
		return "", invalidURL(raw, "it is not a URL such as https://10.0.0.1:6443")
	}
	if u.Scheme != "https" && u.Scheme != "http" { // url.Parse writes it in lower case
		return "", invalidURL(raw, "it must begin with https:// or http://")
	}
	if u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return "", invalidURL(raw, "user name, query and fragment are not permitted")
	}
	u.Path = strings.TrimSuffix(u.Path, "/")
	if u.RawPath != "" || (u.Path != "" && (path.Clean(u.Path) != u.Path || u.Path == "/")) {
		return "", invalidURL(raw, `its path must be clean: no empty, "." or ".." part, nothing encoded`)
	}
	port, ok := normalPort(u.Scheme, u.Port())
	if !ok {
		return "", invalidURL(raw, "its port must be a number from 1 to 65535")
	}
	u.Host = normalHost(u.Hostname()) + port
	return u.String(), nil
}

// normalPort returns the port with its colon, or nothing for the default one.
func normalPort(scheme, port string) (string, bool) {
	if port == "" {
		return "", true
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return "", false
	}
	if (scheme == "https" && n == 443) || (scheme == "http" && n == 80) {
		return "", true
	}
	return ":" + strconv.FormatUint(n, 10), true
}

func normalHost(host string) string {
	if addr, err := netip.ParseAddr(host); err == nil {
		if addr = addr.Unmap(); addr.Is6() {
			return "[" + addr.String() + "]"
		}
		return addr.String()
	}
	return strings.TrimSuffix(strings.ToLower(host), ".")
}

// SameURL says whether two URLs lead to the same API server, as far as their spelling tells.
func SameURL(a, b string) bool {
	normalA, wrongA := NormalizeURL(a)
	normalB, wrongB := NormalizeURL(b)
	if wrongA != nil || wrongB != nil {
		return strings.TrimSuffix(a, "/") == strings.TrimSuffix(b, "/")
	}
	return normalA == normalB
}

func invalidURL(raw, what string) *problem.Problem {
	return problem.New(problem.Invalid, api.ReasonInvalid, "spec.apiServer %q cannot be used: %s",
		redactUser(raw), what)
}

// redactUser removes everything before the @ from a URL, because it may contain a password.
func redactUser(raw string) string {
	if i := strings.LastIndexByte(raw, '@'); i >= 0 {
		return "..." + raw[i:]
	}
	return raw
}
