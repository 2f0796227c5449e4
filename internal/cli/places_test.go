package cli

import (
	"net/http"
	"strings"
	"testing"

	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// three are an environment, a runtime and a project in one file.
func three(t *testing.T) string {
	t.Helper()
	return head + "kind: Environment\nmetadata: {name: env}\nspec: {product: product-7}\n---\n" +
		readTestdata(t, "guide.yaml") + "---\n" + head + "kind: Project\nmetadata: {name: p}\nspec: {product: product-7}\n"
}

func TestWhatIsRefusedIsToldWithFileLineAndObject(t *testing.T) {
	violation := wire.Violation{Rule: "EnvironmentNotFound", Field: "spec.destination", Message: "there is none",
		Params: map[string]string{"kind": "DeploymentRuntime", "name": "dr-dev"}}
	for name, c := range map[string]struct {
		answer any
		says   string
	}{
		"by a rule": {refuse(http.StatusUnprocessableEntity, "INVALID", "there is none", violation),
			"  - stdin, line 6: DeploymentRuntime dr-dev: spec.destination: there is none [EnvironmentNotFound]\n"},
		"by its form": {refuse(http.StatusBadRequest, "BAD_REQUEST", "document 3 of the batch: spec is odd"),
			"error: saving resources of product-7: stdin, line 6: DeploymentRuntime dr-dev: spec is odd\n"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t).on("POST products/product-7/changes", c.answer)
			r := nautes(t, s, []string{"apply", "-f", "-"}, stdin(three(t)))
			if r.code != 2 || !strings.Contains(r.stderr, c.says) {
				t.Errorf("exit code %d, stderr does not say %q: %s", r.code, c.says, r.stderr)
			}
		})
	}
}

func TestIgnoredMembersAreToldWithARefusal(t *testing.T) {
	refused := refuse(http.StatusUnprocessableEntity, "INVALID", "destination is required")
	body, _ := refused.body.(wire.Problem)
	body.Warnings = []string{"UNKNOWN_MEMBER: spec.destinationn is not known and was ignored"}
	refused.body = body
	s := newServer(t).on("POST products/product-7/changes", refused)
	r := nautes(t, s, []string{"apply", "-f", "testdata/guide.yaml"})
	expect(t, r, 2)
	if !strings.Contains(r.stderr, "warning: UNKNOWN_MEMBER: spec.destinationn") {
		t.Errorf("stderr: %s", r.stderr)
	}
}

func TestStrictRefusesMembersThatMeanNothing(t *testing.T) {
	input := strings.Replace(three(t), "projectsRef", "projectRefs", 1)
	s := newServer(t).on("POST products/product-7/changes", saved(commit))
	r := nautes(t, s, []string{"apply", "-f", "-", "--strict"}, stdin(input))
	expect(t, r, 2)
	same(t, "requests", []string{}, s.asked())
	if !strings.Contains(r.stderr, "stdin, line 6: DeploymentRuntime dr-dev: spec.projectRefs; correct or remove") {
		t.Errorf("stderr: %s", r.stderr)
	}
	expect(t, nautes(t, s, []string{"apply", "-f", "-", "--strict"}, stdin(three(t))), 0)
	expect(t, nautes(t, s, []string{"apply", "-f", "-"}, stdin(input)), 0)
	same(t, "requests", []string{"POST products/product-7/changes?strict=true", "POST products/product-7/changes"},
		s.asked())
}
