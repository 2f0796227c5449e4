// Command rest prints the figures of the REST API in docs/benchmarks.md: reads, saves, many writers, memory, cold
// reads, and a product beside a hostile one, against a GitLab with real git that takes its time. The yardstick is what
// a person would do without the API: clone, commit and push with the git command. Both are measured in the same run,
// because timings of a shared machine mean little by themselves.
//
//	go run ./test/bench/rest
//	go run ./test/bench/rest -commits 20 -files 20 -runtimes 10 -samples 5 -rounds 2 -writers 4 -products 3   (seconds)
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime/pprof"
	"syscall"
	"time"
)

// sizes of one run.
type sizes struct {
	latency         time.Duration
	commits, files  int
	runtimes        int
	samples, rounds int
	writers, saves  int
	products        int
	only            string
	dir, profile    string
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintf(os.Stderr, "rest: %v\n", err)
		os.Exit(1)
	}
}

func run() (err error) {
	var z sizes
	flag.DurationVar(&z.latency, "latency", 50*time.Millisecond,
		"how long GitLab waits before it answers a request, of its API or of git")
	flag.IntVar(&z.commits, "commits", 5000, "commits of default.project")
	flag.IntVar(&z.files, "files", 1000, "files of default.project, all of them resources")
	flag.IntVar(&z.runtimes, "runtimes", 500, "how many of the files are runtimes")
	flag.IntVar(&z.samples, "samples", 300, "how often one and all runtimes are read")
	flag.IntVar(&z.rounds, "rounds", 40, "how often the yardstick and a save take turns")
	flag.IntVar(&z.writers, "writers", 50, "concurrent writers to one product")
	flag.IntVar(&z.saves, "saves", 4, "saves of each writer; with the git command each makes one")
	flag.IntVar(&z.products, "products", 200, "products that are read cold and kept in memory")
	flag.StringVar(&z.only, "only", "", "one of reads, saves, writers, memory and hostile, where not all is wanted")
	flag.StringVar(&z.dir, "dir", fastDir(),
		"where repositories and clones lie; a slow disk slows mostly the yardstick")
	flag.StringVar(&z.profile, "cpuprofile", "", "file to write a CPU profile to: of the API and its callers")
	flag.Parse()
	if err := z.validate(); err != nil {
		return err
	}
	if flag.Arg(0) == gitLabCommand && flag.NArg() == 2 {
		return serveGitLab(context.Background(), flag.Arg(1))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if z.profile != "" {
		f, err := os.Create(z.profile)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	return z.bench(ctx)
}

// fastDir is a file system in memory, where there is one.
func fastDir() string {
	const memory = "/dev/shm"
	if info, err := os.Stat(memory); err == nil && info.IsDir() {
		return memory
	}
	return os.TempDir()
}

func (z sizes) validate() error {
	switch {
	case z.runtimes < 1 || z.files < z.runtimes+3:
		return fmt.Errorf("-files must be at least 3 more than -runtimes: an environment, a project and a code repo")
	case z.commits < 1 || z.samples < 1 || z.rounds < 1 || z.writers < 1 || z.saves < 1 || z.products < 1:
		return fmt.Errorf("numbers must be at least 1")
	case z.writers > z.runtimes:
		return fmt.Errorf("-writers must be at most -runtimes: each has a runtime of its own")
	}
	return nil
}

// bench is one run.
func (z sizes) bench(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp(z.dir, "bench-rest-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	w, err := newWorld(ctx, z, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	fmt.Printf("default.project: %d commits, %d files, %d of them runtimes; GitLab waits %s before each answer, of "+
		"its API and of git\n", z.commits, z.files, z.runtimes, z.latency)
	for _, c := range []struct {
		name    string
		measure func(context.Context) error
	}{{"reads", w.reads}, {"saves", w.savings}, {"writers", w.writing}, {"memory", w.memory}, {"hostile", w.hostile}} {
		if z.only != "" && z.only != c.name {
			continue
		}
		if err := w.gitlab.wait(ctx, 0); err != nil {
			return err
		}
		if err := c.measure(ctx); err != nil {
			return fmt.Errorf("measuring %s: %w", c.name, err)
		}
	}
	return nil
}

// aim prints whether an aim is met.
func aim(met bool, format string, args ...any) {
	verdict := "missed"
	if met {
		verdict = "met"
	}
	fmt.Printf("  aim %s: %s\n", verdict, fmt.Sprintf(format, args...))
}
