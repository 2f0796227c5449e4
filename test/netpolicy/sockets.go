package netpolicy

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
)

const (
	// established and synSent are states of a TCP socket, as Linux writes them: connected, or on its way to that.
	established, synSent = "01", "02"
	socketPrefix         = "socket:["
)

// Connections returns where the open connections of a process lead to that it has opened itself: the remote addresses
// of its sockets, without those that came in at a port at which it listens. It reads /proc, so it needs Linux.
func Connections(pid int) ([]netip.AddrPort, error) {
	own, err := sockets(pid)
	if err != nil {
		return nil, err
	}
	var all []socket
	for _, name := range []string{"tcp", "tcp6"} {
		some, err := table(fmt.Sprintf("/proc/%d/net/%s", pid, name))
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	listens := map[uint16]bool{}
	for _, s := range all {
		if own[s.inode] && s.remote.Port() == 0 {
			listens[s.local.Port()] = true
		}
	}
	var out []netip.AddrPort
	for _, s := range all {
		if own[s.inode] && !listens[s.local.Port()] && (s.state == established || s.state == synSent) {
			out = append(out, s.remote)
		}
	}
	return out, nil
}

// sockets returns the inodes of a process's sockets.
func sockets(pid int) (map[string]bool, error) {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("listing the files of process %d: %w", pid, err)
	}
	out := map[string]bool{}
	for _, f := range files {
		to, err := os.Readlink(filepath.Join(dir, f.Name()))
		if err == nil && strings.HasPrefix(to, socketPrefix) { // others are closed already
			out[strings.TrimSuffix(strings.TrimPrefix(to, socketPrefix), "]")] = true
		}
	}
	return out, nil
}

// socket is a row of /proc/net/tcp.
type socket struct {
	local, remote netip.AddrPort
	state, inode  string
}

func table(path string) ([]socket, error) {
	file, err := os.Open(filepath.Clean(path))
	if err != nil {
		return nil, fmt.Errorf("reading the sockets: %w", err)
	}
	defer func() { _ = file.Close() }()
	var out []socket
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		const local, remote, state, inode = 1, 2, 3, 9
		columns := strings.Fields(lines.Text())
		if len(columns) <= inode || columns[0] == "sl" {
			continue
		}
		s := socket{state: columns[state], inode: columns[inode]}
		if s.local, err = address(columns[local]); err != nil {
			return nil, err
		}
		if s.remote, err = address(columns[remote]); err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading the sockets: %w", err)
	}
	return out, nil
}

// address reads an address as the kernel writes it: words of the machine in hexadecimal digits, and the port.
func address(text string) (netip.AddrPort, error) {
	host, port, _ := strings.Cut(text, ":")
	raw, err := hex.DecodeString(host)
	number, portErr := hex.DecodeString(port)
	if err != nil || portErr != nil || len(raw)%4 != 0 || len(number) != 2 {
		return netip.AddrPort{}, fmt.Errorf("%q is no address", text)
	}
	for i := 0; i < len(raw); i += 4 {
		binary.BigEndian.PutUint32(raw[i:], binary.NativeEndian.Uint32(raw[i:]))
	}
	ip, ok := netip.AddrFromSlice(raw)
	if !ok {
		return netip.AddrPort{}, fmt.Errorf("%q is no address", text)
	}
	return netip.AddrPortFrom(ip.Unmap(), binary.BigEndian.Uint16(number)), nil
}
