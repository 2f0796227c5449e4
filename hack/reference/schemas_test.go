package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"sigs.k8s.io/yaml"

	"github.com/nautes-labs/deployment-runtime/internal/cli"
)

const runtime = `apiVersion: nautes.resource.nautes.io/v1alpha1
kind: DeploymentRuntime
metadata:
  name: dr-dev
spec:
  destination: env-dev
  manifestSource:
    codeRepo: repo-3
    path: manifests/development
    targetRevision: HEAD
  product: product-7
  projectsRef: [api-server]
`

// compile returns a schema of the repository, as an editor reads it.
func compile(t *testing.T, path string) *jsonschema.Schema {
	t.Helper()
	s, err := jsonschema.NewCompiler().Compile(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func decode(t *testing.T, text []byte) any {
	t.Helper()
	data, err := yaml.YAMLToJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// TestSamplesNameTheSchemaThatAcceptsThem reads the comment that the YAML language server reads.
func TestSamplesNameTheSchemaThatAcceptsThem(t *testing.T) {
	comment := regexp.MustCompile(`^# yaml-language-server: \$schema=(\S+)\n`)
	found := 0
	err := filepath.WalkDir("../../config/samples", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(text, []byte("apiVersion: nautes.resource.nautes.io/")) {
			return err
		}
		found++
		m := comment.FindSubmatch(text)
		if m == nil {
			t.Errorf("%s does not begin with a comment that names its schema", path)
			return nil
		}
		if err := compile(t, filepath.Join(filepath.Dir(path), string(m[1]))).Validate(decode(t, text)); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		return nil
	})
	if err != nil || found < 9 {
		t.Fatalf("%d samples were found: %v", found, err)
	}
}

func TestSchemasAcceptTheFullObjectOfEveryKind(t *testing.T) {
	byKind := compile(t, "../../schemas/nautes.json")
	paths, err := filepath.Glob("../../test/apis/testdata/full/*.yaml")
	if err != nil || len(paths) < 9 {
		t.Fatalf("found %v: %v", paths, err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := byKind.Validate(decode(t, text)); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestEditorsNameTheFieldsThatValidateNames refuses files twice: with the schema, and with `nautes validate`.
func TestEditorsNameTheFieldsThatValidateNames(t *testing.T) {
	schema, byKind := compile(t, "../../schemas/deploymentruntime.json"), compile(t, "../../schemas/nautes.json")
	for name, c := range map[string]struct {
		old, changed string
		field        string
		// said: the schema brings the sentence of validate for its editor.
		said bool
	}{
		"a field is missing":      {"  destination: env-dev\n", "", "spec.destination", false},
		"a field is empty":        {"env-dev", `""`, "spec.destination", false},
		"a field is unknown":      {"spec:\n", "spec:\n  suspended: true\n", "spec.suspended", false},
		"a nested one is unknown": {"    path", "    branch: main\n    path", "spec.manifestSource.branch", false},
		"a word is unknown":       {"spec:\n", "spec:\n  deletionPolicy: Keep\n", "spec.deletionPolicy", true},
		"a pattern":               {"repo-3", "Repo_3", "spec.manifestSource.codeRepo", true},
		"a name":                  {"name: dr-dev", "name: DR_dev", "metadata.name", true},
		"an entry is empty":       {"[api-server]", `[api-server, ""]`, "spec.projectsRef[1]", false},
		"an entry is too long": {"[api-server]", "[" + strings.Repeat("a", 64) + "]", "spec.projectsRef[0]",
			false},
		"an entry stands there twice": {"[api-server]", "[a, b, a]", "spec.projectsRef[2]", false},
		"too many entries": {"[api-server]", "[" + entries(201) + "]", "spec.projectsRef",
			false},
		"too long": {"manifests/development", strings.Repeat("a", 1025), "spec.manifestSource.path", false},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(runtime, c.old, c.changed, 1)
			if text == runtime {
				t.Fatalf("%q does not stand in the file", c.old)
			}
			told := validate(t, text)
			i := slices.IndexFunc(told, func(f finding) bool {
				return f.Field == c.field || strings.HasSuffix(f.Message, ": remove "+c.field)
			})
			if i < 0 {
				t.Fatalf("validate names %v, not %s", told, c.field)
			}
			for _, s := range []*jsonschema.Schema{schema, byKind} {
				complaints := complaintsOf(t, s.Validate(decode(t, []byte(text))))
				if !slices.Contains(complaints, c.field) {
					t.Errorf("the schema names %v, not %s", complaints, c.field)
				}
			}
			if said := sentences(t, c.field); c.said && !slices.Contains(said, told[i].Message) {
				t.Errorf("validate says %q, the editor %q", told[i].Message, said)
			}
		})
	}
	if told := validate(t, runtime); len(told) > 0 {
		t.Errorf("the file is refused before it is changed: %v", told)
	}
}

func entries(n int) string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf("a%d", i))
	}
	return strings.Join(out, ",")
}

// complaintsOf returns the paths of the fields that a schema complains of.
func complaintsOf(t *testing.T, err error) []string {
	t.Helper()
	var refusal *jsonschema.ValidationError
	if !errors.As(err, &refusal) {
		t.Fatalf("the schema accepts the file: %v", err)
	}
	var out []string
	for _, cause := range refusal.Causes {
		out = append(out, complaintsOf(t, cause)...)
	}
	at := pathOf(refusal.InstanceLocation)
	switch k := refusal.ErrorKind.(type) {
	case *kind.Required:
		for _, name := range k.Missing {
			out = append(out, at+"."+name)
		}
	case *kind.AdditionalProperties:
		for _, name := range k.Properties {
			out = append(out, at+"."+name)
		}
	case *kind.UniqueItems:
		out = append(out, fmt.Sprintf("%s[%d]", at, k.Duplicates[1]))
	default:
		out = append(out, at)
	}
	return out
}

func pathOf(location []string) string {
	out := ""
	for _, part := range location {
		if strings.Trim(part, "0123456789") == "" {
			out += "[" + part + "]"
		} else {
			out += "." + part
		}
	}
	return strings.TrimPrefix(out, ".")
}

// sentences returns what an editor says of a field besides its own words.
func sentences(t *testing.T, field string) []string {
	t.Helper()
	text, err := os.ReadFile("../../schemas/deploymentruntime.json")
	if err != nil {
		t.Fatal(err)
	}
	var at map[string]any
	if err := json.Unmarshal(text, &at); err != nil {
		t.Fatal(err)
	}
	for part := range strings.SplitSeq(field, ".") {
		properties, _ := at["properties"].(map[string]any)
		at, _ = properties[part].(map[string]any)
	}
	var out []string
	for _, keyword := range []string{"patternErrorMessage", "errorMessage"} {
		if said, is := at[keyword].(string); is {
			out = append(out, said)
		}
	}
	return out
}

// finding is what `nautes validate -o json` tells of a file.
type finding struct {
	Field   string `json:"field"`
	Message string `json:"message"`
	Warning bool   `json:"warning"`
}

// validate runs the command on a checkout with one file, and returns its errors about the file itself.
func validate(t *testing.T, text string) []finding {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "runtimes"), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "runtimes", "dr-dev.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	cli.Run(t.Context(), cli.Surroundings{Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr},
		[]string{"validate", dir, "-o", "json"})
	var report struct {
		Findings []struct {
			finding
			Rule string `json:"rule"`
		} `json:"findings"`
	}
	if err := json.Unmarshal(stdout.Bytes(), &report); err != nil {
		t.Fatalf("%v: %s %s", err, stdout.String(), stderr.String())
	}
	var out []finding
	for _, f := range report.Findings {
		if !f.Warning && (f.Rule == "InvalidField" || f.Rule == "STREAM_BLOCKED") {
			out = append(out, f.finding)
		}
	}
	return out
}
