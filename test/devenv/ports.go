package devenv

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
)

// The range lies below the ephemeral ports of Linux and macOS: neither an outgoing connection nor a test server on
// port 0 can take a port between its choice and its use.
const (
	firstPort = 20000
	lastPort  = 29999
)

// ports hands out ports of 127.0.0.1 that no other environment on this machine uses. A port is held by a file lock,
// which the kernel releases with the process, so that test packages that run in parallel cannot collide.
type ports struct {
	dir string

	mu   sync.Mutex
	held map[int]*os.File
}

func newPorts(cache string) (*ports, error) {
	dir := filepath.Join(cache, "ports")
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("creating the directory of port locks: %w", err)
	}
	return &ports{dir: dir, held: map[int]*os.File{}}, nil
}

// take returns a free port and keeps it until release.
func (p *ports) take() (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	size := lastPort - firstPort + 1
	offset := rand.IntN(size) //nolint:gosec // Spreads environments; nothing secret.
	for i := range size {
		port := firstPort + (offset+i)%size
		if p.held[port] != nil {
			continue
		}
		if p.hold(port) {
			return port, nil
		}
	}
	return 0, fmt.Errorf("no free port between %d and %d", firstPort, lastPort)
}

func (p *ports) hold(port int) bool {
	f, err := os.OpenFile(filepath.Join(p.dir, strconv.Itoa(port)), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return false
	}
	if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil || !bindable(port) {
		_ = f.Close()
		return false
	}
	p.held[port] = f
	return true
}

func bindable(port int) bool {
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
	return err == nil && l.Close() == nil
}

// release gives all ports back.
func (p *ports) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for port, f := range p.held {
		_ = f.Close()
		delete(p.held, port)
	}
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
