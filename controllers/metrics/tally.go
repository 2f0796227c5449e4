package metrics

import (
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/record"
)

// object is an object of any of our kinds.
type object interface {
	client.Object
	GetConditions() []metav1.Condition
}

// place says what an object belongs to. What does not apply to its kind is empty.
type place struct{ product, environment, cluster string }

func placeOf(o object) place {
	switch o := o.(type) {
	case *api.DeploymentRuntime:
		at := place{product: o.Namespace, environment: o.Spec.Destination}
		if o.Status.Placement != nil {
			at.cluster = o.Status.Placement.Cluster
		}
		return at
	case *api.Environment:
		return place{o.Namespace, o.Name, o.Spec.Cluster}
	case *api.Product:
		return place{product: o.Name}
	case *api.Cluster:
		return place{cluster: o.Name}
	case *api.Project, *api.CodeRepo, *api.CodeRepoBinding:
		return place{product: o.GetNamespace()}
	}
	return place{}
}

// tally adds up the series of one scrape.
type tally struct {
	gauges map[string]gauge
	values map[series]float64
}

// series is a gauge with the values of its labels, which are joined because a slice is no key.
type series struct{ gauge, labels string }

const separator = "\xff" // stands in no label value: they are names and reasons

func newTally() *tally { return &tally{gauges: gauges(), values: map[series]float64{}} }

func key(gauge string, labels []string) series { return series{gauge, strings.Join(labels, separator)} }

func (t *tally) set(gauge string, value float64, labels ...string) {
	t.values[key(gauge, labels)] = value
}

func (t *tally) add(gauge string, labels ...string) { t.values[key(gauge, labels)]++ }

func (t *tally) atLeast(gauge string, value float64, labels ...string) {
	k := key(gauge, labels)
	t.values[k] = max(t.values[k], value)
}

func (t *tally) atMost(gauge string, value float64, labels ...string) {
	k := key(gauge, labels)
	if before, known := t.values[k]; !known || value < before {
		t.values[k] = value
	}
}

func (t *tally) conditions(kind string, at place, o object, perObject bool, now time.Time) {
	for _, c := range o.GetConditions() {
		if _, is := o.(*api.DeploymentRuntime); is && c.Type == api.ConditionReady && c.Status != metav1.ConditionTrue {
			t.atLeast(notReadyAge, now.Sub(c.LastTransitionTime.Time).Seconds(), at.product, at.cluster, c.Reason)
		}
		t.add(objects, kind, at.product, at.environment, at.cluster, c.Type, string(c.Status), c.Reason)
		if perObject {
			t.set(objectState, 1, kind, o.GetNamespace(), o.GetName(), c.Type, string(c.Status), c.Reason)
		}
	}
	if p, ok := o.(*api.Product); ok {
		for _, problem := range p.Status.NamespaceProblems {
			t.add(problems, p.Name, problem.Cluster)
		}
	}
}

func (t *tally) record(rec *record.Record, now time.Time) {
	if rec.Teardown == nil {
		return
	}
	hold := string(rec.Teardown.Hold)
	if rec.Approved() {
		hold = ""
	}
	labels := []string{rec.Placement.Product, rec.Placement.Destination.Cluster, hold}
	t.add(removals, labels...)
	t.atLeast(removalAge, now.Sub(rec.Teardown.RequestedAt).Seconds(), labels...)
}

func (t *tally) send(out chan<- prometheus.Metric) {
	for s, value := range t.values {
		labels := strings.Split(s.labels, separator)
		out <- prometheus.MustNewConstMetric(t.gauges[s.gauge].desc, prometheus.GaugeValue, value, labels...)
	}
}
