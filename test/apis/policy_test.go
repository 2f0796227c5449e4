package apis

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

// policyTimeout is how long the API server may take to act on a new policy.
const policyTimeout = 30 * time.Second

// warnings collects what the API server warns of.
type warnings struct {
	mu   sync.Mutex
	seen []string
}

func (w *warnings) HandleWarningHeader(_ int, _, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = append(w.seen, text)
}

// take returns what was collected since the last call.
func (w *warnings) take() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	seen := strings.Join(w.seen, "\n")
	w.seen = nil
	return seen
}

func TestPoliciesWarnAndLetThrough(t *testing.T) {
	applied(t, "policy")
	namespaceForTest(t, productNamespace)
	seen := &warnings{}
	config := env.Management.RESTConfig()
	config.WarningHandler = seen
	c, err := client.New(config, client.Options{Scheme: admin.Scheme()})
	if err != nil {
		t.Fatal(err)
	}

	t.Run("an object of another product", func(t *testing.T) {
		for _, o := range strangers() {
			eventually(t, fmt.Sprintf("%T is warned of", o), func(ctx context.Context) error {
				if err := c.Create(ctx, o.DeepCopyObject().(client.Object), client.DryRunAll); err != nil {
					return err
				}
				return mentions(seen.take(), `spec.product is "product-8" but the namespace belongs to "product-7"`)
			})
		}
	})
	t.Run("an object of the product itself", func(t *testing.T) {
		own := runtimeWith(func(*api.DeploymentRuntimeSpec) {})
		own.Namespace, own.Name = productNamespace, "own"
		if err := c.Create(t.Context(), own, client.DryRunAll); err != nil {
			t.Fatal(err)
		}
		if got := seen.take(); got != "" {
			t.Errorf("unexpected warning: %s", got)
		}
	})
	t.Run("a binding, whose product is the one that is granted something", func(t *testing.T) {
		binding := &api.CodeRepoBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: productNamespace, Name: "binding"},
			Spec:       api.CodeRepoBindingSpec{CodeRepo: "repo-3", Product: "product-8", Permissions: "readonly"},
		}
		if err := c.Create(t.Context(), binding, client.DryRunAll); err != nil {
			t.Fatal(err)
		}
		if got := seen.take(); got != "" {
			t.Errorf("unexpected warning: %s", got)
		}
	})
	t.Run("a destination that is not the recorded one", func(t *testing.T) { destinationIsWarnedOf(t, c, seen) })
}

func destinationIsWarnedOf(t *testing.T, c client.Client, seen *warnings) {
	r := runtimeWith(func(*api.DeploymentRuntimeSpec) {})
	r.Namespace, r.Name = productNamespace, "moved"
	if err := c.Create(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	r.Spec.Destination = "env-test"
	if err := c.Update(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if got := seen.take(); got != "" {
		t.Errorf("a runtime that is not deployed may move, but: %s", got)
	}
	r.Status.Placement = &api.PlacementStatus{Environment: "env-test", Cluster: "worker-1"}
	if err := c.Status().Update(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the move is warned of", func(ctx context.Context) error {
		moved := r.DeepCopy()
		moved.Spec.Destination = "env-prod"
		if err := c.Update(ctx, moved, client.DryRunAll); err != nil {
			return err
		}
		return mentions(seen.take(),
			`spec.destination is "env-prod" but the runtime is deployed to "env-test" and stays there`)
	})
	r.Spec.Suspend = true
	if err := c.Update(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if got := seen.take(); got != "" {
		t.Errorf("a change of something else is warned of: %s", got)
	}
	r.Spec.Destination = "env-prod"
	if err := c.Update(t.Context(), r); err != nil {
		t.Errorf("the policy refuses: %v", err)
	}
}

// strangers are objects in the namespace of product-7 that say they belong to product-8.
func strangers() []client.Object {
	meta := metav1.ObjectMeta{Namespace: productNamespace, Name: "stranger"}
	r := runtimeWith(func(s *api.DeploymentRuntimeSpec) { s.Product = "product-8" })
	r.ObjectMeta = meta
	return []client.Object{
		r,
		&api.Project{ObjectMeta: meta, Spec: api.ProjectSpec{Product: "product-8"}},
		&api.Environment{ObjectMeta: meta,
			Spec: api.EnvironmentSpec{Product: "product-8", Cluster: "worker-1", EnvType: "dev"}},
		&api.CodeRepo{ObjectMeta: meta,
			Spec: api.CodeRepoSpec{Product: "product-8", CodeRepoProvider: "gitlab", RepoName: "a"}},
	}
}

func mentions(warning, want string) error {
	if !strings.Contains(warning, want) {
		return fmt.Errorf("the warning is %q, want it to say %q", warning, want)
	}
	return nil
}

// eventually tries until there is no error: a policy takes effect some time after it was written.
func eventually(t *testing.T, what string, try func(context.Context) error) {
	t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(t.Context(), 100*time.Millisecond, policyTimeout, true,
		func(ctx context.Context) (bool, error) {
			last = try(ctx)
			return last == nil, nil
		})
	if err != nil {
		t.Fatalf("%s: %v", what, last)
	}
}
