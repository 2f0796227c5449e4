package deploymentruntime

import (
	"context"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/util/workqueue"
	clocktesting "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/event"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/phases"
	"github.com/nautes-labs/deployment-runtime/controllers/wake"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
	"github.com/nautes-labs/deployment-runtime/internal/rules/rulestest"
)

// refused is a runtime that an Application stands in the way of.
type refused struct {
	*Reconciler
	t       *testing.T
	runtime *api.DeploymentRuntime
	app     *observed.Application
	// beforeTold is called before the status is written.
	beforeTold func()
}

func newRefused(t *testing.T, finalizers ...string) *refused {
	t.Helper()
	all := runtime.NewScheme()
	if err := api.AddToScheme(all); err != nil {
		t.Fatal(err)
	}
	argo := schema.GroupVersion{Group: "argoproj.io", Version: "v1alpha1"}
	all.AddKnownTypes(argo, &observed.Application{}, &observed.ApplicationList{})
	metav1.AddToGroupVersion(all, argo)
	r := &refused{t: t, beforeTold: func() {},
		runtime: &api.DeploymentRuntime{ObjectMeta: metav1.ObjectMeta{Namespace: "product-7", Name: "web", UID: "u"}},
		app: &observed.Application{ObjectMeta: metav1.ObjectMeta{Namespace: "argocd",
			Name: identity.Application("product-7", "web"), Finalizers: finalizers}}}
	c := fake.NewClientBuilder().WithScheme(all).WithObjects(r.runtime, r.app).WithStatusSubresource(r.runtime).
		WithIndex(r.runtime, fieldConcern, func(o client.Object) []string {
			return concerns(o.(*api.DeploymentRuntime))
		}).
		WithInterceptorFuncs(interceptor.Funcs{SubResourcePatch: func(ctx context.Context, c client.Client, sub string,
			o client.Object, p client.Patch, opts ...client.SubResourcePatchOption) error {
			r.beforeTold()
			return c.SubResource(sub).Patch(ctx, o, p, opts...)
		}}).Build()
	r.Reconciler = &Reconciler{Client: c, Live: c, Clock: clocktesting.NewFakeClock(time.Now()),
		Recorder: record.NewFakeRecorder(10), ArgoCDNamespace: "argocd", Timing: phases.DefaultTiming()}
	return r
}

// pass makes a pass, which ends with a reason.
func (r *refused) pass(reason string) ctrl.Result {
	r.t.Helper()
	result, err := r.Reconcile(r.t.Context(), ctrl.Request{NamespacedName: client.ObjectKeyFromObject(r.runtime)})
	if err != nil {
		r.t.Fatal(err)
	}
	if err := r.Client.Get(r.t.Context(), client.ObjectKeyFromObject(r.runtime), r.runtime); err != nil {
		r.t.Fatal(err)
	}
	for _, c := range r.runtime.Status.Conditions {
		if c.Type == api.ConditionReady && c.Reason != reason {
			r.t.Fatalf("the runtime is not ready because %s: %s", c.Reason, c.Message)
		}
	}
	return result
}

// goes returns how many runtimes are woken because the Application goes.
func (r *refused) goes() int {
	r.t.Helper()
	q := workqueue.NewTypedRateLimitingQueue(wake.Backoff())
	defer q.ShutDown()
	r.wake(inTheWayOf).Delete(r.t.Context(), event.DeleteEvent{Object: r.app}, q)
	return q.Len()
}

// What goes between the judgement and the status finds nobody who is refused.
func TestARefusalIsLookedAtAgainOnceItIsTold(t *testing.T) {
	r := newRefused(t)
	woken := 0
	r.beforeTold = func() { woken = r.goes() }
	if first := r.pass(api.ReasonNameConflict); woken == 0 && first.RequeueAfter == 0 {
		t.Error("nothing wakes the runtime any more")
	}
	if again := r.pass(api.ReasonNameConflict); again.RequeueAfter != 0 {
		t.Errorf("it is looked at again and again, in %s", again.RequeueAfter)
	}
	if r.goes() == 0 {
		t.Error("once the refusal is told, what goes wakes nobody")
	}
}

// A person may end a damaged record by removing the Application.
func TestARuntimeIsWokenWhenItsDamagedRecordIsRemoved(t *testing.T) {
	for sentence, annotations := range map[string]map[string]string{
		"the record is lost":    nil,
		"the record is damaged": {api.AnnotationPlacement: "{"},
	} {
		r := newRefused(t, api.Finalizer)
		r.app.Annotations = annotations
		if err := r.Client.Update(t.Context(), r.app); err != nil {
			t.Fatal(err)
		}
		r.pass(api.ReasonRecordMismatch)
		if r.goes() == 0 {
			t.Errorf("%s: the runtime is refused for ever", sentence)
		}
	}
}

// A record may be gone again before anybody else is judged. Then nobody may be refused for its sake.
func TestAPassThatSeesTheRecordEndsTheClaim(t *testing.T) {
	r := newRefused(t, api.Finalizer)
	p := placement.Placement{
		Runtime: placement.RuntimeRef{Namespace: "product-7", Name: "web", UID: "u"}, Product: "product-7",
		Destination: placement.Destination{Environment: "dev", Cluster: "c1"}, Namespaces: []string{"shop"},
		Switches: placement.Switches{DeletionPolicy: api.DeletionPolicyDelete},
	}
	held := func(name string) (holders []rules.Holder) {
		other := p
		other.Runtime.Name, other.Product = name, "product-8"
		drop, err := r.claims.Take(r.Clock.Now(), rulestest.New(), other, func(l rules.Lookup) (err error) {
			holders, err = l.Holders(t.Context(), "c1", "shop")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		drop()
		return holders
	}
	if _, err := r.claims.Take(r.Clock.Now(), rulestest.New(), p, func(rules.Lookup) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if len(held("rival")) != 1 {
		t.Fatal("there is no claim")
	}
	r.app.Annotations = map[string]string{api.AnnotationPlacement: p.Encode()}
	r.app.Spec.Project, r.app.Spec.Destination.Name = identity.AppProject("product-7"), "c1"
	if err := r.Client.Update(t.Context(), r.app); err != nil {
		t.Fatal(err)
	}
	if err := r.readRecord(t.Context(), &scope{runtime: r.runtime}); err != nil {
		t.Fatal(err)
	}
	if got := held("rival"); len(got) != 0 {
		t.Errorf("the place is held by %v", got)
	}
}
