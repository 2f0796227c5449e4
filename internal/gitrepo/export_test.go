package gitrepo

import (
	"bytes"
	"context"
	"runtime"
)

// CleanPath and ReadPack are tested from outside.
var CleanPath = cleanPath

// ReadPack unpacks and returns how many objects have content, and what is wrong.
func ReadPack(data []byte, maxBytes int64, maxObjects int) (int, error) {
	p, err := readPack(context.Background(), bytes.NewReader(data), maxBytes, maxObjects)
	if err != nil {
		return 0, err
	}
	return len(p.objects), nil
}

// ErrTooBig and ErrDamaged are what ReadPack says.
var (
	ErrTooBig  = errTooBig
	ErrDamaged = errDamaged
)

// WaitForWaiting returns when so many callers wait for one fetch.
func WaitForWaiting(s *Store, callers int) {
	for {
		s.mu.Lock()
		for _, f := range s.flights {
			if f.waiting == callers {
				s.mu.Unlock()
				return
			}
		}
		s.mu.Unlock()
		runtime.Gosched()
	}
}

// WaitForFetches returns when so many fetches wait for others.
func WaitForFetches(s *Store, n int) {
	for s.slots.WaitingNow() != n {
		runtime.Gosched()
	}
}
