package server

import (
	"slices"
	"sync"
)

// memory bounds what many bodies take together, or many answers. A body takes its share as it arrives: what is only announced costs nothing.
// Where nothing is left, the caller whose bodies that are still arriving take most gives way, with the oldest of them, so that whoever sends or reads
// slowly, or stops, holds up nobody else, and whoever asks for much cuts nobody who takes less.
type memory struct {
	mu          sync.Mutex
	whole, free int64
	// arriving holds the shares of bodies that are being received, or of answers that are being sent, the oldest first.
	arriving []*share
}

func newMemory(bytes int64) *memory { return &memory{whole: bytes, free: bytes} }

// share is what one body takes, in bytes.
type share struct {
	of     *memory
	caller string
	bytes  int64
	// interrupt ends the wait for what is still to come, or to be read. It must not block.
	interrupt func()
	lost      bool
}

// begin returns the share of a body that begins to arrive: nothing yet. It must be released.
func (m *memory) begin(caller string, interrupt func()) *share {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := &share{of: m, caller: caller, interrupt: interrupt}
	m.arriving = append(m.arriving, s)
	return s
}

// grow takes more, or says that there is none.
func (s *share) grow(more int64) bool {
	m := s.of
	m.mu.Lock()
	defer m.mu.Unlock()
	if s.lost || s.bytes+more > m.whole || m.free < more && !m.makeRoom(s, more) {
		return false
	}
	m.free -= more
	s.bytes += more
	return true
}

// makeRoom lets the caller who takes most give way to a share, with the oldest first; nobody gives way to one who would then take as much, or where
// that makes not enough room. Where there is no such caller, other shares of the same one give way.
func (m *memory) makeRoom(to *share, more int64) bool {
	takes, most := map[string]int64{}, to.caller
	for _, s := range m.arriving {
		takes[s.caller] += s.bytes
		if takes[s.caller] > takes[most] {
			most = s.caller
		}
	}
	if takes[most] <= takes[to.caller]+more {
		if most = to.caller; m.free+takes[most]-to.bytes < more {
			return false
		}
	}
	for _, s := range slices.Clone(m.arriving) {
		if s.caller == most && s != to && s.bytes > 0 && m.free < more {
			s.giveWay()
		}
	}
	return true
}

// proceed does something, unless the share was taken away: nothing comes between.
func (s *share) proceed(do func()) bool {
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	if !s.lost {
		do()
	}
	return !s.lost
}

// giveWay takes a share away from a body that is still arriving.
func (s *share) giveWay() {
	s.lost = true
	s.free()
	s.interrupt()
}

// free gives back what is held. It can be repeated.
func (s *share) free() {
	s.of.free += s.bytes
	s.bytes = 0
	s.of.arriving = slices.DeleteFunc(s.of.arriving, func(other *share) bool { return other == s })
}

// keep says whether the share is still there, now that the body has arrived. It stays until it is released.
func (s *share) keep() bool {
	m := s.of
	m.mu.Lock()
	defer m.mu.Unlock()
	m.arriving = slices.DeleteFunc(m.arriving, func(other *share) bool { return other == s })
	return !s.lost
}

// release gives the share back.
func (s *share) release() {
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	s.free()
}
