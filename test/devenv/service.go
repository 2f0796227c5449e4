package devenv

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/nautes-labs/deployment-runtime/test/devenv/process"
)

const (
	// startLimit bounds the start of one server. A start takes seconds; the limit is for a machine that is busy.
	startLimit = 90 * time.Second
	// stopGrace is how long a server that a test stops may take to end by itself.
	stopGrace = 5 * time.Second
	// poll is how often a condition is checked that nothing announces.
	poll = 50 * time.Millisecond
)

// Service is one server that can be stopped and started again. Its methods may be called concurrently.
type Service struct {
	name string // "runtime-1/kube-apiserver"
	host *host
	log  string
	// command is asked at every start, because addresses move.
	command func(context.Context) (process.Command, error)
	ready   func(context.Context) error

	mu      sync.Mutex
	process *process.Process // nil while stopped
}

// newService prepares a server whose log lies in dir.
func newService(h *host, dir, name string) *Service {
	return &Service{name: filepath.Base(dir) + "/" + name, host: h, log: filepath.Join(dir, name+".log")}
}

// Start starts the server and waits until it is ready.
func (s *Service) Start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process != nil && s.process.Running() {
		return fmt.Errorf("%s is running", s.name)
	}
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	c, err := s.command(ctx)
	if err != nil {
		return fmt.Errorf("preparing %s: %w", s.name, err)
	}
	c.Name, c.Log = s.name, s.log
	if s.process, err = s.host.processes.Start(c); err != nil {
		return err
	}
	return s.process.AwaitReady(ctx, s.ready)
}

// Stop asks the server to end and kills it when it takes too long. Stopping a stopped server is no error.
func (s *Service) Stop() error { return s.end(stopGrace) }

// Kill ends the server at once, as a crash does.
func (s *Service) Kill() error { return s.end(0) }

func (s *Service) end(grace time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		return nil
	}
	err := s.process.Stop(grace)
	s.process = nil
	return err
}

// Restart stops and starts the server.
func (s *Service) Restart(ctx context.Context) error {
	if err := s.Stop(); err != nil {
		return err
	}
	return s.Start(ctx)
}

// Freeze suspends the server: connections stay open and nothing answers. Thaw ends it.
func (s *Service) Freeze() error { return s.withProcess((*process.Process).Freeze) }

// Thaw lets a frozen server go on.
func (s *Service) Thaw() error { return s.withProcess((*process.Process).Thaw) }

func (s *Service) withProcess(do func(*process.Process) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		return fmt.Errorf("%s is stopped", s.name)
	}
	return do(s.process)
}

// PID is the id of the server's process, 0 while it is stopped.
func (s *Service) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		return 0
	}
	return s.process.PID()
}

// Log is the path of the server's log.
func (s *Service) Log() string { return s.log }
