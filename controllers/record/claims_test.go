package record_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nautes-labs/deployment-runtime/controllers/record"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
	"github.com/nautes-labs/deployment-runtime/internal/rules/rulestest"
)

var errTaken = errors.New("the namespace is taken")

func wants(name, namespace string) placement.Placement {
	return placement.Placement{
		Runtime: placement.RuntimeRef{Namespace: "product-7", Name: name, UID: "uid-" + name}, Product: "product-7",
		Destination: placement.Destination{Cluster: "east"}, Namespaces: []string{namespace},
	}
}

// free is a rule: the namespace of a placement is nobody else's.
func free(t *testing.T, p placement.Placement) func(rules.Lookup) error {
	return func(l rules.Lookup) error {
		holders, err := l.Holders(t.Context(), p.Destination.Cluster, p.Namespaces[0])
		if err != nil {
			return err
		}
		own, err := l.Recorded(t.Context(), p.Product, p.Runtime.Name)
		if err != nil {
			return err
		}
		if len(holders) > 0 && len(own) == 0 {
			return errTaken
		}
		return nil
	}
}

func TestOfRivalsThatComeAtOnceOneGetsTheirPlace(t *testing.T) {
	var c record.Claims
	world := rulestest.New()
	var won [10]atomic.Int32
	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() {
			p := wants(fmt.Sprint("r", i), fmt.Sprint("ns-", i%len(won)))
			if _, err := c.Take(time.Now(), world, p, free(t, p)); err == nil {
				won[i%len(won)].Add(1)
			} else if !errors.Is(err, errTaken) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for i := range won {
		if n := won[i].Load(); n != 1 {
			t.Errorf("namespace ns-%d was given to %d runtimes", i, n)
		}
	}
}

func TestAClaimCountsUntilTheCacheShowsTheRecordOrNoneWasMade(t *testing.T) {
	now := time.Now()
	first, second, other := wants("first", "shop"), wants("second", "shop"), wants("other", "other")
	recorded := func() *rulestest.World { return rulestest.New().Record(rules.Record{Placement: first, Since: now}) }
	for sentence, c := range map[string]struct {
		happens func(claims *record.Claims, drop func())
		seen    *rulestest.World
		later   time.Duration
		want    error
	}{
		"nothing happens":    {seen: rulestest.New(), want: errTaken},
		"the record is seen": {seen: recorded(), want: errTaken},
		"the record could not be made": {happens: func(_ *record.Claims, drop func()) { drop() },
			seen: rulestest.New()},
		"it is not seen for very long": {seen: rulestest.New(), later: time.Hour},
		"it was seen, and is deleted": {happens: func(claims *record.Claims, _ func()) {
			if _, err := claims.Take(now, recorded(), other, free(t, other)); err != nil {
				t.Error(err)
			}
		}, seen: rulestest.New()},
	} {
		t.Run(sentence, func(t *testing.T) {
			claims := &record.Claims{}
			drop, err := claims.Take(now, rulestest.New(), first, free(t, first))
			if err != nil {
				t.Fatal(err)
			}
			if c.happens != nil {
				c.happens(claims, drop)
			}
			if _, err := claims.Take(now.Add(c.later), c.seen, second, free(t, second)); !errors.Is(err, c.want) {
				t.Errorf("the rival got %v, want %v", err, c.want)
			}
		})
	}
}

// A runtime is not its own rival: a pass that was interrupted is repeated.
func TestARuntimeMayClaimAgain(t *testing.T) {
	var c record.Claims
	p := wants("r", "shop")
	dropFirst, err := c.Take(time.Now(), rulestest.New(), p, free(t, p))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Take(time.Now().Add(time.Second), rulestest.New(), p, free(t, p)); err != nil {
		t.Fatalf("again: %v", err)
	}
	dropFirst() // late: it must not drop the second claim
	rival := wants("rival", "shop")
	if _, err := c.Take(time.Now(), rulestest.New(), rival, free(t, rival)); !errors.Is(err, errTaken) {
		t.Errorf("the rival got %v", err)
	}
}

// The answer to the first Create was lost, so its record may be there. What becomes of a second try does not change that.
func TestAClaimThatMayHaveBecomeARecordStays(t *testing.T) {
	p, rival := wants("r", "shop"), wants("rival", "shop")
	for sentence, again := range map[string]func(c *record.Claims){
		"the second try is refused": func(c *record.Claims) {
			drop, err := c.Take(time.Now(), rulestest.New(), p, free(t, p))
			if err != nil {
				t.Fatal(err)
			}
			drop()
		},
		"the second try is not permitted": func(c *record.Claims) {
			_, err := c.Take(time.Now(), rulestest.New(), p, func(rules.Lookup) error { return errors.New("no") })
			if err == nil {
				t.Fatal("permitted")
			}
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			c := &record.Claims{}
			if _, err := c.Take(time.Now(), rulestest.New(), p, free(t, p)); err != nil {
				t.Fatal(err)
			}
			again(c)
			if _, err := c.Take(time.Now(), rulestest.New(), rival, free(t, rival)); !errors.Is(err, errTaken) {
				t.Errorf("the rival got %v", err)
			}
			c.Seen(p.Runtime) // and it is deleted before anybody else is judged
			if _, err := c.Take(time.Now(), rulestest.New(), rival, free(t, rival)); err != nil {
				t.Errorf("the rival got %v, after the record came and went", err)
			}
		})
	}
}
