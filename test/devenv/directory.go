package devenv

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

const (
	directoryPrefix = "nautes-devenv-"
	// lockName is held by the process that uses a directory; it is gone from a directory that is kept.
	lockName = "lock"
)

// directory is where an environment keeps data and logs.
type directory struct {
	path string
	// lock is nil for a directory of the caller, which is never removed.
	lock *os.File
}

// newDirectory creates a temporary directory, unless the caller has one. First it removes those of processes that
// died without cleaning up.
func newDirectory(path string) (*directory, error) {
	if path != "" {
		return &directory{path: path}, os.MkdirAll(path, 0o750)
	}
	removeStale(os.TempDir())
	path, err := os.MkdirTemp("", directoryPrefix)
	if err != nil {
		return nil, err
	}
	lock, err := lockDirectory(path)
	return &directory{path: path, lock: lock}, err
}

// lockDirectory lets the lock appear when it is held: another process must not take it for a stale one.
func lockDirectory(dir string) (*os.File, error) {
	lock, err := os.CreateTemp(dir, "new-lock-")
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = lock.Close()
		return nil, fmt.Errorf("locking %s: %w", lock.Name(), err)
	}
	return lock, os.Rename(lock.Name(), filepath.Join(dir, lockName))
}

// removeStale removes directories whose owner is dead. It is housekeeping: what cannot be removed stays.
func removeStale(in string) {
	locks, _ := filepath.Glob(filepath.Join(in, directoryPrefix+"*", lockName)) // The pattern is valid.
	for _, path := range locks {
		lock, err := os.Open(path)
		if err != nil {
			continue
		}
		if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			_ = os.RemoveAll(filepath.Dir(path))
		}
		_ = lock.Close()
	}
}

// remove removes a temporary directory.
func (d *directory) remove() error {
	if d.lock == nil {
		return nil
	}
	return errors.Join(os.RemoveAll(d.path), d.lock.Close())
}

// keep leaves a temporary directory to the person who wants to look into it.
func (d *directory) keep() error {
	if d.lock == nil {
		return nil
	}
	return errors.Join(os.Remove(filepath.Join(d.path, lockName)), d.lock.Close())
}
