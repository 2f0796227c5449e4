package argocd

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"

	"github.com/nautes-labs/deployment-runtime/internal/observed"
	"github.com/nautes-labs/deployment-runtime/internal/text"
)

const (
	// versionPoll is how often Argo CD is asked for its version.
	versionPoll = time.Minute
	// versionKept is how long the last answer counts: an upgrade of Argo CD keeps the repo-server away for less.
	versionKept = 10 * time.Minute
	// longestVersion is in bytes.
	longestVersion = 64
)

// Version knows the version of the Argo CD that is driven. The operator tells of it, and does the same
// whatever it is, also when it cannot be read.
type Version struct {
	// Ask asks Argo CD.
	Ask   func(context.Context) (string, error)
	Clock clock.Clock
	Log   logr.Logger

	mu     sync.Mutex
	looked bool
	told   string
	toldAt time.Time
}

// Start asks from time to time, until the context ends.
func (v *Version) Start(ctx context.Context) error {
	for {
		v.look(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-v.Clock.After(versionPoll):
		}
	}
}

func (v *Version) look(ctx context.Context) {
	told, err := v.Ask(ctx)
	told = text.Cut(text.OneLine(strings.ToValidUTF8(told, "")), longestVersion, "...") // it becomes a label of a metric
	v.mu.Lock()
	defer v.mu.Unlock()
	v.looked = true
	if err != nil {
		v.Log.V(1).Info("Argo CD does not say its version", "error", err.Error())
		return
	}
	if told != v.told {
		c := observed.VersionTested(told)
		v.Log.Info("read the version of Argo CD", "version", told, "tested", c.Status, "reason", c.Reason)
	}
	v.told, v.toldAt = told, v.Clock.Now()
}

// Told returns the version, or nothing if it was not read for a while.
func (v *Version) Told() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.Clock.Since(v.toldAt) > versionKept {
		return ""
	}
	return v.told
}

// Condition says whether the version was tried. It has no type until Argo CD was asked: what a status tells stays.
func (v *Version) Condition() metav1.Condition {
	v.mu.Lock()
	looked := v.looked
	v.mu.Unlock()
	if !looked {
		return metav1.Condition{}
	}
	return observed.VersionTested(v.Told())
}
