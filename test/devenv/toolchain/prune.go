package toolchain

import (
	"os"
	"path/filepath"
	"time"
)

// unusedLimit is how long a build stays that nobody asks for: one pin of all servers is almost a gigabyte.
const unusedLimit = 30 * 24 * time.Hour

// touch remembers that the entry is in use. When that fails it only ages too early.
func (e *entry) touch() {
	now := time.Now()
	_ = os.Chtimes(e.dir, now, now)
}

// prune removes the module's entries that nobody has used for long. What cannot be removed stays.
func (e *entry) prune() {
	// A valid pattern.
	siblings, _ := filepath.Glob(filepath.Join(filepath.Dir(e.dir), e.module.dir+"-????????????????"))
	for _, dir := range siblings {
		info, err := os.Stat(dir)
		if err == nil && dir != e.dir && time.Since(info.ModTime()) > unusedLimit {
			_ = os.RemoveAll(dir)
		}
	}
}
