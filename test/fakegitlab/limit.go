package fakegitlab

import (
	"sync"
	"time"
)

// limiter counts requests per key in windows of a minute.
type limiter struct {
	mu      sync.Mutex
	windows map[string]window
}

type window struct {
	began time.Time
	count int
}

// over counts one request, and says whether it is one too many.
func (l *limiter) over(key string, limit int, now time.Time) bool {
	if limit < 0 {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.windows == nil {
		l.windows = map[string]window{}
	}
	w := l.windows[key]
	if now.Sub(w.began) >= time.Minute {
		w = window{began: now}
	}
	w.count++
	l.windows[key] = w
	return w.count > limit
}

// How long failed logins of git count, and how long the ban lasts that they bring.
const (
	failuresCount = 3 * time.Minute
	banLasts      = time.Hour
)

// bans remembers addresses from which logins of git failed.
type bans struct {
	mu        sync.Mutex
	addresses map[string]*offences
}

type offences struct {
	failures []time.Time
	until    time.Time
}

func (b *bans) banned(address string, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	o := b.addresses[address]
	return o != nil && now.Before(o.until)
}

func (b *bans) failed(address string, limit int, now time.Time) {
	if limit < 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.addresses == nil {
		b.addresses = map[string]*offences{}
	}
	o := b.addresses[address]
	if o == nil {
		o = &offences{}
		b.addresses[address] = o
	}
	for len(o.failures) > 0 && now.Sub(o.failures[0]) > failuresCount {
		o.failures = o.failures[1:]
	}
	o.failures = append(o.failures, now)
	if len(o.failures) >= limit {
		o.until, o.failures = now.Add(banLasts), nil
	}
}

// succeeded forgets the failures of an address.
func (b *bans) succeeded(address string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.addresses, address)
}
