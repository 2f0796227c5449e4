package main

import (
	"context"
	"fmt"
	"time"
)

const (
	// poll is how often a wait looks.
	poll = 200 * time.Millisecond
	// patience bounds every wait; on a machine with time to spare all of them take seconds.
	patience = 90 * time.Second
)

// look says whether something is true, and what was seen, for the error message.
type look func(context.Context) (seen string, ok bool)

// await looks until something is true, and says so.
func (s *stage) await(ctx context.Context, what string, look look) error {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	seen := "nothing"
	for {
		now, ok := look(ctx)
		if ok {
			s.came(what, began)
			return nil
		}
		if ctx.Err() == nil { // The last look may have been cut short.
			seen = now
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%q did not come true within %s; last seen: %s", what, patience, seen)
		case <-s.operator.ended():
			return fmt.Errorf("the operator ended while waiting for %q; its log is %s", what, s.operator.log)
		case <-s.apiServer.ended():
			return fmt.Errorf("the REST API ended while waiting for %q; its log is %s", what, s.apiServer.log)
		case <-ticker.C:
		}
	}
}

// remains looks until a point in time whether something stays true.
func (s *stage) remains(ctx context.Context, what string, until time.Time, look look) error {
	began := time.Now()
	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	for {
		seen, ok := look(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !ok {
			return fmt.Errorf("%q was true only for %s; seen: %s", what, time.Since(began).Round(time.Second/10), seen)
		}
		if time.Now().After(until) {
			s.came(what, began)
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}
