package cli

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

const head = "apiVersion: nautes.resource.nautes.io/v1alpha1\n"

func TestInputForms(t *testing.T) {
	tests := map[string]struct {
		input string
		want  []string
	}{
		"the guide's file": {input: readTestdata(t, "guide.yaml"),
			want: []string{"DeploymentRuntime dr-dev in product-7"}},
		"several documents, sorted, with comments and empty ones": {
			input: "# first\n---\n" + head + "kind: DeploymentRuntime\nmetadata: {name: dr}\nspec: {product: " +
				"product-7}\n---\n---\n# nothing\n---\n" +
				head + "kind: Environment\nmetadata: {name: env}\nspec: {product: product-7}\n",
			want: []string{"Environment env in product-7", "DeploymentRuntime dr in product-7"},
		},
		"carriage returns": {
			input: strings.ReplaceAll(head+"kind: Project\nmetadata:\n  name: p\nspec:\n  product: product-7\n---\n"+
				head+"kind: Project\nmetadata:\n  name: q\nspec:\n  product: product-7\n", "\n", "\r\n"),
			want: []string{"Project p in product-7", "Project q in product-7"},
		},
		"anchors": {
			input: head +
				"kind: DeploymentRuntime\nmetadata: {name: dr}\nspec:\n  product: &p product-7\n  projectsRef: [*p]\n",
			want: []string{"DeploymentRuntime dr in product-7"},
		},
		"a PEM block": {
			input: head + "kind: Project\nmetadata:\n  name: p\n  annotations:\n    ca: |\n      -----BEGIN " +
				"CERTIFICATE-----\n      MIIB\n      -----END CERTIFICATE-----\nspec: {product: product-7}\n",
			want: []string{"Project p in product-7"},
		},
		"JSON": {
			input: `{"apiVersion":"nautes.resource.nautes.io/v1alpha1","kind":"Project","metadata":{"name":"p"},"spec":{"product":"a/b"}}`,
			want:  []string{"Project p in a/b"},
		},
		"a product by its id and its path": {
			input: head + "kind: Product\nmetadata: {name: product-7}\nspec: {name: a/b}\n",
			want:  []string{"Product a/b in "},
		},
		"a binding lies where its owner is": {
			input: head + "kind: CodeRepoBinding\nspec: {name: b, productName: owner, product: grantee}\n",
			want:  []string{"CodeRepoBinding b in owner"},
		},
		"a binding in the CRD form lies in its namespace": {
			input: head +
				"kind: CodeRepoBinding\nmetadata: {name: b, namespace: product-7}\nspec: {product: product-8}\n",
			want: []string{"CodeRepoBinding b in product-7"},
		},
		"a binding lies with the others": {
			input: head + "kind: CodeRepoBinding\nmetadata: {name: b}\nspec: {product: product-8}\n---\n" + head +
				"kind: Project\nmetadata: {name: p}\nspec: {product: product-7}\n",
			want: []string{"Project p in product-7", "CodeRepoBinding b in product-7"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			g := &global{Surroundings: &Surroundings{Stdin: strings.NewReader(test.input)}}
			all, err := g.readInput([]string{"-"})
			if err == nil {
				err = g.assign(all)
			}
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range all {
				got = append(got, r.String()+" in "+r.product)
			}
			same(t, "resources", test.want, got)
		})
	}
}

func TestInputThatStopsBeforeAnythingIsSent(t *testing.T) {
	good := head + "kind: Project\nmetadata: {name: p}\nspec: {product: product-7}\n"
	tests := map[string]struct{ input, says string }{
		"an unknown kind": {good + "---\n" + head + "kind: Pod\nmetadata: {name: x}\n",
			`stdin, line 6: "Pod"`},
		"a kind of another group": {good + "---\napiVersion: v1\nkind: Project\nmetadata: {name: x}\n",
			`of "v1" is not known, nothing was sent`},
		"an upstream kind": {good + "---\n" + head + "kind: ProjectPipelineRuntime\nspec: {name: x}\n",
			"ProjectPipelineRuntime"},
		"a cluster": {good + "---\n" + head + "kind: Cluster\nspec: {name: x, kubeconfig: " + canary +
			"}\n", "platform team"},
		"no name": {head + "kind: Project\nspec: {product: product-7}\n", "has no name"},
		"a name that is a path": {head + "kind: Project\nmetadata: {name: ..}\nspec: {product: product-7}\n",
			"no name of a resource"},
		"a name that is a number": {good + "---\n" + head + "kind: Project\nmetadata: {name: 20261128}\n",
			"stdin, line 6: Project: metadata.name must be a string, not a number: put it in quotes"},
		"a revision that is a number": {good + "---\n" + strings.Replace(readTestdata(t, "guide.yaml"), "HEAD", "1.10", 1),
			"DeploymentRuntime dr-dev: spec.manifestSource.targetRevision must be a string, not a number: put it in quotes"},
		"a number in upstream's form": {head + "kind: Project\nspec: {name: p, product: a/b, language: 1.2}\n",
			"stdin, line 1: Project p: language must be a string, not a number: put it in quotes"},
		"a product that is a number": {head + "kind: Project\nmetadata: {name: p}\nspec: {product: 7}\n",
			"stdin, line 1: Project p: spec.product must be a string, not a number: put it in quotes"},
		"a spec that is a list": {head + "kind: Project\nmetadata: {name: p}\nspec: [1]\n",
			"Project p: spec must be an object, not a list: correct it"},
		"a list":         {"[1, 2]\n", "stdin"},
		"broken YAML":    {good + "---\na: [\n", "stdin"},
		"a member twice": {head + "kind: Project\nkind: Project\nmetadata: {name: p}\n", "stdin"},
		"nothing":        {"# nothing\n", "stdin holds no resource"},
		"values of something else": {good + "---\nreplicas: 3\n",
			"stdin, line 6: the document is no resource, nothing was sent"},
		"the same resource twice":    {good + "---\n" + good, "stands in stdin, line 1 and in stdin, line 6"},
		"another product than asked": {good, "--product says product-8"},
		"no product":                 {head + "kind: Project\nmetadata: {name: p}\n", "names no product"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			args := []string{"apply", "-f", "-"}
			if strings.Contains(test.says, "--product says") {
				args = append(args, "-p", "product-8")
			}
			r := nautes(t, s, args, stdin(test.input), noProduct())
			if r.code != 2 && r.code != 1 {
				t.Errorf("exit code %d", r.code)
			}
			if !strings.Contains(r.stderr, test.says) {
				t.Errorf("stderr does not say %q: %s", test.says, r.stderr)
			}
			same(t, "requests", []string{}, s.asked())
		})
	}
}

func TestWaitingForInputCanBeStopped(t *testing.T) {
	for name, args := range map[string][]string{"resources": {"apply", "-f", "-"},
		"a token": {"get", "dr", "-t", "-"}} {
		t.Run(name, func(t *testing.T) {
			ctx, stop := context.WithCancel(t.Context())
			silent, end := io.Pipe()
			defer func() { _ = end.Close() }()
			var stderr strings.Builder
			codes := make(chan int)
			go func() {
				codes <- Run(ctx, Surroundings{Stdin: silent, Stdout: io.Discard, Stderr: &stderr,
					Defaults: Defaults{APIServer: "http://127.0.0.1:1", Product: "p"}}, args)
			}()
			if _, err := end.Write([]byte("k")); err != nil { // it waits for more from here on
				t.Fatal(err)
			}
			stop()
			same(t, "code", problem.ExitUnavailable, <-codes)
			same(t, "stderr", "error: stopped\n", stderr.String())
		})
	}
}

func TestADirectoryIsReadAsAWhole(t *testing.T) {
	dir := t.TempDir()
	project := func(name string) string {
		return head + "kind: Project\nmetadata: {name: " + name + "}\nspec: {product: product-7}\n"
	}
	write(t, dir, "projects/a/a.yaml", project("a"))
	write(t, dir, "b.yml", project("b"))
	write(t, dir, "README.md", "no resource")
	write(t, dir, ".git/config.yaml", "no resource")
	write(t, dir, ".hidden.yaml", "no resource")
	if err := os.Symlink(write(t, t.TempDir(), "c.yaml", project("c")), filepath.Join(dir, "c.yaml")); err != nil {
		t.Fatal(err)
	}
	s := &Surroundings{}
	all, err := s.readInput([]string{dir})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range all {
		got = append(got, r.name)
	}
	same(t, "resources", []string{"b", "a"}, got)
	if _, err := s.readInput([]string{t.TempDir()}); !problem.Is(err, problem.Invalid) {
		t.Errorf("an empty directory: %v", err)
	}
}

func readTestdata(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
