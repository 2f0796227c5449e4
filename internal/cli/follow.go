package cli

import (
	"cmp"
	"reflect"
	"slices"
	"time"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// patience is how long a reason must last before it counts as a failure. An object that a runtime refers to may be
// created a moment after the runtime.
const patience = 30 * time.Second

// following holds the last known state of runtimes. Apart from that memory it is pure.
type following struct {
	start    time.Time
	last     []wire.DeploymentRuntime
	runtimes map[string]*followed
}

type followed struct {
	status wire.Status
	known  bool
	since  time.Time // when the reason was first seen
}

// note takes the current items and returns a line for each runtime whose state has changed.
func (f *following) note(items []wire.DeploymentRuntime, now time.Time) []string {
	var news []string
	f.last = items
	for _, r := range items {
		was, seen := f.runtimes[r.Name]
		if !seen {
			was = &followed{since: now}
			f.runtimes[r.Name] = was
		}
		is := wire.Status{}
		if r.Status != nil {
			is = *r.Status
			is.Conditions, is.Images = nil, nil // no line tells of them
		}
		if seen && reflect.DeepEqual(is, was.status) && was.known == (r.Status != nil) {
			continue
		}
		if is.Reason != was.status.Reason {
			was.since = now
		}
		was.status, was.known = is, r.Status != nil
		news = append(news, r.Name+": "+sentence(r.Status))
	}
	for name := range f.runtimes {
		if !slices.ContainsFunc(items, func(r wire.DeploymentRuntime) bool { return r.Name == name }) {
			delete(f.runtimes, name)
			news = append(news, name+": gone")
		}
	}
	slices.Sort(news)
	return news
}

// failed says whether the runtime has a reason that does not go away by itself.
func (f *following) failed(name string, now time.Time) bool {
	r, seen := f.runtimes[name]
	return seen && r.known && !r.status.Ready && !passes(r.status.Reason) && now.Sub(r.since) >= patience
}

// passes says whether the operator or Argo CD is still at work, or waits for something that the user cannot fix.
func passes(reason string) bool {
	switch reason {
	case "", api.ReasonNotReached, api.ReasonLookupFailed, api.ReasonClusterNotReady, api.ReasonWaitingForTenancy,
		api.ReasonWaitingForTeardown,
		api.ReasonTeardownInProgress, api.ReasonApplicationDeleted, api.ReasonSyncing, api.ReasonOutOfSync,
		api.ReasonSyncUnknown,
		api.ReasonProgressing, api.ReasonMissing, api.ReasonHealthUnknown, api.ReasonNotYetJudged:
		return true
	}
	return false
}

// sentence describes the state of a runtime.
func sentence(s *wire.Status) string {
	switch {
	case s == nil:
		return "the management cluster does not tell yet"
	case s.Message == "":
		return cmp.Or(s.Reason, "no word of the operator yet")
	case s.Reason == "":
		return s.Message
	}
	return s.Reason + ": " + s.Message
}
