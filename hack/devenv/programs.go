package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/nautes-labs/deployment-runtime/test/devenv/process"
)

// Our programs.
const (
	manager = "bin/manager"
	nautes  = "bin/nautes"
)

const (
	// programStart bounds the start of a program, programStop its end.
	programStart  = time.Minute
	programStop   = 25 * time.Second
	buildProgress = 10 * time.Second
)

// buildPrograms builds what `make build` builds. Packages are compiled with the developer's own flags, so that none is
// compiled twice. The flags of the linker leave out what only a debugger needs.
func buildPrograms(ctx context.Context, t *transcript, root string) error {
	began := time.Now()
	for _, program := range []struct{ file, from string }{{manager, "."}, {nautes, "./cmd/nautes"}} {
		if err := buildProgram(ctx, t, root, program.file, program.from); err != nil {
			return err
		}
	}
	t.came("operator, REST API and command line are built", began)
	return nil
}

func buildProgram(ctx context.Context, t *transcript, root, program, from string) error {
	began := time.Now()
	args := []string{"build", "-ldflags", "-s -w", "-o", program, from}
	t.command(append([]string{"go"}, args...), "")
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = root
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // A killed build leaves its temporary files.
	cmd.WaitDelay = programStop
	built := make(chan error, 1)
	var out []byte
	go func() {
		var err error
		out, err = cmd.CombinedOutput()
		built <- err
	}()
	ticker := time.NewTicker(buildProgress)
	defer ticker.Stop()
	for {
		select {
		case err := <-built:
			if err != nil {
				return fmt.Errorf("building %s: %w: %s", program, err, strings.TrimSpace(string(out)))
			}
			return nil
		case <-ticker.C:
			t.say("still building, %s so far; minutes the first time on a machine",
				time.Since(began).Round(time.Second))
		}
	}
}

// program is one of our servers as a process.
type program struct {
	what    string
	process *process.Process
	args    []string
	log     string
}

// startProgram starts the manager as one of our servers, shows how, and waits until /readyz of the address says that it
// is ready.
func (s *stage) startProgram(ctx context.Context, what, address string, args ...string) (*program, error) {
	p := &program{what: what, args: args, log: filepath.Join(s.env.Dir, args[0]+".log")}
	began := time.Now()
	s.command(append([]string{manager}, args...), "")
	var err error
	p.process, err = s.programs.Start(process.Command{Name: what, Path: filepath.Join(s.root, manager),
		Args: args, Log: p.log})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, programStart)
	defer cancel()
	if err := p.process.AwaitReady(ctx, func(ctx context.Context) error { return isReady(ctx, address) }); err != nil {
		return nil, err
	}
	s.came(what+" is ready", began)
	return p, nil
}

// ended is closed when the program has ended; it never is while there is none.
func (p *program) ended() <-chan struct{} {
	if p == nil {
		return nil
	}
	return p.process.Done()
}

// stop ends the program.
func (p *program) stop() {
	if p != nil {
		_ = p.process.Stop(programStop) // The group kills what is left.
	}
}

// serviceAccountKubeconfig writes a kubeconfig with a token of a ServiceAccount: it may do what config/rbac says, and
// nothing else.
func (s *stage) serviceAccountKubeconfig(ctx context.Context, serviceAccount string) (string, error) {
	token, err := s.run(ctx, "", "create", "token", serviceAccount, "--namespace="+system, "--duration=24h")
	if err != nil {
		return "", err
	}
	access := s.env.Management.Admin()
	access.Token = strings.TrimSpace(token)
	config := clientcmdapi.NewConfig()
	config.CurrentContext = serviceAccount
	addContext(config, serviceAccount, access)
	file := filepath.Join(s.env.Dir, serviceAccount+".kubeconfig")
	if err := clientcmd.WriteToFile(*config, file); err != nil {
		return "", fmt.Errorf("writing the kubeconfig of %s: %w", serviceAccount, err)
	}
	return file, nil
}

func isReady(ctx context.Context, address string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/readyz", http.NoBody)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("/readyz answers %s", resp.Status)
	}
	return nil
}
