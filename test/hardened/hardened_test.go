package hardened_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/nautes-labs/deployment-runtime/test/hardened"
)

const good = `kind: Job
spec:
  template:
    spec:
      serviceAccountName: a
      automountServiceAccountToken: false
      securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
      containers:
      - name: main
        resources: {requests: {cpu: 1m}, limits: {memory: 1Mi}}
        securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
`

// but is the good manifest with a change.
func but(was, is string) string { return strings.Replace(good, was, is, 1) }

func TestFaultsAreFound(t *testing.T) {
	for name, c := range map[string]struct{ manifest, want string }{
		"nothing":                 {good, ""},
		"no word about the token": {but("automountServiceAccountToken: false", ""), "needs a token"},
		"root":                    {but("runAsNonRoot: true", "runAsNonRoot: false"), "run as root"},
		"no seccomp":              {but("RuntimeDefault", "Unconfined"), "any system call"},
		"a root that may be written": {but("readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false"),
			"write to its root"},
		"more rights": {but("allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true"),
			"more rights"},
		"capabilities": {but("drop: [ALL]", "drop: [ALL], add: [NET_ADMIN]"), "capabilities"},
		"no limit":     {but(", limits: {memory: 1Mi}", ""), "no limit of memory"},
		"a container before the others": {but("containers:", "initContainers: [{name: first}]\n      containers:"),
			"first has no security context"},
		"the network of the node":      {but("      containers:", "      hostNetwork: true\n      containers:"), "shares"},
		"a ServiceAccount":             {"kind: ServiceAccount\nautomountServiceAccountToken: false", ""},
		"a ServiceAccount that mounts": {"kind: ServiceAccount", "mounts its token"},
		"another kind":                 {"kind: CronJob", "nobody looks"},
	} {
		o := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(c.manifest), &o.Object); err != nil {
			t.Fatal(err)
		}
		_, faults := hardened.Faults([]*unstructured.Unstructured{o})
		got := strings.Join(faults, "; ")
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
