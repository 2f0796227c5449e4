package devenv

import (
	"fmt"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// redis is the cache of Argo CD, in this process.
type redis struct {
	server *miniredis.Miniredis
	quit   chan struct{}
	ended  sync.WaitGroup
}

func startRedis() (*redis, error) {
	server := miniredis.NewMiniRedis()
	if err := server.StartAddr("127.0.0.1:0"); err != nil {
		return nil, fmt.Errorf("starting redis: %w", err)
	}
	r := &redis{server: server, quit: make(chan struct{})}
	r.ended.Add(1)
	go r.advance()
	return r, nil
}

// advance lets keys expire: the clock of miniredis stands still unless told.
func (r *redis) advance() {
	defer r.ended.Done()
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			r.server.FastForward(time.Second)
		case <-r.quit:
			return
		}
	}
}

func (r *redis) close() {
	close(r.quit)
	r.ended.Wait()
	r.server.Close()
}
