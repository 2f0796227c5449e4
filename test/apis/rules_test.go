package apis

import (
	"slices"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// rule is a validation rule of a CRD, known by its message, with objects on both sides of it.
type rule struct {
	message  string
	accepted []client.Object
	refused  []client.Object
}

func allRules() map[string][]rule {
	return map[string][]rule{
		"Cluster":           clusterRules(),
		"CodeRepo":          codeRepoRules(),
		"CodeRepoBinding":   codeRepoBindingRules(),
		"CodeRepoProvider":  codeRepoProviderRules(),
		"DeploymentRuntime": deploymentRuntimeRules(),
		"Environment":       environmentRules(),
		"Product":           productRules(),
		"ProductProvider":   productProviderRules(),
		"Project":           projectRules(),
	}
}

func TestRulesBothWays(t *testing.T) {
	for kind, rules := range allRules() {
		for _, r := range rules {
			t.Run(kind+": "+r.message, func(t *testing.T) {
				if len(r.accepted) == 0 || len(r.refused) == 0 {
					t.Fatal("a rule needs an object on either side of it")
				}
				for _, o := range r.accepted {
					o.SetNamespace("default")
					if got := refusal(tried(t.Context(), o)); got != "" {
						t.Errorf("%s %+v is refused: %s", o.GetName(), o, got)
					}
				}
				for _, o := range r.refused {
					o.SetNamespace("default")
					if got := refusal(tried(t.Context(), o)); !strings.Contains(got, r.message) {
						t.Errorf("%s %+v: got %q, want the message of the rule", o.GetName(), o, got)
					}
				}
			})
		}
	}
}

// TestEveryRuleIsTried fails when somebody adds a rule to the API types and forgets it here.
func TestEveryRuleIsTried(t *testing.T) {
	tables := allRules()
	for _, d := range definitions(t) {
		kind := d.Spec.Names.Kind
		var known, declared []string
		for _, r := range tables[kind] {
			known = append(known, r.message)
		}
		declared = append(declared, messagesOf(d)...)
		for _, m := range declared {
			if !slices.Contains(known, m) {
				t.Errorf("%s: no test tries the rule %q", kind, m)
			}
		}
		for _, m := range known {
			if !slices.Contains(declared, m) {
				t.Errorf("%s: the CRD has no rule %q", kind, m)
			}
		}
	}
}

func messagesOf(d *apiextensionsv1.CustomResourceDefinition) []string {
	var out []string
	for _, v := range root(d).XValidations {
		out = append(out, v.Message)
	}
	for _, n := range nodes(d, "spec") {
		out = append(out, n.ruleMessages()...)
	}
	return out
}

// named returns a copy of the object per name.
func named(o client.Object, names ...string) []client.Object {
	out := make([]client.Object, 0, len(names))
	for _, name := range names {
		c := o.DeepCopyObject().(client.Object)
		c.SetName(name)
		out = append(out, c)
	}
	return out
}

const dnsLabelMessage = "the name must be a DNS label: lower-case letters, digits and -, at most 63 characters"

// dnsLabel is the rule that most kinds have for their names.
func dnsLabel(o client.Object) rule {
	return rule{
		message:  dnsLabelMessage,
		accepted: named(o, "a", "0", "a-b", strings.Repeat("a", 63)),
		// What is not even a DNS subdomain is refused by Kubernetes before any rule of ours.
		refused: named(o, "a.b", strings.Repeat("a", 64)),
	}
}
