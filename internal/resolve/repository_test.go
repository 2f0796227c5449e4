package resolve_test

import (
	"strings"
	"testing"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/resolve"
)

func gitlab(http, ssh string) *api.CodeRepoProvider {
	p := &api.CodeRepoProvider{Spec: api.CodeRepoProviderSpec{HTTPAddress: http, SSHAddress: ssh,
		ProviderType: "gitlab"}}
	p.Name = "gitlab"
	return p
}

func repoAt(url, name string) *api.CodeRepo {
	return &api.CodeRepo{Spec: api.CodeRepoSpec{URL: url, RepoName: name}}
}

func TestRepoURLThatIsPermitted(t *testing.T) {
	plain := gitlab("https://gitlab.example.com", "ssh://git@gitlab.example.com")
	for sentence, tc := range map[string]struct {
		provider      *api.CodeRepoProvider
		product, url  string
		repoName, got string
	}{
		"the default is made of address, group and name": {plain, "nautes-labs", "", "api",
			"https://gitlab.example.com/nautes-labs/api.git"},
		"a slash at the end of the address is one slash": {
			gitlab("https://gitlab.example.com/", ""), "nautes-labs", "", "api",
			"https://gitlab.example.com/nautes-labs/api.git"},
		"an address may have a port and a path": {
			gitlab("http://127.0.0.1:3000/git", ""), "g/s", "", "api", "http://127.0.0.1:3000/git/g/s/api.git"},
		"what is given is kept": {plain, "nautes-labs",
			"https://gitlab.example.com/nautes-labs/api", "x", "https://gitlab.example.com/nautes-labs/api"},
		"a sub-group lies below the product": {plain, "nautes-labs",
			"https://gitlab.example.com/nautes-labs/sub/api.git", "",
			"https://gitlab.example.com/nautes-labs/sub/api.git"},
		"ssh lies under the ssh address": {plain, "nautes-labs",
			"ssh://git@gitlab.example.com/nautes-labs/api.git", "", "ssh://git@gitlab.example.com/nautes-labs/api.git"},
		"the short form is ssh on the default port": {plain, "nautes-labs",
			"git@gitlab.example.com:nautes-labs/api.git", "", "git@gitlab.example.com:nautes-labs/api.git"},
		"ssh on another port": {
			gitlab("https://h", "ssh://git@h:2222"), "g", "ssh://git@h:2222/g/api.git", "",
			"ssh://git@h:2222/g/api.git"},
		"the ssh address may be given in the short form": {gitlab("https://h", "git@h"), "g", "git@h:g/api.git", "",
			"git@h:g/api.git"},
		"an IPv6 address": {gitlab("https://[fd00::1]:8443", ""), "g", "", "api", "https://[fd00::1]:8443/g/api.git"},
	} {
		t.Run(sentence, func(t *testing.T) {
			got, p := resolve.RepoURL(tc.provider, tc.product, repoAt(tc.url, tc.repoName))
			if p != nil || got != tc.got {
				t.Errorf("got %q, %v; want %q", got, p, tc.got)
			}
		})
	}
}

func TestTheProjectBehindACloneURL(t *testing.T) {
	plain, below := gitlab("https://gitlab.example.com", "ssh://git@gitlab.example.com"),
		gitlab("https://h/git/", "git@h")
	for url, want := range map[string]string{
		"https://gitlab.example.com/nautes-labs/api.git":   "nautes-labs/api",
		"https://gitlab.example.com/nautes-labs/sub/api":   "nautes-labs/sub/api",
		"ssh://git@gitlab.example.com/nautes-labs/api.git": "nautes-labs/api",
		"git@gitlab.example.com:nautes-labs/api.git":       "nautes-labs/api",
		"https://other.example.com/nautes-labs/api.git":    "", "https://gitlab.example.com": "", "": "",
	} {
		if got := resolve.ProjectPath(plain, url); got != want {
			t.Errorf("%s: got %q, want %q", url, got, want)
		}
	}
	for _, url := range []string{"https://h/git/g/api.git", "git@h:g/api.git"} {
		if got := resolve.ProjectPath(below, url); got != "g/api" {
			t.Errorf("%s: got %q", url, got)
		}
	}
}

func TestRepoURLThatIsRefused(t *testing.T) {
	const below = "https://gitlab.example.com/nautes-labs/"
	for sentence, url := range map[string]string{
		"another host":                        "https://gitlab.example.org/nautes-labs/api.git",
		"a host that begins like the address": "https://gitlab.example.com.evil.org/nautes-labs/api.git",
		"a host that ends like the address":   "https://evil-gitlab.example.com/nautes-labs/api.git",
		"a host with a dot at the end":        "https://gitlab.example.com./nautes-labs/api.git",
		"another port":                        "https://gitlab.example.com:8443/nautes-labs/api.git",
		"the default port, spelt out":         "https://gitlab.example.com:443/nautes-labs/api.git",
		"an empty port":                       "https://gitlab.example.com:/nautes-labs/api.git",
		"a port with leading zeros":           "https://gitlab.example.com:0443/nautes-labs/api.git",
		"another scheme":                      "http://gitlab.example.com/nautes-labs/api.git",
		"a scheme that runs a program":        "ext::sh -c x",
		"a file":                              "file:///nautes-labs/api.git",
		"a path on this machine":              "/nautes-labs/api.git",
		"upper case in the scheme":            "HTTPS://gitlab.example.com/nautes-labs/api.git",
		"upper case in the host":              "https://GitLab.example.com/nautes-labs/api.git",
		"a user name":                         "https://oauth2@gitlab.example.com/nautes-labs/api.git",
		"a password":                          "https://u:p@gitlab.example.com/nautes-labs/api.git",
		"the address as a user name":          "https://gitlab.example.com@evil.org/nautes-labs/api.git",
		"a backslash before the host":         `https://evil.org\@gitlab.example.com/nautes-labs/api.git`,
		"another group":                       "https://gitlab.example.com/other/api.git",
		"a group that begins like ours":       "https://gitlab.example.com/nautes-labs-evil/api.git",
		"a group that differs in case":        "https://gitlab.example.com/Nautes-Labs/api.git",
		"the group below another":             "https://gitlab.example.com/other/nautes-labs/api.git",
		"the group itself":                    "https://gitlab.example.com/nautes-labs",
		"the group itself as a repository":    "https://gitlab.example.com/nautes-labs.git",
		"a repository without a name":         below + ".git",
		"up and out":                          below + "../other/api.git",
		"up, encoded":                         below + "%2e%2e/other/api.git",
		"up, encoded slash":                   below + "..%2fother/api.git",
		"a dot":                               below + "./api.git",
		"an empty part":                       below + "/api.git",
		"a slash at the end":                  below + "api.git/",
		"a query":                             below + "api.git?ref=x",
		"an empty query":                      below + "api.git?",
		"a fragment":                          below + "api.git#x",
		"a star":                              below + "*",
		"a double star":                       below + "**",
		"a question mark in a name":           below + "ap?.git",
		"a class":                             below + "[a-z]",
		"alternatives":                        below + "{api,web}.git",
		"a negation":                          "!" + below + "api.git",
		"a space":                             below + "api .git",
		"a space before it":                   " " + below + "api.git",
		"a new line":                          below + "api.git\nx",
		"a zero byte":                         below + "api\x00.git",
		"a letter that looks like another":    "https://gitlab.example.com/nautes-l\u0430bs/api.git",
		"an option for git":                   "--upload-pack=x",
		"a part that looks like an option":    below + "-api.git",
		"GitLab's own pages":                  below + "api/-/archive",
		"ssh without a user":                  "ssh://gitlab.example.com/nautes-labs/api.git",
		"ssh with another user":               "ssh://root@gitlab.example.com/nautes-labs/api.git",
		"ssh with a password":                 "ssh://git:x@gitlab.example.com/nautes-labs/api.git",
		"ssh on another port":                 "ssh://git@gitlab.example.com:2222/nautes-labs/api.git",
		"ssh to an option":                    "ssh://git@-oProxyCommand=x/nautes-labs/api.git",
		"the short form with another user":    "root@gitlab.example.com:nautes-labs/api.git",
		"the short form with a port":          "git@gitlab.example.com:2222/nautes-labs/api.git",
		"the short form from the root":        "git@gitlab.example.com:/nautes-labs/api.git",
		"the short form of another host":      "git@evil.org:nautes-labs/api.git",
		"the short form of another group":     "git@gitlab.example.com:other/api.git",
	} {
		t.Run(sentence, func(t *testing.T) {
			got, p := resolve.RepoURL(gitlab("https://gitlab.example.com", "ssh://git@gitlab.example.com"),
				"nautes-labs", repoAt(url, "api"))
			if p == nil {
				t.Fatalf("permitted %q", got)
			}
			if p.Reason != api.ReasonRepoOutsideProduct {
				t.Errorf("reason %s: %s", p.Reason, p.Message)
			}
		})
	}
}

func TestRepoURLWithoutAnSSHAddressPermitsNoSSH(t *testing.T) {
	if got, p := resolve.RepoURL(gitlab("https://h", ""), "g", repoAt("git@h:g/api.git", "")); p == nil {
		t.Errorf("permitted %q", got)
	}
}

func TestRepoURLOfAProductWhosePathLeavesTheGroup(t *testing.T) {
	for _, path := range []string{"", "..", "g/..", "g//h", "/g", "g/", "g/*"} {
		if got, p := resolve.RepoURL(gitlab("https://h", ""), path, repoAt("", "api")); p == nil {
			t.Errorf("path %q: permitted %q", path, got)
		}
	}
}

// Whatever is put together from these pieces: what is permitted begins with the product's place and cannot leave it.
func TestNoCombinationLeavesTheProduct(t *testing.T) {
	starts := []string{"https://h", "http://h", "https://H", "https://h:443", "https://u@h", "ssh://git@h", "git@h:",
		"//h", "https:h", "https:///h"}
	pieces := []string{"", "/", "/g", "/g/", "g/", "//g", "/g2", "/..", "/.", "/%2e%2e", "/x", "/x.git", ".git", "?x",
		"#x", "*", "\\", "@h/g"}
	permitted := 0
	for _, start := range starts {
		for _, a := range pieces {
			for _, b := range pieces {
				for _, c := range pieces {
					url := start + a + b + c
					got, p := resolve.RepoURL(gitlab("https://h", "ssh://git@h"), "g", repoAt(url, "n"))
					if p != nil {
						continue
					}
					permitted++
					rest, found := strings.CutPrefix(got, "https://h/g/")
					if !found {
						rest, found = strings.CutPrefix(got, "ssh://git@h/g/")
					}
					if !found {
						rest, found = strings.CutPrefix(got, "git@h:g/")
					}
					if got != url || !found || rest == "" || strings.Contains(rest, "..") ||
						strings.ContainsAny(rest, "?#*%\\@:") {
						t.Errorf("permitted %q", got)
					}
				}
			}
		}
	}
	if permitted == 0 {
		t.Error("nothing was permitted at all")
	}
}

func TestProviderAddresses(t *testing.T) {
	for sentence, tc := range map[string]struct {
		http, ssh, api string
		names          string // the field that is refused
	}{
		"all addresses are canonical":           {"https://h", "ssh://git@h:2222", "https://h/api/v4", ""},
		"a slash at the end is tolerated":       {"https://h/", "ssh://git@h/", "https://h/api/v4/", ""},
		"only the HTTP address is needed":       {"http://127.0.0.1:8080", "", "", ""},
		"the short form of ssh":                 {"https://h", "git@h:", "", ""},
		"an HTTP address in capitals":           {"https://Gitlab", "", "", "httpAddress"},
		"an HTTP address with its default port": {"http://h:80", "", "", "httpAddress"},
		"an HTTP address with a star":           {"https://*.example.com", "", "", "httpAddress"},
		"an HTTP address that climbs":           {"https://h/a/..", "", "", "httpAddress"},
		"an ssh address without a user":         {"https://h", "ssh://h", "", "sshAddress"},
		"an ssh address that is HTTP":           {"https://h", "https://h", "", "sshAddress"},
		"an API server that is not HTTP":        {"https://h", "", "ssh://git@h", "apiServer"},
		"an API server with a query":            {"https://h", "", "https://h/api?x", "apiServer"},
	} {
		t.Run(sentence, func(t *testing.T) {
			provider := gitlab(tc.http, tc.ssh)
			provider.Spec.APIServer = tc.api
			wrong := resolve.ProviderAddresses(provider)
			if tc.names == "" {
				if len(wrong) > 0 {
					t.Fatalf("refused: %v", wrong)
				}
				return
			}
			if len(wrong) != 1 || wrong[0].Class != problem.Invalid ||
				!strings.Contains(wrong[0].Message, "spec."+tc.names) || wrong[0].Field != "spec."+tc.names {
				t.Errorf("got %v, want a message about spec.%s", wrong, tc.names)
			}
			if _, refused := resolve.RepoURL(provider, "g", repoAt("", "api")); refused == nil &&
				tc.names != "apiServer" {
				t.Error("a code repo is permitted at an address that is refused")
			}
		})
	}
}
