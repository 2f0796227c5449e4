package server

import (
	"hash/maphash"
	"slices"
	"sync"
)

// memory bounds how much memory all bodies, or all answers, take together. A body takes its share as it arrives: an
// announced length costs nothing.
//
// If no memory is left, the caller whose arriving bodies take most loses the oldest of them. So a caller that sends or
// reads slowly, or stops, does not block the others. And a caller that needs much takes nothing from callers that use
// less.
type memory struct {
	mu          sync.Mutex
	whole, free int64
	// arriving holds the shares of bodies that are being received, or of answers that are being sent, oldest first.
	arriving []*share
	// texts are the answers that are being sent, by the hash of their text.
	texts map[uint64]*heldText
	seed  maphash.Seed
}

func newMemory(bytes int64) *memory {
	return &memory{whole: bytes, free: bytes, texts: map[uint64]*heldText{}, seed: maphash.MakeSeed()}
}

// share is the memory of one body, in bytes.
type share struct {
	of     *memory
	caller string
	bytes  int64
	// text is an answer that others may be reading too. The share of the first reader has its bytes, those of the
	// others have none.
	text *heldText
	// interrupt stops receiving the body, or sending the answer. It must not block.
	interrupt func()
	lost      bool
}

// begin returns the share of a body that begins to arrive. The share is empty at first and must be released.
func (m *memory) begin(caller string, interrupt func()) *share {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := &share{of: m, caller: caller, interrupt: interrupt}
	m.arriving = append(m.arriving, s)
	return s
}

// grow takes more memory. It returns false when there is none.
func (s *share) grow(more int64) bool {
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	return s.take(more)
}

func (s *share) take(more int64) bool {
	m := s.of
	if s.lost || s.bytes+more > m.whole || m.free < more && !m.makeRoom(s, more) {
		return false
	}
	m.free -= more
	s.bytes += more
	return true
}

// makeRoom frees memory for a share. It takes shares from the caller that uses most, the oldest first. It takes nothing
// from a caller if the receiving caller would then use as much or more. Without such a caller it takes other shares of
// the receiving caller, if that is enough.
func (m *memory) makeRoom(to *share, more int64) bool {
	for m.free < more {
		from, found := m.mayLose(to, more)
		if !found {
			return false
		}
		for _, s := range slices.Clone(m.arriving) {
			if s.caller == from && s != to && s.bytes > 0 && m.free < more {
				s.giveWay() // another caller may still read the same text, and then this frees nothing
			}
		}
	}
	return true
}

// mayLose returns the caller that shares are taken from.
func (m *memory) mayLose(to *share, more int64) (caller string, found bool) {
	takes, most := map[string]int64{}, to.caller
	for _, s := range m.arriving {
		takes[s.caller] += s.bytes
		if takes[s.caller] > takes[most] {
			most = s.caller
		}
	}
	if takes[most] > takes[to.caller]+more {
		return most, true
	}
	return to.caller, takes[to.caller] > to.bytes && m.free+takes[to.caller]-to.bytes >= more
}

// proceed runs do unless the share was taken away. The share cannot be taken away meanwhile.
func (s *share) proceed(do func()) bool {
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	if !s.lost {
		do()
	}
	return !s.lost
}

// giveWay takes the share away from a body that is still arriving.
func (s *share) giveWay() {
	s.lost = true
	s.free()
	s.interrupt()
}

// free gives the memory back. It may be called several times. The memory of a text passes to its next reader.
func (s *share) free() {
	if s.text != nil {
		s.leaveText()
	}
	s.of.free += s.bytes
	s.bytes = 0
	s.of.arriving = slices.DeleteFunc(s.of.arriving, func(other *share) bool { return other == s })
}

// keep protects the share of a body that has arrived until it is released. It returns false if the share was taken away
// before.
func (s *share) keep() bool {
	m := s.of
	m.mu.Lock()
	defer m.mu.Unlock()
	m.arriving = slices.DeleteFunc(m.arriving, func(other *share) bool { return other == s })
	return !s.lost
}

// release gives the memory back.
func (s *share) release() {
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	s.free()
}
