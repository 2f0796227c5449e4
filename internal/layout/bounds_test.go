package layout_test

import (
	"context"
	"errors"
	"fmt"
	goruntime "runtime"
	"strings"
	"testing"

	"github.com/nautes-labs/deployment-runtime/internal/layout"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// repeating returns a file of documents that each name one text again and again.
func repeating(documents, times, length int) []byte {
	var b strings.Builder
	for i := range documents {
		fmt.Fprintf(&b, "---\napiVersion: nautes.resource.nautes.io/v1alpha1\nkind: Environment\nmetadata:\n  name: "+
			"e%d\n  annotations:\n    a: &x %s\n", i, strings.Repeat("x", length))
		for n := range times {
			fmt.Fprintf(&b, "    a%d: *x\n", n)
		}
		b.WriteString("spec: {product: product-1, cluster: c1, envType: dev}\n")
	}
	return []byte(b.String())
}

// heap returns how much more is live after f, and how much f allocated.
func heap(f func()) (kept, allocated int64) {
	var before, after goruntime.MemStats
	settle := func() { // what lies in a pool is let go by the second collection
		goruntime.GC()
		goruntime.GC()
	}
	settle()
	goruntime.ReadMemStats(&before)
	f()
	settle()
	goruntime.ReadMemStats(&after)
	return int64(after.HeapAlloc) - int64(before.HeapAlloc), int64(after.TotalAlloc) - int64(before.TotalAlloc)
}

// 1 MiB of documents, each of which is within what one document may be, made 400 MiB of annotations.
func TestAliasesAreBoundedOverAllDocumentsOfAFile(t *testing.T) {
	data := repeating(48, 1000, 8<<10)
	var tree *layout.Tree
	kept, allocated := heap(func() { tree = layout.Read([]layout.File{{Path: "envs/a.yaml", Data: data}}) })
	if len(tree.Of("Environment")) != 0 {
		t.Error("something of the file counts")
	}
	f := tree.Findings()
	if len(f) != 1 || f[0].Code != layout.CodeStreamBlocked || f[0].File != "envs/a.yaml" ||
		!strings.Contains(f[0].Message, "aliases make the file larger by more than 1 MiB") {
		t.Errorf("got %v", f)
	}
	if kept > 4<<20 || allocated > 200<<20 {
		t.Errorf("it keeps %d MiB and took %d MiB", kept>>20, allocated>>20)
	}
	goruntime.KeepAlive(tree)
	fits := layout.Read([]layout.File{{Path: "envs/a.yaml", Data: repeating(10, 12, 8<<10)}})
	if len(fits.Of("Environment")) != 10 || len(fits.Findings()) != 0 {
		t.Errorf("aliases that fit: %v", fits.Findings())
	}
}

// Each file is within its bounds, and all of them are not. What was read is let go.
func TestATreeThatTakesTooMuchIsGivenUpWhileItIsRead(t *testing.T) {
	files := make([]layout.File, 300)
	for i := range files {
		files[i] = layout.File{Path: fmt.Sprintf("envs/%d.yaml", i),
			Data: append(repeating(1, 100, 1<<10), fmt.Sprint("# ", i)...)}
	}
	kept, allocated := heap(func() {
		tree, err := layout.LoadAtMost(t.Context(), files, 6<<20)
		p := problem.As(err)
		if tree != nil || p == nil || p.Class != problem.Invalid || p.Reason != problem.ReasonRepositoryTooLarge ||
			!strings.Contains(p.Message, "6 MiB") || !strings.Contains(p.Message, "envs/5") {
			t.Errorf("got %v", err)
		}
	})
	_, one := heap(func() { layout.Read(files[:1]) })
	if kept > 1<<20 || allocated > 80*one {
		t.Errorf("it keeps %d MiB and took %d MiB, where one file takes %d KiB", kept>>20, allocated>>20, one>>10)
	}
}

// Many objects in few bytes of git: one file under many paths.
func TestTheSameFileInManyPlacesIsParsedOnceAndCounted(t *testing.T) {
	one := layout.File{Blob: "b",
		Data: []byte(strings.Repeat("{apiVersion: nautes.resource.nautes.io/v1alpha1, kind: Environment, "+
			"metadata: {name: e}}\n---\n", 1000) + "x: [")}
	places := func(n int, content func(int) []byte) []layout.File {
		files := make([]layout.File, n)
		for i := range files {
			files[i] = one
			files[i].Path, files[i].Data = fmt.Sprintf("envs/%d.yaml", i), content(i)
		}
		return files
	}
	same := func(int) []byte { return one.Data }
	var tree *layout.Tree
	_, first := heap(func() { layout.Read(places(1, same)) })
	_, all := heap(func() { tree = layout.Read(places(50, same)) })
	if all > 2*first {
		t.Errorf("one takes %d KiB, 50 take %d KiB", first>>10, all>>10)
	}
	if f := tree.Findings(); len(f) != 50 || f[49].File != "envs/9.yaml" {
		t.Errorf("each place has its finding: %v", f)
	}
	mixed := layout.Read(places(2, func(i int) []byte {
		return fmt.Appendf(nil,
			"apiVersion: nautes.resource.nautes.io/v1alpha1\nkind: Environment\nmetadata: {name: e%d}\n", i)
	}))
	if !mixed.Has("Environment", "e0") || !mixed.Has("Environment", "e1") {
		t.Error("what has the same id and other bytes was taken for the same")
	}
	one.Data = repeating(200, 0, 1)
	if _, err := layout.Load(t.Context(), places(20_000, same)); !problem.Is(err, problem.Invalid) {
		t.Errorf("four million objects: %v", err)
	}
	apart := layout.Read([]layout.File{{Path: "envs/a.yaml", Blob: "b", Data: repeating(1, 0, 1)},
		{Path: "notes/a.yaml", Blob: "b", Data: repeating(1, 0, 1)}})
	if f := apart.Findings(); len(f) != 1 || f[0].File != "notes/a.yaml" || f[0].Code != layout.CodeNotSynced {
		t.Errorf("what a file means depends on where it lies: %v", f)
	}
}

// What the cache counts with is what is there.
func TestBytesAreWhatIsKept(t *testing.T) {
	shared := repeating(100, 3, 1<<10)
	for name, files := range map[string]func(i int) layout.File{
		"aliases": func(i int) layout.File {
			return layout.File{Data: append(repeating(1, 100, 8<<10), fmt.Sprint("# ", i)...)}
		},
		"one text": func(i int) layout.File {
			return layout.File{Data: append(repeating(1, 0, 60<<10), fmt.Sprint("# ", i)...)}
		},
		"lists": func(i int) layout.File {
			return layout.File{Data: fmt.Appendf(nil, "apiVersion: nautes.resource.nautes.io/v1alpha1\nkind: "+
				"DeploymentRuntime\nmetadata: {name: r%d}\nspec: {projectsRef: [a%s]}\n",
				i, strings.Repeat(",a", 5_000))}
		},
		"the same file": func(int) layout.File { return layout.File{Blob: "b", Data: shared} },
		"broken, with names": func(i int) layout.File {
			return layout.File{Data: []byte(strings.Repeat(fmt.Sprintf("{apiVersion: nautes.resource.nautes.io/v1alpha1, "+
				"kind: Environment, metadata: {name: e%d}}\n---\n", i), 300) + "x: [")}
		},
	} {
		t.Run(name, func(t *testing.T) {
			all := make([]layout.File, 8)
			var data int64
			seen := map[*byte]bool{}
			for i := range all {
				all[i] = files(i)
				all[i].Path = fmt.Sprintf("envs/%d.yaml", i)
				if p := &all[i].Data[0]; !seen[p] {
					seen[p] = true
					data += int64(cap(all[i].Data))
				}
			}
			var tree *layout.Tree
			kept, _ := heap(func() { tree = layout.Read(all) })
			kept += data
			if said := tree.Bytes(); said < kept*9/10 || said > kept*2 {
				t.Errorf("it keeps %d KiB and says %d KiB", kept>>10, said>>10)
			}
			goruntime.KeepAlive(tree)
		})
	}
}

// ends is a context that ends when it was asked so often.
type ends struct {
	context.Context //nolint:containedctx // it stands for one
	left            int
}

func (e *ends) Err() error {
	e.left--
	if e.left < 0 {
		return context.Canceled
	}
	return nil
}

func TestReadingEndsWithTheContext(t *testing.T) {
	files := make([]layout.File, 20)
	for i := range files {
		files[i] = layout.File{Path: fmt.Sprintf("envs/%d.yaml", i), Data: repeating(100, 0, 100)}
	}
	_, first := heap(func() { layout.Read(files[:1]) })
	_, all := heap(func() {
		if tree, err := layout.Load(&ends{t.Context(), 3}, files); tree != nil || !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
	if all > 8*first {
		t.Errorf("one file takes %d KiB, and what was given up after three %d KiB", first>>10, all>>10)
	}
}

// What is told of a tree is told with every answer.
func TestFindingsAreBounded(t *testing.T) {
	var files []layout.File
	for i := range 1100 {
		files = append(files, layout.File{Path: fmt.Sprintf("envs/%d.yaml", i),
			Data: []byte("apiVersion: nautes.resource.nautes.io/v1alpha1\nkind: Environment\nmetadata: {name: same, " +
				"namespace: theirs}\n")})
		files = append(files, layout.File{Path: fmt.Sprintf("envs/x%d.yaml", i), Data: []byte("x: [")})
	}
	tree := layout.Read(files)
	for _, f := range [][]layout.Finding{tree.Findings(), tree.FindingsFor("product-1")} {
		if len(f) != 1001 || !strings.Contains(f[1000].Message, "more findings are not listed") {
			t.Errorf("%d findings, the last %v", len(f), f[len(f)-1])
		}
		for _, one := range f {
			if len(one.Message) > 1000 {
				t.Errorf("a message has %d bytes", len(one.Message))
			}
		}
	}
}
