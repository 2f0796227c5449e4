package server

import (
	"bytes"
	"hash/maphash"
	"slices"
)

// heldText is an answer and who is reading it, in the order in which they came.
type heldText struct {
	hash    uint64
	data    []byte
	readers []*share
}

// hold takes the memory for an answer, and returns the text to send. Answers with the same text are kept once, so many
// slow readers of one list take no more than one of them. It returns false when there is no memory.
func (s *share) hold(data []byte) ([]byte, bool) {
	m := s.of
	hash := maphash.Bytes(m.seed, data)
	m.mu.Lock()
	defer m.mu.Unlock()
	if known := m.texts[hash]; known != nil && bytes.Equal(known.data, data) && !s.lost {
		s.text = known
		known.readers = append(known.readers, s)
		return known.data, true
	}
	if !s.take(int64(len(data))) {
		return nil, false
	}
	if m.texts[hash] == nil {
		s.text = &heldText{hash, data, []*share{s}}
		m.texts[hash] = s.text
	}
	return data, true
}

// leaveText makes the next reader of the text hold its memory, if there is one.
func (s *share) leaveText() {
	t := s.text
	s.text = nil
	t.readers = slices.DeleteFunc(t.readers, func(other *share) bool { return other == s })
	if len(t.readers) == 0 {
		delete(s.of.texts, t.hash)
		return
	}
	t.readers[0].bytes, s.bytes = t.readers[0].bytes+s.bytes, 0
}
