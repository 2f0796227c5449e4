package cli

import (
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// mainOfTheGoodCheckout answers with what main holds: what the good checkout holds, and more of these kinds.
func mainOfTheGoodCheckout(t *testing.T, verdict any, more map[string][]any) *apiServer {
	t.Helper()
	named := func(name string) any { return map[string]string{"name": name} }
	s := newServer(t).on("POST products/product-7/changes?dry_run=true", verdict)
	for collection, all := range map[string][]any{
		"environments":       {named("env-dev")},
		"projects":           {named("api-server")},
		"coderepos":          {named("api-server")}, // repo-3, by its path
		"coderepobindings":   {named("everyone")},
		"deploymentruntimes": {named("dr-dev")},
	} {
		s.on("GET products/product-7/"+collection, items(append(all, more[collection]...)...))
	}
	return s
}

func verdictOf(verdict string, violations ...wire.Violation) map[string]any {
	return map[string]any{"verdict": verdict, "diff": "", "plan": nil, "warnings": []string{}, "violations": violations}
}

func about(kind, name, rule, message string) wire.Violation {
	return wire.Violation{Rule: rule, Message: message, Params: map[string]string{"kind": kind, "name": name}}
}

func TestValidateWithTheServer(t *testing.T) {
	answer := verdictOf("refused", wire.Violation{Rule: "ClusterNotFound", Field: "spec.cluster",
		Message: "there is no such cluster", Params: map[string]string{"kind": "Environment", "name": "env-dev"}})
	answer["warnings"] = []string{"UNCHECKED:NamespaceInUse: nobody could be asked", "STREAM_BLOCKED: x"}
	s := mainOfTheGoodCheckout(t, answer, nil)
	r := nautes(t, s, []string{"validate", "testdata/checkout/good", "--server"}, noProduct())
	expect(t, r, 2)
	golden(t, "validate-server", r.stdout)
	same(t, "stderr", "warning: STREAM_BLOCKED: x\n", r.stderr)
	same(t, "objects", 5, len(sent(t, s)[0]))
	checkUnderstood(t, "", s.bodies("POST")[0])
	for _, c := range sent(t, s)[0] { // a push of the file takes away what it does not mention
		if absent := wire.Absent(c.Object); len(absent) > 0 {
			t.Errorf("the server would keep %v of %s", absent, c.Object)
		}
	}
}

func TestWhatIsTheSameInMainIsJudgedAsWell(t *testing.T) {
	s := mainOfTheGoodCheckout(t,
		verdictOf("unchanged", about("Environment", "env-dev", "ClusterNotFound", "there is no such cluster")), nil)
	r := nautes(t, s, []string{"validate", "testdata/checkout/good", "--server"}, noProduct())
	expect(t, r, 2)
	if !strings.Contains(r.stdout,
		"envs/env-dev.yaml:1: error: Environment env-dev: there is no such cluster [ClusterNotFound]") {
		t.Errorf("stdout: %s", r.stdout)
	}
}

func TestWhatTheCheckoutDeletesIsJudged(t *testing.T) {
	gone := map[string][]any{
		"environments": {map[string]string{"name": "env-prod"}},
		"coderepos":    {map[string]string{"name": "web"}},
	}
	s := mainOfTheGoodCheckout(t,
		verdictOf("refused", about("CodeRepo", "web", "InUse", "it is needed by another product")), gone)
	r := nautes(t, s, []string{"validate", "testdata/checkout/good", "--server"}, noProduct())
	expect(t, r, 2)
	var deleted []string
	for _, c := range sent(t, s)[0] {
		if c.Delete {
			deleted = append(deleted, c.Kind+" "+c.Name)
		}
	}
	slices.Sort(deleted)
	same(t, "deleted", []string{"CodeRepo web", "Environment env-prod"}, deleted)
	checkUnderstood(t, "", s.bodies("POST")[0])
	if !strings.Contains(r.stdout, "code-repos:1: error: CodeRepo web: it is needed by another product [InUse]") {
		t.Errorf("stdout: %s", r.stdout)
	}
	if !strings.Contains(r.stderr, "judged as deleted") ||
		!strings.Contains(r.stderr, "Environment env-prod, CodeRepo web") {
		t.Errorf("stderr: %s", r.stderr)
	}
}

func TestWhatCannotBeReadIsNotJudgedAsDeleted(t *testing.T) {
	s := newServer(t).on("POST products/product-7/changes?dry_run=true", verdictOf("save"))
	r := nautes(t, s, []string{"validate", "testdata/checkout/broken", "--server"}, noProduct())
	expect(t, r, 2)
	same(t, "requests", []string{"POST products/product-7/changes?dry_run=true"}, s.asked())
	seen := map[string]bool{}
	for _, c := range sent(t, s)[0] {
		if c.Delete || seen[string(c.Object)] {
			t.Errorf("deleted, or sent twice: %+v", c)
		}
		seen[string(c.Object)] = true
	}
	if !strings.Contains(r.stderr, "what was deleted is not judged") {
		t.Errorf("stderr: %s", r.stderr)
	}
}

func TestReportsAreWrittenWhateverTheServerSays(t *testing.T) {
	shape := refuse(http.StatusUnprocessableEntity, "INVALID", "wrong",
		about("Environment", "env-dev", "InvalidField", "the server alone knows why"))
	down := refuse(http.StatusServiceUnavailable, "GITLAB_UNAVAILABLE", "GitLab is down")
	tests := map[string]struct {
		checkout string
		answer   answer
		code     int
		report   string
		stderr   string
	}{
		"objects without a permitted form": {checkout: "good", answer: shape, code: 2,
			report: "the server alone knows why"},
		"the server is down": {checkout: "good", answer: later(down, "90"), code: 6,
			report: `failures="0" skipped="12"`, stderr: "GitLab is down"},
		"it is down, and the files are wrong": {checkout: "broken", answer: later(down, "90"), code: 2,
			report: "NamespaceReserved", stderr: "warning: asking the server to judge the checkout: GitLab is down"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := mainOfTheGoodCheckout(t, test.answer, nil)
			file := t.TempDir() + "/junit.xml"
			r := nautes(t, s, []string{"validate", "testdata/checkout/" + test.checkout, "--server", "-o",
				"junit=" + file}, noProduct())
			expect(t, r, test.code)
			data, err := os.ReadFile(file)
			if err != nil || !strings.Contains(string(data), test.report) {
				t.Errorf("%v: the report does not say %q: %s", err, test.report, data)
			}
			if !strings.Contains(r.stderr, test.stderr) {
				t.Errorf("stderr: %s", r.stderr)
			}
		})
	}
}

func TestACheckoutThatIsTooLargeForOneJudgement(t *testing.T) {
	dir := t.TempDir()
	for i := range 1001 {
		write(t, dir, "envs/e"+strconv.Itoa(i)+".yaml", head+"kind: Environment\nmetadata: {name: e"+strconv.Itoa(i)+
			"}\nspec: {product: product-7, cluster: c"+strconv.Itoa(i)+", envType: dev}\n")
	}
	s := mainOfTheGoodCheckout(t, verdictOf("save"), nil)
	r := nautes(t, s, []string{"validate", dir, "--server"}, noProduct())
	expect(t, r, 2)
	same(t, "judgements", 0, len(s.bodies("POST")))
	if !strings.Contains(r.stdout, "1001 resources of product-7: 0 errors") ||
		!strings.Contains(r.stderr, "more than the 1000") {
		t.Errorf("%s%s", r.stdout, r.stderr)
	}
}
