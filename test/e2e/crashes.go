package e2e

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
)

// crashes returns the stories of operators that are killed.
func crashes() []Scenario {
	return []Scenario{
		{"operators that die of every write lose, repeat and forget nothing", killedAtEveryWrite},
	}
}

// fewestWrites is how many writes a deployment and a removal take at the very least. A story with fewer was not told to
// the end.
const fewestWrites = 8

// killedAtEveryWrite lets a runtime come and go under operators of which each dies of its first write: the next one has
// to go on from there.
func killedAtEveryWrite(t *testing.T, w *World) {
	p := w.NewProduct(t)
	p.RestartOperator(func(o *controllers.Options) { o.Timing.Grace = 0 })
	line := p.startMortals()
	namespace := p.Namespace("web")
	p.Deploy("web", "dev")
	pods := p.Pods(East, namespace)
	p.Expect(pods).To(HaveLen(1))
	uid := p.Application("web").UID
	p.Delete("web")
	p.EventuallyGone("web", East, namespace)
	p.EventuallyVanished("web")
	p.Expect(p.recordsOf(p.Ctx)).To(BeEmpty())
	p.Eventually(p.permitted).Should(BeEmpty(), "nothing is left in the AppProject")
	deaths, err := line.end()
	p.Expect(err).NotTo(HaveOccurred(), "after %d deaths", len(deaths))
	for i, found := range deaths {
		if found.application != "" {
			p.Expect(found.application).To(Equal(string(uid)),
				"there was one Application all the time, when operator %d died", i+1)
		}
		for _, pod := range found.pods {
			p.Expect(pods).To(ContainElement(pod), "no pod was restarted, when operator %d died", i+1)
		}
	}
	p.Expect(len(deaths)).To(BeNumerically(">=", fewestWrites))
	t.Logf("%d operators died", len(deaths))
}

// mortals is a line of operators, one after the other.
type mortals struct {
	product *Product
	enough  chan struct{}
	stop    func() error
	deaths  []autopsy
}

// startMortals puts the first of them in the operator's place.
func (p *Product) startMortals() *mortals {
	p.Helper()
	m := &mortals{product: p, enough: make(chan struct{})}
	ended := make(chan error, 1)
	m.stop = sync.OnceValue(func() error { close(m.enough); return <-ended })
	p.Expect(p.W.StopOperator()).To(Succeed())
	first, err := m.next()
	p.Expect(err).NotTo(HaveOccurred())
	go func() { ended <- m.live(first) }()
	p.Cleanup(func() { _ = m.stop() }) // where the story broke off
	return m
}

func (m *mortals) next() (*life, error) {
	l := newLife(m.product.Name)
	return l, m.product.W.StartOperator(l.config(m.product.W.Env.Management.RESTConfig()))
}

// live examines what a dead operator left and starts another one, until there were enough.
func (m *mortals) live(l *life) error {
	for {
		select {
		case <-m.enough:
			return nil
		case <-l.died:
		}
		_ = m.product.W.StopOperator() // with errors: it is dead
		found, err := m.product.examine(m.product.Ctx)
		if err != nil {
			return fmt.Errorf("after death %d: %w", len(m.deaths)+1, err)
		}
		m.deaths = append(m.deaths, found)
		if l, err = m.next(); err != nil {
			return err
		}
	}
}

// end puts an operator that lives in place of the last one, and returns what the others left.
func (m *mortals) end() ([]autopsy, error) {
	err := m.stop()
	_ = m.product.W.StopOperator() // it may just have died
	return m.deaths, errors.Join(err, m.product.W.StartOperator(m.product.W.Env.Management.RESTConfig()))
}

// autopsy is what stood when an operator died.
type autopsy struct {
	application string // its UID
	pods        []string
}

// examine expects that whatever exists on the cluster is recorded, and recorded once.
func (p *Product) examine(ctx context.Context) (autopsy, error) {
	var found autopsy
	records, err := p.recordsOf(ctx)
	if err != nil {
		return found, err
	}
	if len(records) > 1 {
		return found, fmt.Errorf("%d Applications", len(records))
	}
	var recorded []string
	for uid, r := range records {
		found.application = uid
		recorded = r.Namespaces
	}
	remote := p.W.Remote(p.T, East)
	var namespaces corev1.NamespaceList
	if err := remote.List(ctx, &namespaces, client.MatchingLabels{api.LabelProduct: p.Name}); err != nil {
		return found, fmt.Errorf("listing the namespaces: %w", err)
	}
	for _, ns := range namespaces.Items {
		if !slices.Contains(recorded, ns.Name) {
			return found, fmt.Errorf("namespace %s exists and no record names it", ns.Name)
		}
		var pods corev1.PodList
		if err := remote.List(ctx, &pods, client.InNamespace(ns.Name)); err != nil {
			return found, fmt.Errorf("listing the pods: %w", err)
		}
		for _, pod := range pods.Items {
			found.pods = append(found.pods, string(pod.UID))
		}
	}
	return found, nil
}

// recordsOf returns the records of the product by the UID of their Applications. Every Application must have one.
func (p *Product) recordsOf(ctx context.Context) (map[string]placement.Placement, error) {
	var apps observed.ApplicationList
	if err := p.W.Client.List(ctx, &apps, client.InNamespace(argoNamespace),
		client.MatchingLabels{api.LabelProduct: p.Name}); err != nil {
		return nil, fmt.Errorf("listing the Applications: %w", err)
	}
	out := map[string]placement.Placement{}
	for i := range apps.Items {
		record, err := placement.Decode(apps.Items[i].Annotations[api.AnnotationPlacement])
		if err != nil {
			return nil, err
		}
		out[string(apps.Items[i].UID)] = record
	}
	return out, nil
}
