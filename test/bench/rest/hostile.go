package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nautes-labs/deployment-runtime/test/bench/figures"
)

const (
	// podLimit is GOMEMLIMIT of config/apiserver.
	podLimit = 900 << 20
	// attackers of each kind at the same time, each with a token of its own.
	attackers = 8
	// evilHeads is how many commits they read in turn: more than are kept of one product.
	evilHeads = 12
	// fairAim is how many times its p99 alone a good product's p99 may be.
	fairAim = 2
)

// evil is a product that does its worst.
type evil struct {
	product
	heads  []string
	tokens []string
	batch  string
}

// step is something that a good caller does.
type step struct {
	what string
	do   func(i int) (time.Duration, error)
}

func (w *world) goodSteps(ctx context.Context) []step {
	return []step{
		{"GET /healthz, which asks nobody",
			func(int) (time.Duration, error) { return w.api.do(ctx, w.tokens[0], w.api.url+"/healthz", "", nil) }},
		{"GET one", func(int) (time.Duration, error) {
			return w.api.read(ctx, w.tokens[0], w.api.runtime(w.served, 0), isFirst())
		}},
		{fmt.Sprintf("GET all %d", w.runtimes),
			func(int) (time.Duration, error) { return w.api.read(ctx, w.tokens[0], w.api.runtimes(w.served), nil) }},
		{"save, dry run", func(i int) (time.Duration, error) {
			return w.api.do(ctx, w.tokens[0], w.api.runtime(w.served, 1)+"?dry_run=true",
				w.content.runtimeBody(1, 100_000+i), nil)
		}},
	}
}

// hostile times one good caller alone, and then beside a product at full speed: documents full of aliases, commits that
// nobody read before, huge batches, and answers that nobody reads. The API has the memory limit of its pod; caller and
// attackers count as well, because they are in the same process.
func (w *world) hostile(ctx context.Context) error {
	e, err := w.makeEvil(ctx)
	if err != nil {
		return err
	}
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(podLimit))
	if err := w.gitlab.wait(ctx, w.latency); err != nil {
		return err
	}
	steps := w.goodSteps(ctx)
	alone := make([]*figures.Timings, len(steps))
	sample := func(i int) (*figures.Timings, error) {
		took := &figures.Timings{}
		for n := range w.samples {
			t, err := steps[i].do(n)
			if err != nil {
				return took, fmt.Errorf("the good product: %w", err)
			}
			took.Add(t)
		}
		return took, nil
	}
	for i := range steps {
		if _, err := steps[i].do(0); err != nil { // loads the snapshot
			return err
		}
		if alone[i], err = sample(i); err != nil {
			return err
		}
	}
	a := w.attack(ctx, e)
	defer a.stop()
	for i := range steps {
		beside, err := sample(i)
		if err != nil {
			return err
		}
		fmt.Println(alone[i].Line(steps[i].what+", alone", nil))
		fmt.Println(beside.Line("  beside the hostile product", nil))
		if i == 0 { // tells what of the rest is the machine's
			continue
		}
		ratio := figures.Ratio(beside.At(99), alone[i].At(99))
		aim(ratio <= fairAim, "p99 is %.2f times that of the product alone, wanted at most %d", ratio, fairAim)
	}
	a.stop()
	fmt.Printf("  meanwhile the hostile product: %s\n", a.counts())
	fmt.Printf("  largest heap: %d MiB, the callers' part included\n", a.heap.Load()>>20)
	aim(a.heap.Load() <= podLimit, "%d MiB, wanted at most %d MiB", a.heap.Load()>>20, podLimit>>20)
	return nil
}

// makeEvil makes the product, with commits that each have files full of aliases, one file under thousands of paths, and
// a thousand large runtimes.
func (w *world) makeEvil(ctx context.Context) (*evil, error) {
	group, err := w.gitlab.group("evil")
	if err != nil {
		return nil, err
	}
	e := &evil{product: product{path: "evil", name: "product-" + strconv.FormatInt(group, 10), group: group}}
	for i := range 4 * attackers {
		token, err := w.gitlab.person(fmt.Sprintf("evil-%03d", i), group)
		if err != nil {
			return nil, err
		}
		e.tokens = append(e.tokens, token)
	}
	var batch []string
	for i := range 1000 {
		batch = append(batch, fmt.Sprintf(
			`{"kind":"DeploymentRuntime","name":"new-%[1]d","body":{"projects_ref":["same"],"destination":"e0",`+
				`"manifest_source":{"code_repo":"repo-%[1]d","target_revision":"HEAD","path":"m%[1]d"}}}`, i+1))
	}
	e.batch = `{"changes":[` + strings.Join(batch, ",") + "]}"
	dir, err := os.MkdirTemp(w.dir, "evil-")
	if err != nil {
		return nil, err
	}
	token := w.gitlab.RootToken
	if err := git(ctx, dir, token, "", "init", "--quiet", "--bare", "--initial-branch=main", "."); err != nil {
		return nil, err
	}
	if err := git(ctx, dir, token, e.stream(), "fast-import", "--quiet", "--done", "--export-marks=marks"); err != nil {
		return nil, err
	}
	marks, err := os.ReadFile(filepath.Join(dir, "marks"))
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(marks)) {
		if _, head, found := strings.Cut(strings.TrimSpace(line), " "); found {
			e.heads = append(e.heads, head)
		}
	}
	return e, git(ctx, dir, token, "", "push", "--quiet", w.gitlab.URL+"/evil/default.project.git", "main")
}

func (e *evil) stream() string {
	var b strings.Builder
	file := func(path, text string) { fmt.Fprintf(&b, "M 100644 inline %s\ndata %d\n%s\n", path, len(text), text) }
	aliases := "  annotations:\n    a: &x " + strings.Repeat("x", 8<<10) + "\n"
	for n := range 100 {
		aliases += fmt.Sprintf("    a%d: *x\n", n)
	}
	bomb := "---\n" + strings.Replace(resource("Environment", "e", "product: "+e.name), "spec:", aliases+"spec:", 1)
	for n := range evilHeads {
		fmt.Fprintf(&b, "commit refs/heads/main\nmark :%d\ncommitter Evil <evil@example.com> %d +0000\ndata 1\nx\n",
			n+1, 1_700_000_000+n)
		for i := range 25 {
			one := resource("Environment", fmt.Sprintf("e%d", i), "product: "+e.name, "cluster: c",
				fmt.Sprint("envType: t", n))
			file(fmt.Sprintf("envs/%d.yaml", i), strings.Replace(one, "spec:", aliases+"spec:", 1))
		}
		file("envs/bomb.yaml", strings.Repeat(bomb, 40)+fmt.Sprint("# ", n))
		if n > 0 {
			continue
		}
		for i := range 5000 {
			file(fmt.Sprintf("projects/%d.yaml", i), resource("Project", "same", "product: "+e.name, "language: go"))
		}
		for i := range 1000 {
			file(fmt.Sprintf("runtimes/%d.yaml", i),
				resource("DeploymentRuntime", fmt.Sprintf("dr-%d", i), "product: "+e.name, "destination: e0",
					"manifestSource: {codeRepo: repo-"+strconv.Itoa(7000+i)+", path: m, targetRevision: HEAD}",
					"projectsRef: ["+strings.Repeat(strings.Repeat("p", 60)+",", 60)+"p]"))
		}
	}
	b.WriteString("done\n")
	return b.String()
}

// attack is what runs until it is stopped.
type attack struct {
	cancel context.CancelFunc
	all    sync.WaitGroup
	heap   atomic.Int64

	mu      sync.Mutex
	answers map[string]map[int]int
}

func (w *world) attack(ctx context.Context, e *evil) *attack {
	ctx, cancel := context.WithCancel(ctx)
	a := &attack{cancel: cancel, answers: map[string]map[int]int{}}
	list := w.api.runtimes(e.product)
	for i := range attackers {
		a.again(ctx, "cold reads", func(n int) (int, error) {
			page := base64.RawURLEncoding.EncodeToString([]byte(e.heads[(i+n)%len(e.heads)] + " 1"))
			return w.send(ctx, e.tokens[i], http.MethodGet, list+"?page_token="+url.QueryEscape(page), "")
		})
		a.again(ctx, "batches", func(int) (int, error) {
			return w.send(ctx, e.tokens[attackers+i], http.MethodPost,
				w.api.url+"/api/v1/products/evil/changes?dry_run=true", e.batch)
		})
		a.again(ctx, "lists",
			func(int) (int, error) { return w.send(ctx, e.tokens[2*attackers+i], http.MethodGet, list, "") })
		for range 4 {
			a.again(ctx, "answers that nobody reads",
				func(int) (int, error) { return w.ignore(ctx, e.tokens[3*attackers+i], list) })
		}
	}
	a.all.Go(func() {
		for ctx.Err() == nil {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			a.heap.Store(max(a.heap.Load(), int64(m.HeapAlloc))) //nolint:gosec // no heap is that large
			select {
			case <-ctx.Done():
			case <-time.After(20 * time.Millisecond):
			}
		}
	})
	return a
}

// again does something until the attack ends, and counts the answers.
func (a *attack) again(ctx context.Context, what string, do func(n int) (int, error)) {
	a.all.Go(func() {
		for n := 0; ctx.Err() == nil; n++ {
			status, err := do(n)
			if err != nil {
				status = 0
			}
			a.mu.Lock()
			if a.answers[what] == nil {
				a.answers[what] = map[int]int{}
			}
			a.answers[what][status]++
			a.mu.Unlock()
		}
	})
}

func (a *attack) stop() {
	a.cancel()
	a.all.Wait()
}

func (a *attack) counts() string {
	var parts []string
	for _, what := range []string{"cold reads", "batches", "lists", "answers that nobody reads"} {
		parts = append(parts, fmt.Sprintf("%s %v", what, a.answers[what]))
	}
	return strings.Join(parts, ", ") + " (by status)"
}

func (w *world) send(ctx context.Context, token, method, address, body string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := w.api.client.Do(req)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	return res.StatusCode, err
}

// ignore asks for a list and reads nothing of it until the server gives up.
func (w *world) ignore(ctx context.Context, token, list string) (int, error) {
	u, err := url.Parse(list)
	if err != nil {
		return 0, err
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close() }()
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(4 << 10)
	}
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n",
		u.Path, token); err != nil {
		return 0, err
	}
	select {
	case <-ctx.Done():
	case <-time.After(15 * time.Second):
	}
	return http.StatusOK, nil
}
