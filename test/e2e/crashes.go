package e2e

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
)

// crashes returns the stories of an operator that is killed.
func crashes() []Scenario {
	return []Scenario{
		{"an operator that is killed at any write loses, repeats and forgets nothing", killedAtEveryWrite},
	}
}

// fewestWrites is how many writes a deployment and a removal take at the very least. A story with fewer was not told to the end.
const fewestWrites = 8

// killedAtEveryWrite tells the same story again and again. Every time the operator dies one write later, and another one goes on.
func killedAtEveryWrite(t *testing.T, w *World) {
	p := w.NewProduct(t)
	p.RestartOperator(func(o *controllers.Options) { o.Timing.Grace = 0 })
	for n := 1; ; n++ {
		p.Expect(w.StopOperator()).To(Succeed())
		l := newLife(p.Name, n)
		p.Expect(w.StartOperator(l.config(w.Env.Management.RESTConfig()))).To(Succeed())
		if killed := p.deployAndDelete(l); !killed {
			p.Expect(n).To(BeNumerically(">", fewestWrites))
			t.Logf("killed at each of %d writes", n-1)
			return
		}
	}
}

// deployAndDelete lets a runtime come and go. An operator that dies meanwhile is replaced; the answer says whether that happened.
func (p *Product) deployAndDelete(l *life) (killed bool) {
	p.Helper()
	ended, buried := make(chan struct{}), make(chan error, 1)
	var found autopsy
	go func() {
		select {
		case <-l.died:
		case <-ended:
			if !l.dead.Load() {
				buried <- nil
				return
			}
			<-l.died
		}
		killed = true
		var err error
		found, err = p.replaceOperator()
		buried <- err
	}()
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
	close(ended)
	p.Expect(<-buried).To(Succeed(), "when the operator died of write %d", l.last)
	if killed && found.application != "" {
		p.Expect(found.application).To(Equal(string(uid)), "there was one Application all the time, when the operator died of write %d", l.last)
	}
	for _, pod := range found.pods {
		p.Expect(pods).To(ContainElement(pod), "no pod was restarted, when the operator died of write %d", l.last)
	}
	return killed
}

// autopsy is what stood when an operator died.
type autopsy struct {
	application string // its UID
	pods        []string
}

// replaceOperator looks at what a dead operator left, and starts another one.
func (p *Product) replaceOperator() (autopsy, error) {
	w := p.W
	ended := w.StopOperator() // with errors: it is dead
	found, err := p.examine(p.Ctx)
	if err != nil {
		return found, errors.Join(err, ended)
	}
	return found, w.StartOperator(w.Env.Management.RESTConfig())
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
	if err := p.W.Client.List(ctx, &apps, client.InNamespace(argoNamespace), client.MatchingLabels{api.LabelProduct: p.Name}); err != nil {
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
