package change

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// wait waits until so many are in the queue of a project.
func (l *lanes) wait(t *testing.T, project int64, n int) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		l.mu.Lock()
		ln := l.of[project]
		there := ln != nil && len(ln.waiting) == n
		l.mu.Unlock()
		if there {
			return
		}
	}
	t.Fatalf("never %d in the queue", n)
}

func TestALaneLetsPassOneAtATimeInTheOrderOfArrival(t *testing.T) {
	var l lanes
	if waited, err := l.enter(t.Context(), 7); waited || err != nil {
		t.Fatalf("waited %t, %v", waited, err)
	}
	passed := make(chan int, 3)
	var all sync.WaitGroup
	for i := range 3 {
		all.Go(func() {
			if waited, err := l.enter(t.Context(), 7); waited && err == nil {
				passed <- i
				l.leave(7)
			}
		})
		l.wait(t, 7, i+1)
	}
	if waited, err := l.enter(t.Context(), 8); waited || err != nil { // another product waits for nobody
		t.Fatalf("waited %t, %v", waited, err)
	}
	l.leave(8)
	l.leave(7)
	all.Wait()
	if order := []int{<-passed, <-passed, <-passed}; !slices.Equal(order, []int{0, 1, 2}) {
		t.Errorf("they passed as %v", order)
	}
	if len(l.of) != 0 {
		t.Errorf("lanes are left over: %v", l.of)
	}
}

func TestWhoGivesUpLeavesTheQueue(t *testing.T) {
	var l lanes
	if _, err := l.enter(t.Context(), 7); err != nil {
		t.Fatal(err)
	}
	gone := errors.New("gone")
	ctx, cancel := context.WithCancelCause(t.Context())
	first, second := make(chan error, 1), make(chan error, 1)
	enter := func(ctx context.Context, ended chan<- error) {
		_, err := l.enter(ctx, 7)
		ended <- err
	}
	go enter(ctx, first)
	l.wait(t, 7, 1)
	go enter(t.Context(), second)
	l.wait(t, 7, 2)
	cancel(gone)
	if err := <-first; !errors.Is(err, gone) {
		t.Errorf("got %v", err)
	}
	l.leave(7)
	if err := <-second; err != nil {
		t.Errorf("got %v", err)
	}
	l.leave(7)
}

func TestWhoseTimeEndsInTheQueueChangedNothing(t *testing.T) {
	var l lanes
	if _, err := l.enter(t.Context(), 7); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithDeadline(t.Context(), time.Now())
	defer cancel()
	_, err := l.enter(ctx, 7)
	if p := problem.As(err); p == nil || p.Class != problem.RateLimited || p.Reason != ReasonTooManyChanges || p.After <= 0 || !strings.Contains(p.Message, "changed nothing") {
		t.Errorf("got %v", err)
	}
	l.leave(7)
	if len(l.of) != 0 {
		t.Errorf("lanes are left over: %v", l.of)
	}
}

func TestAFullLaneTellsToComeBack(t *testing.T) {
	l := lanes{most: 1}
	enter := func(project int64) error { _, err := l.enter(t.Context(), project); return err }
	if err := enter(7); err != nil {
		t.Fatal(err)
	}
	second := make(chan error, 1)
	go func() { second <- enter(7) }()
	l.wait(t, 7, 1)
	p := problem.As(enter(7))
	if p == nil || p.Class != problem.RateLimited || p.Reason != ReasonTooManyChanges || p.After <= 0 {
		t.Errorf("got %v", p)
	}
	if err := enter(8); err != nil {
		t.Errorf("another product: %v", err)
	}
	l.leave(7)
	if err := <-second; err != nil {
		t.Error(err)
	}
	l.leave(7)
	if err := enter(7); err != nil {
		t.Errorf("the lane is not free again: %v", err)
	}
}
