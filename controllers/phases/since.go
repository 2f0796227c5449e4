package phases

import (
	"maps"
	"sync"
	"time"
)

// Since remembers since when something is so, for many keys. After a restart it begins anew. The zero value is ready.
type Since[K comparable] struct {
	mu    sync.Mutex
	began map[K]time.Time
}

const (
	// maxSince bounds the memory.
	maxSince = 10_000
	// sinceLife is how long a key is kept at most: what it is about may be gone, or another operator's.
	sinceLife = time.Hour
)

// Lasts notes that it is so, and returns for how long it has been. Where there is no room to note it that is not known,
// and the caller decides what is safe. One that delays a message sends it at once. One that waits for another operator
// to act goes on waiting.
func (s *Since[K]) Lasts(key K, now time.Time) (lasted time.Duration, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if began, known := s.began[key]; known {
		return now.Sub(began), true
	}
	if len(s.began) >= maxSince {
		maps.DeleteFunc(s.began, func(_ K, began time.Time) bool { return now.Sub(began) > sinceLife })
	}
	if len(s.began) >= maxSince {
		return 0, false
	}
	if s.began == nil {
		s.began = map[K]time.Time{}
	}
	s.began[key] = now
	return 0, true
}

// End notes that it is not so any more.
func (s *Since[K]) End(key K) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.began, key)
}
