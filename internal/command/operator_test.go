package command

import (
	"bytes"
	"strings"
	"testing"
)

func TestTheOperatorRefusesFlagsThatMakeNoSense(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"profiles for everybody": {[]string{"--pprof-bind-address", ":6060"},
			"--pprof-bind-address must be a loopback address"},
		"profiles at an address of hosts": {[]string{"--pprof-bind-address", "10.0.0.1:6060"},
			"--pprof-bind-address must be a loopback address"},
		"profiles without a port": {[]string{"--pprof-bind-address", "127.0.0.1"},
			"--pprof-bind-address must be a loopback address"},
		"a negative grace": {[]string{"--teardown-grace", "-1s"}, "--teardown-grace must not be negative"},
		"a percentage above 100": {[]string{"--teardown-brake-percent", "101"},
			"--teardown-brake-percent must be between 0 and 100"},
		"no wait before a retry":                {[]string{"--sync-retry-first", "0"}, "--sync-retry-first must be positive"},
		"a shard that no Lease can be named by": {[]string{"--shard", "A_b"}, "--shard must be a name of"},
		"a shard without a Lease": {[]string{"--shard", "a", "--leader-elect=false"},
			"--shard needs --leader-elect"},
		"two ways to reach the repo-server": {
			[]string{"--argocd-repo-server-plaintext", "--argocd-repo-server-ca", "x"}, "exclude each other",
		},
		"an address of profiles that is fine": {[]string{"--pprof-bind-address", "127.0.0.1:6060", "--kubeconfig",
			"/nowhere"}, "/nowhere"},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errs bytes.Buffer
			if code := Execute(t.Context(), append([]string{"operator"}, c.args...), &out, &errs); code != 1 {
				t.Errorf("exit code %d", code)
			}
			if !strings.Contains(errs.String(), c.want) {
				t.Errorf("got %q", errs.String())
			}
		})
	}
}
