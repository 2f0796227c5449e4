package change

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/secret"
)

func enter(t *testing.T, s *Service, project int64) (leave func()) {
	t.Helper()
	leave, waited, err := s.queues.enterLane(t.Context(), project)
	if waited || err != nil {
		t.Fatalf("waited %t, %v", waited, err)
	}
	return leave
}

func TestALaneLetsPassOneAtATimeInTheOrderOfArrival(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{})
		leave := enter(t, s, 7)
		var passed []int
		for i := range 3 {
			go func() {
				if leave, waited, err := s.queues.enterLane(t.Context(), 7); waited && err == nil {
					passed = append(passed, i)
					leave()
				}
			}()
			synctest.Wait()
		}
		enter(t, s, 8)() // another product waits for nobody
		leave()
		synctest.Wait()
		if !slices.Equal(passed, []int{0, 1, 2}) {
			t.Errorf("they passed as %v", passed)
		}
	})
}

func TestWhoGivesUpLeavesTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{})
		leave := enter(t, s, 7)
		gone := errors.New("gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		var first error
		second := false
		go func() { _, _, first = s.queues.enterLane(ctx, 7) }()
		synctest.Wait()
		go func() { _, _, err := s.queues.enterLane(t.Context(), 7); second = err == nil }()
		synctest.Wait()
		cancel(gone)
		synctest.Wait()
		if !errors.Is(first, gone) || second {
			t.Errorf("got %v, %t", first, second)
		}
		leave()
		synctest.Wait()
		if !second {
			t.Error("the next one did not come in")
		}
	})
}

func TestWhoseTimeEndsInTheQueueChangedNothing(t *testing.T) {
	s := New(Options{})
	enter(t, s, 7)
	ctx, cancel := context.WithDeadline(t.Context(), time.Now())
	defer cancel()
	_, _, err := s.queues.enterLane(ctx, 7)
	if p := problem.As(err); p == nil || p.Class != problem.RateLimited || p.Reason != problem.ReasonTooManyChanges ||
		p.After <= 0 || !strings.Contains(p.Message, "changed nothing") {
		t.Errorf("got %v", err)
	}
}

func TestAFullLaneTellsToComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{MaxWaiting: 1})
		leave := enter(t, s, 7)
		go func() {
			if leave, _, err := s.queues.enterLane(t.Context(), 7); err == nil {
				leave()
			}
		}()
		synctest.Wait()
		_, _, err := s.queues.enterLane(t.Context(), 7)
		if p := problem.As(err); p == nil || p.Class != problem.RateLimited ||
			p.Reason != problem.ReasonTooManyChanges || p.After <= 0 {
			t.Errorf("got %v", err)
		}
		enter(t, s, 8) // another product
		leave()
		synctest.Wait()
		enter(t, s, 7) // the lane is free again
	})
}

// Products are saved before it is known which project is theirs: that is nothing that callers share.
func TestWhoSavesProductsSharesNothing(t *testing.T) {
	s := New(Options{})
	ctx, cancel := context.WithDeadline(t.Context(), time.Now()) // nobody waits
	defer cancel()
	for i := range mostAtWork {
		if _, _, err := s.queues.enterWork(ctx, &access{
			visitor: visitor{caller: Caller{Token: secret.New("token-" + strings.Repeat("x", i))}}}); err != nil {
			t.Errorf("caller %d: %v", i, err)
		}
	}
}

// A product whose readers all hang, or a caller who reads everywhere, leaves turns to others.
func TestReadersAndJudgesLeaveTurnsToOthers(t *testing.T) {
	someone := func(project int64, token string) *access {
		return &access{visitor: visitor{caller: Caller{Token: secret.New(token)}},
			project: githost.Project{ID: project}}
	}
	for name, loud := range map[string]func(i int) *access{
		"one product, many callers": func(i int) *access { return someone(7, "token-"+strings.Repeat("x", i)) },
		"one caller, many products": func(i int) *access { return someone(int64(100+i), "loud") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := New(Options{})
				ctx, stop := context.WithCancel(t.Context())
				refusals := make(chan *problem.Problem, 200)
				for i := range 200 {
					go func() {
						leave, _, err := s.queues.enterWork(ctx, loud(i))
						if p := problem.As(err); p != nil {
							refusals <- p
						}
						if err == nil {
							defer leave()
							<-ctx.Done()
						}
					}()
				}
				synctest.Wait()
				var refused *problem.Problem
				select {
				case refused = <-refusals:
				default:
				}
				if refused == nil || refused.Class != problem.RateLimited || refused.After <= 0 {
					t.Errorf("who may not wait any more: %v", refused)
				}
				leave, _, err := s.queues.enterWork(t.Context(), someone(8, "quiet"))
				if err != nil {
					t.Errorf("another waits: %v", err)
				}
				leave()
				stop()
				synctest.Wait()
			})
		})
	}
}
