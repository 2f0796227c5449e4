package devenv

import (
	"context"
	"fmt"
	"io"

	"github.com/nautes-labs/deployment-runtime/test/devenv/process"
	"github.com/nautes-labs/deployment-runtime/test/devenv/toolchain"
)

// host is what all servers of one environment share: the binaries, the ports and the process group.
type host struct {
	tools     *toolchain.Toolchain
	binaries  map[toolchain.Tool]string
	ports     *ports
	processes *process.Group
	log       io.Writer
}

func newHost(ctx context.Context, log io.Writer, wanted []toolchain.Tool) (*host, error) {
	tools, err := toolchain.New(toolchain.Options{Log: log})
	if err != nil {
		return nil, err
	}
	binaries, err := tools.Binaries(ctx, wanted...)
	if err != nil {
		return nil, err
	}
	ports, err := newPorts(tools.Cache())
	if err != nil {
		return nil, err
	}
	h := &host{tools: tools, binaries: binaries, ports: ports, log: log}
	h.processes = process.NewGroup(func(err error) { h.say("%v", err) })
	return h, nil
}

// say prints a line. There is nobody to tell when that fails.
func (h *host) say(format string, args ...any) {
	_, _ = fmt.Fprintf(h.log, "devenv: "+format+"\n", args...)
}

// stop ends every process before it gives the ports back.
func (h *host) stop() {
	h.processes.Stop()
	h.ports.release()
}

// takePorts fills each of the given places with a port.
func (h *host) takePorts(places ...*int) error {
	for _, place := range places {
		port, err := h.ports.take()
		if err != nil {
			return fmt.Errorf("choosing a port: %w", err)
		}
		*place = port
	}
	return nil
}
