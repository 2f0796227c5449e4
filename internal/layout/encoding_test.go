package layout_test

import (
	"encoding/binary"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/layout"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// inUTF16 writes a text as PowerShell's redirection does.
func inUTF16(text string) string {
	data := []byte("\xff\xfe")
	for _, unit := range utf16.Encode([]rune(text)) {
		data = binary.LittleEndian.AppendUint16(data, unit)
	}
	return string(data)
}

func TestAFileInAnyEncodingThatArgoCDReadsCounts(t *testing.T) {
	latin := guide + "# f\xfcr alle\n"
	for name, data := range map[string]string{
		"UTF-16":         inUTF16("# für alle\n" + guide),
		"UTF-16 as CRLF": inUTF16(strings.ReplaceAll(guide, "\n", "\r\n")),
		"a mark":         "\ufeff" + guide,
		"another one":    latin,
	} {
		t.Run(name, func(t *testing.T) {
			files := tree(map[string]string{"runtimes/dr-dev.yaml": data})
			e := files.First("DeploymentRuntime", "dr-dev")
			if e == nil {
				t.Fatalf("not there: %v", files.Findings())
			}
			if diff := cmp.Diff(runtime("dr-dev").Spec, e.Object.(*api.DeploymentRuntime).Spec); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestASaveWritesUTF16AsUTF8(t *testing.T) {
	files := tree(map[string]string{"runtimes/dr-dev.yaml": inUTF16("# für alle\n" + guide)})
	changed := runtime("dr-dev")
	changed.Spec.ManifestSource.TargetRevision = "v2"
	edits, _, err := layout.Save(files, changed)
	if err != nil {
		t.Fatal(err)
	}
	want := "# für alle\n" + strings.Replace(guide, "HEAD", "v2", 1)
	if diff := cmp.Diff(want, string(edits[0].Data)); diff != "" {
		t.Error(diff)
	}
}

func TestASaveLosesNoCharacterOfAnotherEncoding(t *testing.T) {
	files := tree(map[string]string{"runtimes/dr-dev.yaml": guide + "# f\xfcr alle\n"})
	changed := runtime("dr-dev")
	changed.Spec.ManifestSource.TargetRevision = "v2"
	edits, _, err := layout.Save(files, changed)
	p := problem.As(err)
	if p == nil || p.Reason != problem.ReasonFileUnreadable || !strings.Contains(p.Message, "line 14") {
		t.Errorf("got %v %s", err, edits)
	}
}

func TestAValueOfAWrongTypeIsNamedWithWhatToDo(t *testing.T) {
	for name, c := range map[string]struct{ file, want string }{
		"a name": {strings.Replace(guide, "name: dr-dev", "name: 20261128", 1),
			"metadata.name of the DeploymentRuntime must be a string, not a number: put it in quotes"},
		"a revision": {strings.Replace(guide, "HEAD", "1.10", 1), `spec.manifestSource.targetRevision of ` +
			`DeploymentRuntime "dr-dev" must be a string, not a number: put it in quotes`},
		"a commit of digits": {strings.Replace(guide, "HEAD", "0192117", 1), `spec.manifestSource.targetRevision of ` +
			`DeploymentRuntime "dr-dev" must be a string, not a number: put it in quotes`},
		"a commit like a float": {strings.Replace(guide, "HEAD", "6063e25", 1), `spec.manifestSource.targetRevision of ` +
			`DeploymentRuntime "dr-dev" must be a string, not a number: put it in quotes`},
		"a branch like a boolean": {strings.Replace(guide, "HEAD", "on", 1), `spec.manifestSource.targetRevision of ` +
			`DeploymentRuntime "dr-dev" must be a string, not a boolean: put it in quotes`},
		"a switch": {guide + "  suspend: \"true\"\n",
			`spec.suspend of DeploymentRuntime "dr-dev" must be true or false, not a string: write it without quotes`},
	} {
		t.Run(name, func(t *testing.T) {
			findings := tree(map[string]string{"runtimes/x.yaml": c.file}).Findings()
			if len(findings) != 1 || !strings.Contains(findings[0].Message, c.want) {
				t.Errorf("got %+v", findings)
			}
		})
	}
}
