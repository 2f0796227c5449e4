package metrics

import (
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
)

// Counters count what happens, where the Collector counts what is. They begin at 0 with each process.
type Counters struct {
	probes     *prometheus.HistogramVec
	trips      *prometheus.CounterVec
	writes     *prometheus.CounterVec
	rollouts   *prometheus.HistogramVec
	deliveries prometheus.Histogram
}

// NewCounters returns the counters of a registry: several operators that run in one process, as in tests, share them.
func NewCounters(registry prometheus.Registerer) (*Counters, error) {
	histogram := func(name, help string, buckets ...float64) prometheus.HistogramOpts {
		return prometheus.HistogramOpts{Namespace: Namespace, Name: name, Help: help, Buckets: buckets}
	}
	counter := func(name, help string) prometheus.CounterOpts {
		return prometheus.CounterOpts{Namespace: Namespace, Name: name, Help: help}
	}
	minutes := []float64{5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 4 * 3600, 24 * 3600}
	c := &Counters{
		probes: prometheus.NewHistogramVec(histogram("cluster_probe_duration_seconds",
			"How long runtime clusters take to say who they are, by cluster and outcome.",
			.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10), []string{"cluster", "outcome"}),
		trips: prometheus.NewCounterVec(counter("brake_trips_total",
			"Removals that the brake held, by the reason of the hold."), []string{"hold"}),
		writes: prometheus.NewCounterVec(counter("writes_total",
			"Writes to API servers by role of the cluster, verb, resource and status of the answer."),
			[]string{"role", "verb", "resource", "code"}),
		rollouts: prometheus.NewHistogramVec(histogram("rollout_duration_seconds",
			"From the start of the first sync of a revision to its outcome.", minutes...), []string{"outcome"}),
		deliveries: prometheus.NewHistogram(histogram("commit_to_ready_seconds",
			"From the date of a commit of a code repo until a runtime was Ready with it.", minutes...)),
	}
	var failed [5]error
	c.probes, failed[0] = registered(registry, c.probes)
	c.trips, failed[1] = registered(registry, c.trips)
	c.writes, failed[2] = registered(registry, c.writes)
	c.rollouts, failed[3] = registered(registry, c.rollouts)
	c.deliveries, failed[4] = registered(registry, c.deliveries)
	for _, outcome := range []api.RolloutOutcome{api.RolloutDeployed, api.RolloutFailed} {
		c.rollouts.WithLabelValues(string(outcome)) // the first of them is an increase too
	}
	for _, hold := range []placement.Hold{placement.HoldTooManyAtOnce, placement.HoldTooManyTogether} {
		c.trips.WithLabelValues(string(hold))
	}
	return c, errors.Join(failed[:]...)
}

// registered registers a collector, or returns the one that another operator of this process has registered.
func registered[T prometheus.Collector](registry prometheus.Registerer, c T) (T, error) {
	err := registry.Register(c)
	var another prometheus.AlreadyRegisteredError
	if errors.As(err, &another) {
		if existing, same := another.ExistingCollector.(T); same {
			return existing, nil
		}
	}
	if err != nil {
		return c, fmt.Errorf("registering the metrics: %w", err)
	}
	return c, nil
}

// Probed counts a look at a runtime cluster. The outcome is OK or a reason.
func (c *Counters) Probed(cluster, outcome string, took time.Duration) {
	c.probes.WithLabelValues(cluster, outcome).Observe(took.Seconds())
}

// Forgotten drops what was counted of a cluster that is not registered any more.
func (c *Counters) Forgotten(cluster string) {
	c.probes.DeletePartialMatch(prometheus.Labels{"cluster": cluster})
}

// Tripped counts a removal that the brake held.
func (c *Counters) Tripped(hold string) { c.trips.WithLabelValues(hold).Inc() }

// RolledOut counts a rollout that ended.
func (c *Counters) RolledOut(outcome string, took time.Duration) {
	c.rollouts.WithLabelValues(outcome).Observe(took.Seconds())
}

// Delivered counts a commit that a runtime is Ready with, so long after it was made.
func (c *Counters) Delivered(sinceCommit time.Duration) { c.deliveries.Observe(sinceCommit.Seconds()) }
