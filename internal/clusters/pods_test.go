package clusters

import (
	"context"
	"errors"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

// reader is a client.Client under another name.
type reader interface{ client.Client }

// podCluster answers questions for pods, each once somebody lets it.
type podCluster struct {
	reader
	asked chan struct{}
	let   chan error
}

func (c *podCluster) Client(context.Context, *api.Cluster) (client.Client, error) { return c, nil }

func (c *podCluster) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	if events, is := list.(*corev1.EventList); is {
		c.asked <- struct{}{}
		events.Items = []corev1.Event{refused("ReplicaSet", "web-1", "no", 0)}
		return <-c.let
	}
	return nil
}

func newPods() (*Pods, *podCluster, *clocktesting.FakeClock) {
	c := &podCluster{asked: make(chan struct{}, 10), let: make(chan error, 10)}
	clock := clocktesting.NewFakeClock(noon)
	return &Pods{Clients: c, Clock: clock}, c, clock
}

// settled asks until no answer is on its way.
func settled(t *testing.T, p *Pods, cluster, namespace string) []api.ResourceStatus {
	t.Helper()
	for {
		found, asked := of(t, p, cluster, namespace)
		if !asked {
			return found
		}
	}
}

func of(t *testing.T, p *Pods, cluster, namespace string) ([]api.ResourceStatus, bool) {
	t.Helper()
	c := &api.Cluster{}
	c.Name = cluster
	return p.Of(t.Context(), c, []string{namespace})
}

func TestAnAnswerAboutPodsCountsForAWhile(t *testing.T) {
	p, c, clock := newPods()
	if found, asked := of(t, p, "c1", "web"); found != nil || !asked {
		t.Error("it waited for the cluster")
	}
	c.let <- nil
	if found := settled(t, p, "c1", "web"); len(found) != 1 {
		t.Errorf("found %v", found)
	}
	if len(c.asked) != 1 {
		t.Errorf("asked %d times", len(c.asked))
	}
	clock.Step(podsFresh + time.Second)
	if found, asked := of(t, p, "c1", "web"); len(found) != 1 || !asked {
		t.Error("the old answer does not stand in for the next one")
	}
	c.let <- errors.New("it does not answer")
	settled(t, p, "c1", "web")
	clock.Step(podsKept)
	c.let <- errors.New("it does not answer")
	if found := settled(t, p, "c1", "web"); found != nil {
		t.Errorf("an old answer stands for ever: %v", found)
	}
}

func TestAClusterThatHangsHoldsUpNoOther(t *testing.T) {
	p, c, _ := newPods()
	for range 3 {
		of(t, p, "hangs", "a")
		of(t, p, "hangs", "b")
		of(t, p, "hangs", "c")
	}
	<-c.asked
	<-c.asked
	of(t, p, "c1", "web")
	<-c.asked // of the other cluster
	if len(c.asked) != 0 {
		t.Error("more than two questions are with the cluster that hangs")
	}
	for range 3 {
		c.let <- nil
	}
	settled(t, p, "c1", "web")
}

func TestAClusterThatForbidsItIsLeftAlone(t *testing.T) {
	p, c, clock := newPods()
	c.let <- apierrors.NewForbidden(schema.GroupResource{Resource: "events"}, "", errors.New("no"))
	if found := settled(t, p, "c1", "web"); found != nil {
		t.Errorf("found %v", found)
	}
	clock.Step(podsForbidden - time.Second)
	if _, asked := of(t, p, "c1", "web"); asked {
		t.Error("it is asked again at once")
	}
	clock.Step(2 * time.Second)
	c.let <- nil
	if found := settled(t, p, "c1", "web"); len(found) != 1 {
		t.Errorf("it is never asked again: %v", found)
	}
}
