package server

import (
	"slices"
	"sync"
)

// memory bounds what many bodies take together. A body takes its share as it arrives: what is only announced costs nothing. Where nothing is
// left, the body that has been arriving for longest gives way, so that whoever sends slowly, or stops sending, holds up nobody else.
type memory struct {
	mu   sync.Mutex
	free int64
	// arriving holds the shares of bodies that are being received, the oldest first.
	arriving []*share
}

// share is what one body takes, in bytes.
type share struct {
	of    *memory
	bytes int64
	// interrupt ends the wait for what is still to come. It must not block.
	interrupt func()
	lost      bool
}

// begin returns the share of a body that begins to arrive: nothing yet. It must be released.
func (m *memory) begin(interrupt func()) *share {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := &share{of: m, interrupt: interrupt}
	m.arriving = append(m.arriving, s)
	return s
}

// grow takes more, or says that there is none.
func (s *share) grow(more int64) bool {
	m := s.of
	m.mu.Lock()
	defer m.mu.Unlock()
	for !s.lost && m.free < more {
		i := slices.IndexFunc(m.arriving, func(other *share) bool { return other.bytes > 0 })
		if i < 0 {
			return false
		}
		m.arriving[i].giveWay()
	}
	if s.lost {
		return false
	}
	m.free -= more
	s.bytes += more
	return true
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
