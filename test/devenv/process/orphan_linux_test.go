package process_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/nautes-labs/deployment-runtime/test/devenv/process"
)

// parentMode makes this test binary a parent that starts a child and never ends by itself.
const parentMode = "PROCESS_TEST_PARENT_LOG"

func TestMain(m *testing.M) {
	if log := os.Getenv(parentMode); log != "" {
		beParent(log)
	}
	os.Exit(m.Run())
}

func beParent(log string) {
	g := process.NewGroup(func(error) {})
	p, err := g.Start(process.Command{Name: "child", Path: "/bin/sleep", Args: []string{"1000"}, Log: log})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	// Threads come and go; the child must survive that and die only with the process.
	for range 50 {
		done := make(chan struct{})
		go func() {
			runtime.LockOSThread() // A goroutine that ends while locked takes its thread along.
			close(done)
		}()
		<-done
	}
	fmt.Println(p.PID())
	select {}
}

func TestChildrenDieWithAKilledParent(t *testing.T) {
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), parentMode+"="+filepath.Join(t.TempDir(), "log"))
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	child, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	if !alive(child) {
		t.Error("the child does not outlive the threads of its parent")
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait() // It was killed.
	if !ends(child) {
		t.Fatalf("process %d outlives its parent", child)
	}
}
