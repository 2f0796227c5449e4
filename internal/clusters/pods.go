package clusters

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

const (
	// podsFresh is how long an answer counts, and podsKept how long an old one stands in while it is asked again.
	podsFresh, podsKept = 30 * time.Second, 2 * time.Minute
	// podsForbidden is how long nobody asks a cluster again that does not permit it.
	podsForbidden = 10 * time.Minute
	// podsTime bounds one question, and podsAtOnce the questions to a cluster at one time.
	podsTime, podsAtOnce = 10 * time.Second, 2
	// podsPage is how many pods, and how many Events, of a namespace are looked at; podsNamespaces of how many namespaces.
	podsPage, podsNamespaces = 100, 5
	// podsPlaces bounds the memory.
	podsPlaces = 5000
)

// Pods asks runtime clusters why pods do not run. It only reads. A question is asked beside the pass that needs its
// answer, and the next pass finds it: no pass waits for a cluster.
type Pods struct {
	Clients interface {
		Client(ctx context.Context, cluster *api.Cluster) (client.Client, error)
	}
	Clock clock.PassiveClock

	mu    sync.Mutex
	known map[string]*podLook
	busy  map[string]int
}

// podLook is the last answer about some namespaces.
type podLook struct {
	found  []api.ResourceStatus
	asking bool
	// seen is when the answer came, until how long nobody asks again.
	seen, until time.Time
}

// Of returns why pods in the namespaces do not run, as far as it is known. asked says that an answer is on its way.
func (p *Pods) Of(ctx context.Context, cluster *api.Cluster, namespaces []string) (found []api.ResourceStatus,
	asked bool) {
	namespaces = namespaces[:min(podsNamespaces, len(namespaces))]
	p.mu.Lock()
	defer p.mu.Unlock()
	now, key := p.Clock.Now(), cluster.Name+"/"+strings.Join(namespaces, ",")
	look := p.known[key]
	if look == nil {
		if p.known == nil || len(p.known) >= podsPlaces {
			p.known, p.busy = map[string]*podLook{}, map[string]int{}
		}
		look = &podLook{}
		p.known[key] = look
	}
	if now.Sub(look.seen) < podsKept {
		found = look.found
	}
	if look.asking || now.Before(look.until) {
		return found, look.asking
	}
	if p.busy[cluster.Name] >= podsAtOnce {
		return found, true
	}
	look.asking = true
	p.busy[cluster.Name]++
	go p.ask(context.WithoutCancel(ctx), cluster.DeepCopy(), namespaces, look)
	return found, true
}

func (p *Pods) ask(ctx context.Context, cluster *api.Cluster, namespaces []string, look *podLook) {
	ctx, cancel := context.WithTimeout(ctx, podsTime)
	defer cancel()
	found, err := p.read(ctx, cluster, namespaces)
	if err != nil {
		log.FromContext(ctx).Info("why pods do not run is not known", "cluster", cluster.Name, "cause", err.Error())
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.Clock.Now()
	if look.asking = false; p.busy[cluster.Name] > 0 {
		p.busy[cluster.Name]--
	}
	look.until = now.Add(podsFresh)
	if apierrors.IsForbidden(err) {
		look.until = now.Add(podsForbidden)
	}
	if err == nil {
		look.found, look.seen = found, now
	}
}

func (p *Pods) read(ctx context.Context, cluster *api.Cluster, namespaces []string) ([]api.ResourceStatus, error) {
	c, err := p.Clients.Client(ctx, cluster)
	if err != nil {
		return nil, fmt.Errorf("connecting to cluster %s: %w", cluster.Name, err)
	}
	var pods []corev1.Pod
	var events []corev1.Event
	for _, ns := range namespaces {
		var refusals corev1.EventList
		err := c.List(ctx, &refusals, client.InNamespace(ns), client.Limit(podsPage),
			client.MatchingFields{"reason": "FailedCreate"})
		if err != nil {
			return nil, fmt.Errorf("listing Events in %s: %w", ns, err)
		}
		var some corev1.PodList
		if err := c.List(ctx, &some, client.InNamespace(ns), client.Limit(podsPage)); err != nil {
			return nil, fmt.Errorf("listing pods in %s: %w", ns, err)
		}
		pods, events = append(pods, some.Items...), append(events, refusals.Items...)
	}
	return symptomsOf(pods, events, p.Clock.Now()), nil
}
