package phases

import (
	"strconv"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
)

// Objects come and go, and nobody may tell that one is gone: another operator's, for example.
func TestWhatIsNotSoAnyMoreIsForgotten(t *testing.T) {
	var s Since[int]
	now := time.Now()
	for i := range maxSince {
		s.Lasts(i, now)
	}
	if got, known := s.Lasts(-1, now.Add(time.Second)); got != 0 || known {
		t.Errorf("one more than there is room for is so for %s, known: %v", got, known)
	}
	if got, known := s.Lasts(1, now.Add(time.Second)); got != time.Second || !known || len(s.began) != maxSince {
		t.Errorf("one that is known is so for %s, known: %v, of %d", got, known, len(s.began))
	}
	now = now.Add(sinceLife + time.Second)
	if got, known := s.Lasts(-1, now); got != 0 || !known || len(s.began) != 1 {
		t.Errorf("after a long time: %s, known: %v, of %d", got, known, len(s.began))
	}
	s.End(-1)
	if len(s.began) != 0 {
		t.Errorf("%d are left", len(s.began))
	}
}

// An error that nobody can say the age of must not stay untold for ever.
func TestDoubtsForWhichThereIsNoRoomAreToldAtOnce(t *testing.T) {
	now := clocktesting.NewFakePassiveClock(time.Now())
	d := Doubts{Clock: now, Untold: time.Minute}
	if d.due(doubt{object: "known"}) {
		t.Error("an error that is new is told")
	}
	for i := range maxSince {
		d.since.Lasts(doubt{object: types.UID(strconv.Itoa(i))}, now.Now())
	}
	if !d.due(doubt{object: "one more"}) {
		t.Error("an error for which there is no room is not told")
	}
}
