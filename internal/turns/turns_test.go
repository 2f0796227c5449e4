package turns

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

func enter(t *testing.T, q *Queue, shares ...Share) func() {
	t.Helper()
	leave, _, err := q.Enter(t.Context(), shares...)
	if err != nil {
		t.Fatal(err)
	}
	return leave
}

// The loud one has asked a hundred times before the quiet one asks once: it waits for one of them, which is as old as
// it, and not for a hundred.
func TestWhoAsksMostOftenIsNotServedMostOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &Queue{Places: 1, Waiting: 1000}
		loud, quiet, calm := Share{"loud", 1}, Share{"quiet", 1}, Share{"calm", 1}
		leave := enter(t, q, loud)
		var order []string
		ask := func(s Share) {
			go func() {
				leave := enter(t, q, s)
				order = append(order, s.Key)
				leave()
			}()
			synctest.Wait()
		}
		for range 100 {
			ask(loud)
		}
		ask(quiet)
		ask(calm)
		ask(quiet)
		leave()
		synctest.Wait()
		if got := strings.Join(order[:4], " "); got != "loud quiet calm loud" || len(order) != 103 {
			t.Errorf("%d were served, the first %s", len(order), got)
		}
		if len(q.keys) != 0 || q.taken != 0 {
			t.Errorf("something is left: %d keys, %d places", len(q.keys), q.taken)
		}
	})
}

// A product takes no more than its share, whoever asks for it, and a caller no more than its own, whatever it asks for.
func TestNobodyExceedsAShareUnderAnyKey(t *testing.T) {
	for name, shares := range map[string]func(i int) []Share{
		"one product, many callers": func(i int) []Share {
			return []Share{{"product", 3},
				{fmt.Sprint("caller ", i), 3}}
		},
		"one caller, many products": func(i int) []Share {
			return []Share{{fmt.Sprint("product ", i), 3},
				{"caller", 3}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := &Queue{Places: 10, Waiting: 100}
				ctx, stop := context.WithCancel(t.Context())
				var in atomic.Int32
				for i := range 20 {
					go func() {
						if leave, _, err := q.Enter(ctx, shares(i)...); err == nil {
							in.Add(1)
							defer leave()
							<-ctx.Done()
						}
					}()
				}
				synctest.Wait()
				if n := in.Load(); n != 3 {
					t.Errorf("%d of 10 places are taken", n)
				}
				enter(t, q, Share{"another", 1})() // there is room for others at once
				stop()
				synctest.Wait()
				if len(q.keys) != 0 || q.taken != 0 || len(q.waiting) != 0 {
					t.Errorf("something is left: %d keys, %d places", len(q.keys), q.taken)
				}
			})
		})
	}
}

// A new name for one of the keys brings nobody forward: of a loud product one is served before who came later, and not
// two.
func TestANewCallerOfALoudProductWaitsLikeItsOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &Queue{Places: 1, Waiting: 100}
		leave := enter(t, q, Share{"loud", 1}, Share{"a", 1})
		var order []string
		ask := func(product, caller string) {
			go func() {
				leave := enter(t, q, Share{product, 1}, Share{caller, 1})
				order = append(order, caller)
				leave()
			}()
			synctest.Wait()
		}
		ask("loud", "fresh-1")
		ask("loud", "fresh-2")
		ask("calm", "b")
		leave()
		synctest.Wait()
		if !slices.Equal(order, []string{"fresh-1", "b", "fresh-2"}) {
			t.Errorf("got %v", order)
		}
	})
}

// Twelve send one request after the other, so that their keys empty in between, and come back at once. One who keeps
// several waiting gets turns, too.
func TestWhoComesBackDoesNotOvertakeWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const places, others, rounds = 2, 12, 50
		q := &Queue{Places: places, Waiting: 100}
		var mu sync.Mutex
		served := map[string]int{}
		step := make(chan struct{})
		work := func(key string) {
			for {
				leave, _, err := q.Enter(t.Context(), Share{key, 1}, Share{"product of " + key, 1})
				if err != nil {
					return
				}
				mu.Lock()
				served[key]++
				mu.Unlock()
				_, more := <-step
				leave()
				if !more {
					return
				}
			}
		}
		for i := range others {
			go work(fmt.Sprint("other ", i))
			synctest.Wait()
		}
		for range 4 {
			go work("busy")
			synctest.Wait()
		}
		for range rounds * (others + 1) {
			step <- struct{}{}
			synctest.Wait()
		}
		mu.Lock()
		result := maps.Clone(served)
		mu.Unlock()
		if n := result["busy"]; n < rounds/2 || n > 2*rounds {
			t.Errorf("who always waits was served %d times, and the others %v", n, result)
		}
		close(step)
		synctest.Wait()
	})
}

func TestWhoMayNotWaitIsToldAtOnceAndWhoGivesUpLeavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &Queue{Places: 1, Waiting: 1}
		s := Share{"a", 1}
		leave := enter(t, q, s)
		ctx, giveUp := context.WithCancel(t.Context())
		var gaveUp error
		go func() { _, _, gaveUp = q.Enter(ctx, s) }()
		synctest.Wait()
		if _, _, err := q.Enter(t.Context(), s); !errors.Is(err, ErrFull) {
			t.Errorf("got %v", err)
		}
		giveUp()
		synctest.Wait()
		if !errors.Is(gaveUp, context.Canceled) {
			t.Errorf("got %v", gaveUp)
		}
		leave()
		enter(t, q, s)()
		if len(q.keys) != 0 || q.taken != 0 {
			t.Errorf("something is left: %d keys, %d places", len(q.keys), q.taken)
		}
	})
}
