package phases

import (
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
)

// Doubts remember since when passes over objects end with an error that is no problem. Most such errors are gone with
// the next try: a status that was written at each of them would turn Ready to and fro, and be a write more. Nil doubts
// tell of every error at once.
type Doubts struct {
	Clock clock.PassiveClock
	// Untold is how long a status stands as it is while passes fail.
	Untold time.Duration

	since Since[doubt]
}

// doubt is an object, and the condition that sums up what a reconciler looks after: an object can have several.
type doubt struct {
	object  types.UID
	summary string
}

// due notes that a pass failed, and says whether that has lasted long enough to be told.
func (d *Doubts) due(about doubt) bool {
	if d == nil {
		return true
	}
	lasted, known := d.since.Lasts(about, d.Clock.Now())
	return !known || lasted >= d.Untold
}

// end notes that a pass found out.
func (d *Doubts) end(about doubt) {
	if d != nil {
		d.since.End(about)
	}
}
