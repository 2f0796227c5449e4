package devenv

import (
	"context"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

func newClient(t *testing.T, a Access) *kubernetes.Clientset {
	t.Helper()
	config := a.RESTConfig()
	config.Timeout = 2 * time.Second
	client, err := kubernetes.NewForConfig(config)
	must(t, err)
	return client
}

func mark(ctx context.Context, t *testing.T, c *Cluster, name string) {
	t.Helper()
	_, err := newClient(t, c.Admin()).CoreV1().ConfigMaps("default").Create(ctx,
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	must(t, err)
}

func isMarked(ctx context.Context, c kubernetes.Interface, name string) error {
	_, err := c.CoreV1().ConfigMaps("default").Get(ctx, name, metav1.GetOptions{})
	return err
}

func TestAStoppedAPIServerComesBackWithItsData(t *testing.T) {
	c := shared.Cluster(spare)
	mark(t.Context(), t, c, "stop")
	client := newClient(t, c.Admin())
	must(t, c.StopAPIServer())
	if err := isMarked(t.Context(), client, "stop"); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("a stopped API server answers %v", err)
	}
	must(t, c.StartAPIServer(t.Context()))
	must(t, isMarked(t.Context(), client, "stop"))
}

func TestAFrozenAPIServerHangs(t *testing.T) {
	c := shared.Cluster(spare)
	client := newClient(t, c.Admin())
	must(t, c.FreezeAPIServer())
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{}); ctx.Err() == nil {
		t.Errorf("a frozen API server answers %v", err)
	}
	must(t, c.ThawAPIServer())
	_, err := client.CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{})
	must(t, err)
}

func TestAMovedAPIServerIsTheSameCluster(t *testing.T) {
	c := shared.Cluster(spare)
	identity, err := c.Identity(t.Context())
	must(t, err)
	old := newClient(t, c.Admin())
	before := c.URL()
	must(t, c.MoveAPIServer(t.Context()))
	if c.URL() == before {
		t.Errorf("still at %s", before)
	}
	if _, err := old.CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{}); err == nil {
		t.Error("the old address answers")
	}
	if got, err := c.Identity(t.Context()); err != nil || got != identity {
		t.Errorf("identity after the move: %s, %v; want %s", got, err, identity)
	}
}

func TestAReplacedClusterIsAnotherOneAtTheSameAddress(t *testing.T) {
	c := shared.Cluster(spare)
	mark(t.Context(), t, c, "replace")
	identity, err := c.Identity(t.Context())
	must(t, err)
	before := c.URL()
	must(t, c.ReplaceWithEmpty(t.Context()))
	if got, err := c.Identity(t.Context()); err != nil || got == identity || c.URL() != before {
		t.Errorf("identity %s at %s, %v; want another one than %s at %s", got, c.URL(), err, identity, before)
	}
	if err := isMarked(t.Context(), newClient(t, c.Admin()), "replace"); !apierrors.IsNotFound(err) {
		t.Errorf("data of the old cluster: %v", err)
	}
}

func TestARevokedCredentialIsRefusedAndTheOthersWork(t *testing.T) {
	t.Parallel() // It waits for the API server to forget the credential.
	c := shared.Management
	first, err := c.NewAccess(t.Context())
	must(t, err)
	second, err := c.NewAccess(t.Context())
	must(t, err)
	for _, a := range []Access{first, second} {
		_, err := newClient(t, a).CoreV1().Secrets("").List(t.Context(), metav1.ListOptions{})
		must(t, err)
	}
	must(t, c.Revoke(t.Context(), first))
	if _, err := newClient(t, first).CoreV1().Secrets("").List(t.Context(),
		metav1.ListOptions{}); !apierrors.IsUnauthorized(err) {
		t.Errorf("the revoked credential gets %v", err)
	}
	_, err = newClient(t, second).CoreV1().Secrets("").List(t.Context(), metav1.ListOptions{})
	must(t, err)
	if err := c.Revoke(t.Context(), c.Admin()); err == nil {
		t.Error("revoked the built-in administrator")
	}
}
