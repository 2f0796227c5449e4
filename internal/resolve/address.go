package resolve

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// The patterns are allow-lists. A text with any other character (glob characters, percent-encoding, queries, control
// characters, backslashes, spaces, look-alike letters) is not a canonical address.
var (
	hostPattern    = regexp.MustCompile(`^(\[[0-9a-f:]+\]|[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*)$`)
	userPattern    = regexp.MustCompile(`^[a-z0-9_][a-z0-9_-]*$`)
	segmentPattern = regexp.MustCompile(`^[A-Za-z0-9_.][A-Za-z0-9_.-]*$`)
)

// defaultPort is the port that a canonical address omits.
func defaultPort(scheme string) string {
	return map[string]string{"http": "80", "https": "443", "ssh": "22"}[scheme]
}

// address is a canonical git address in its parts.
type address struct {
	scheme, user, host, port string
	// path holds the segments between the slashes.
	path []string
}

// within says whether a lies strictly below base: base is a prefix of it that ends between two segments.
func (a address) within(base address) bool {
	if a.scheme != base.scheme || a.user != base.user || a.host != base.host || a.port != base.port ||
		len(a.path) <= len(base.path) {
		return false
	}
	for i, segment := range base.path {
		if a.path[i] != segment {
			return false
		}
	}
	return true
}

// below returns the address of a path below a.
func (a address) below(segments []string) address {
	a.path = append(append([]string(nil), a.path...), segments...)
	return a
}

// parseAddress reads http(s)://host[:port][/path], ssh://user@host[:port][/path] or user@host:path. An error says why
// the address is not canonical.
func parseAddress(s string) (address, error) {
	if i := strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }); i >= 0 {
		return address{}, fmt.Errorf("it holds a space, a control character or a letter outside ASCII")
	}
	scheme, rest, found := strings.Cut(s, "://")
	if !found {
		return parseSCP(s)
	}
	switch scheme {
	case "http", "https", "ssh":
	default:
		return address{}, fmt.Errorf("it must begin with https://, http:// or ssh://, in lower case")
	}
	authority, path, hasPath := strings.Cut(rest, "/")
	a := address{scheme: scheme}
	var err error
	if a.user, authority, err = cutUser(scheme, authority); err != nil {
		return address{}, err
	}
	if a.host, a.port, err = cutPort(scheme, authority); err != nil {
		return address{}, err
	}
	if hasPath {
		if a.path, err = parsePath(path); err != nil {
			return address{}, err
		}
	}
	return a, nil
}

// parseSCP reads user@host:path, git's short form of ssh://user@host/path. This form has no port.
func parseSCP(s string) (address, error) {
	authority, path, found := strings.Cut(s, ":")
	if !found || !strings.Contains(authority, "@") {
		return address{}, fmt.Errorf("it is neither <scheme>://<host>/<path> nor git@<host>:<path>")
	}
	a := address{scheme: "ssh"}
	var err error
	if a.user, a.host, err = cutUser("ssh", authority); err != nil {
		return address{}, err
	}
	if !hostPattern.MatchString(a.host) {
		return address{}, fmt.Errorf("its host must be a lower-case name or address")
	}
	a.path, err = parsePath(path)
	return a, err
}

func cutUser(scheme, authority string) (user, host string, err error) {
	user, host, found := strings.Cut(authority, "@")
	if scheme != "ssh" {
		if found {
			return "", "", fmt.Errorf("it must not hold a user name or a password")
		}
		return "", authority, nil
	}
	if !found || !userPattern.MatchString(user) {
		return "", "", fmt.Errorf("it must name the user before the host, as in git@, and no password")
	}
	return user, host, nil
}

func cutPort(scheme, authority string) (host, port string, err error) {
	host = authority
	if i := strings.LastIndexByte(authority, ':'); i > strings.LastIndexByte(authority, ']') {
		host, port = authority[:i], authority[i+1:]
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 || strconv.FormatUint(n, 10) != port {
			return "", "", fmt.Errorf("its port must be a number from 1 to 65535")
		}
		if port == defaultPort(scheme) {
			return "", "", fmt.Errorf("port %s is the default of %s: leave it out", port, scheme)
		}
	}
	if !hostPattern.MatchString(host) {
		return "", "", fmt.Errorf("its host must be a lower-case name or address")
	}
	return host, port, nil
}

func parsePath(path string) ([]string, error) {
	segments := strings.Split(path, "/")
	for _, s := range segments {
		if s == "" || s == "." || strings.Contains(s, "..") {
			return nil, fmt.Errorf(`its path must be clean: no empty part, no "." or "..", and no / at the end`)
		}
		if !segmentPattern.MatchString(s) {
			return nil, fmt.Errorf("its path may hold letters, digits, _ . and - only, and no part may begin with -")
		}
	}
	return segments, nil
}
