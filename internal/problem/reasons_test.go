package problem_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

const root = "../.."

// TestReasonsAreDefinedInOnePlace reads the sources: a reason is a constant of this package or of conditions.go, and no
// word is defined twice.
func TestReasonsAreDefinedInOnePlace(t *testing.T) {
	vocabulary := map[string]bool{"internal/problem/reasons.go": true, "api/v1alpha1/conditions.go": true}
	defined := map[string]token.Position{}
	for name, file := range sources(t) {
		ast.Inspect(file.tree, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ValueSpec:
				if word, is := reasonOf(n); is {
					at := file.set.Position(n.Pos())
					if !vocabulary[name] {
						t.Errorf("%s: reason %s belongs in internal/problem/reasons.go", at, word)
					}
					if before, twice := defined[word]; twice {
						t.Errorf("%s: reason %s is also defined at %s", at, word, before)
					}
					defined[word] = at
				}
			case *ast.CallExpr:
				if f, is := n.Fun.(*ast.SelectorExpr); is && isName(f.X, "problem") && f.Sel.Name == "New" {
					if _, literal := n.Args[1].(*ast.BasicLit); literal {
						t.Errorf("%s: the reason of a problem is a constant of package problem or api",
							file.set.Position(n.Pos()))
					}
				}
			}
			return true
		})
	}
	if len(defined) < 100 {
		t.Fatalf("only %d reasons were found", len(defined))
	}
	for _, a := range problem.Answers() {
		if _, known := defined[`"`+a.Reason+`"`]; !known && a.Reason != "" {
			t.Errorf("%s is answered as %s and is no reason", a.Reason, a.Code)
		}
	}
}

// TestEveryReasonIsSet reads the sources: a reason that nothing sets is deleted, with its row in the guides.
func TestEveryReasonIsSet(t *testing.T) {
	unset := map[string]token.Position{}
	set := map[string]bool{}
	for name, file := range sources(t) {
		vocabulary := name == "internal/problem/reasons.go" || name == "api/v1alpha1/conditions.go"
		ast.Inspect(file.tree, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ValueSpec:
				if _, is := reasonOf(n); is && vocabulary {
					unset[n.Names[0].Name] = file.set.Position(n.Pos())
				}
			case *ast.BinaryExpr: // to compare with a reason is not to set it
				return n.Op != token.EQL && n.Op != token.NEQ
			case *ast.Ident:
				set[n.Name] = set[n.Name] || !vocabulary
			}
			return true
		})
	}
	for name, at := range unset {
		if !set[name] {
			t.Errorf("%s: nothing sets %s", at, name)
		}
	}
}

// reasonOf returns the word of a constant such as ReasonInUse that is written out; aliases and names of classes are
// not.
func reasonOf(v *ast.ValueSpec) (word string, is bool) {
	if !strings.HasPrefix(strings.ToLower(v.Names[0].Name), "reason") || len(v.Values) == 0 {
		return "", false
	}
	value, is := v.Values[0].(*ast.BasicLit)
	if !is || value.Kind != token.STRING {
		return "", false
	}
	return value.Value, true
}

func isName(e ast.Expr, name string) bool {
	id, is := e.(*ast.Ident)
	return is && id.Name == name
}

type source struct {
	set  *token.FileSet
	tree *ast.File
}

// sources returns the files of this module that are no tests.
func sources(t *testing.T) map[string]source {
	t.Helper()
	out := map[string]source{}
	for _, dir := range []string{"api", "cmd", "controllers", "internal"} {
		err := fs.WalkDir(os.DirFS(root), dir, func(name string, _ fs.DirEntry, err error) error {
			if err != nil || filepath.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
				return err
			}
			set := token.NewFileSet()
			tree, err := parser.ParseFile(set, filepath.Join(root, name), nil, 0)
			out[name] = source{set, tree}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func TestEveryClassIsAnsweredAndHasAnExitCode(t *testing.T) {
	for class, want := range map[problem.Class]struct{ status, exit int }{
		problem.Invalid:         {422, 2},
		problem.Missing:         {404, 4},
		problem.Unauthenticated: {401, 3},
		problem.Forbidden:       {403, 3},
		problem.Conflict:        {409, 5},
		problem.Waiting:         {409, 6},
		problem.Unavailable:     {503, 6},
		problem.RateLimited:     {429, 6},
		problem.Internal:        {500, 6},
		"of another program":    {500, 6},
	} {
		if got := problem.AnswerOf(problem.New(class, "Other", "x")).Status; got != want.status {
			t.Errorf("%s is answered with %d, want %d", class, got, want.status)
		}
		if got := class.ExitCode(); got != want.exit {
			t.Errorf("%s ends with %d, want %d", class, got, want.exit)
		}
	}
	for _, a := range problem.Answers() {
		if got := problem.ClassOf(a.Status); got != a.Class {
			t.Errorf("%d is of class %s, want %s", a.Status, got, a.Class)
		}
	}
}
