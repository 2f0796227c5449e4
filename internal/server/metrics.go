package server

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

const metricsNamespace = "nautes_apiserver"

// The values of labels that are there from the beginning.
const (
	hit, miss                              = "hit", "miss"
	hookAccepted, hookRefused, hookIgnored = "accepted", "refused", "ignored"
)

// Metrics counts what the API server does. No label has a value that a caller chose: no product, name, path or user.
type Metrics struct {
	registry  *prometheus.Registry
	requests  *prometheus.HistogramVec
	inFlight  prometheus.Gauge
	gitlab    *prometheus.HistogramVec
	git       *prometheus.HistogramVec
	lostRaces prometheus.Counter
	snapshots *prometheus.CounterVec
	hooks     *prometheus.CounterVec
}

// NewMetrics returns metrics in a registry of their own.
func NewMetrics() *Metrics {
	histogram := func(name, help string, labels ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: metricsNamespace, Name: name, Help: help,
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, labels)
	}
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: histogram("request_duration_seconds", "Requests by operation and status.", "operation", "code"),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: metricsNamespace, Name: "requests_in_flight", Help: "Requests that are being answered.",
		}),
		gitlab: histogram("gitlab_call_duration_seconds", "Calls of GitLab's REST API by operation and outcome.",
			"operation", "outcome"),
		git: histogram("git_operation_duration_seconds", "Exchanges with git by operation and outcome.",
			"operation", "outcome"),
		lostRaces: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: metricsNamespace, Name: "lost_races_total", Help: "Pushes that somebody else's push overtook.",
		}),
		snapshots: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: metricsNamespace, Name: "snapshot_reads_total",
			Help: "Reads of a commit of default.project: hit where it was kept, miss where it was fetched.",
		}, []string{"result"}),
		hooks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: metricsNamespace, Name: "webhooks_total", Help: "Calls of the webhook by outcome.",
		}, []string{"outcome"}),
	}
	for vec, values := range map[*prometheus.CounterVec][]string{
		m.snapshots: {hit, miss}, m.hooks: {hookAccepted, hookRefused, hookIgnored},
	} {
		for _, value := range values { // the first of them is an increase too
			vec.WithLabelValues(value)
		}
	}
	m.registry.MustRegister(m.requests, m.inFlight, m.gitlab, m.git, m.lostRaces, m.snapshots, m.hooks,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// SnapshotBytes registers a function that returns the memory of all snapshots of repositories. Call it once.
func (m *Metrics) SnapshotBytes(bytes func() int64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: metricsNamespace, Name: "snapshot_bytes", Help: "Memory that the snapshots of repositories take.",
	}, func() float64 { return float64(bytes()) }))
}

// SnapshotRead counts a read of a commit of default.project: kept says that it needed no fetch.
func (m *Metrics) SnapshotRead(kept bool) {
	result := miss
	if kept {
		result = hit
	}
	m.snapshots.WithLabelValues(result).Inc()
}

// ManagementCluster registers a function that says whether the management cluster answers. Call it once.
func (m *Metrics) ManagementCluster(connected func() bool) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: metricsNamespace, Name: "management_cluster_connected",
		Help: "1 while the management cluster answers, else 0: saves go on unchecked then.",
	}, func() float64 {
		if connected() {
			return 1
		}
		return 0
	}))
}

// Handler serves all metrics. Use it on a listener that callers of the API cannot reach, because not everybody may read
// them.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// GitLabCall counts a call of GitLab's REST API. Both texts are fixed words, such as GetProject and OK.
func (m *Metrics) GitLabCall(operation, outcome string, took time.Duration) {
	m.gitlab.WithLabelValues(operation, outcome).Observe(took.Seconds())
}

// GitOperation counts an exchange with git, such as fetch or push. Both texts are fixed words. A lost race is an
// outcome too.
func (m *Metrics) GitOperation(operation, outcome string, took time.Duration) {
	m.git.WithLabelValues(operation, outcome).Observe(took.Seconds())
	if outcome == problem.ReasonLostRace {
		m.lostRaces.Inc()
	}
}
