package phases_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/phases"
	"github.com/nautes-labs/deployment-runtime/internal/clusters"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/tracing"
	"github.com/nautes-labs/deployment-runtime/internal/tracing/tracingtest"
)

// reconciler has phases as those of the operator are: methods, and a list of phases inside of one.
type reconciler struct {
	client client.Client
	// stop is what the last phase returns.
	stop error
}

type scope struct{ request ctrl.Request }

func (r *reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	return phases.Outcome(ctx, phases.Run(ctx, &scope{req},
		phases.About(api.ConditionResolved, r.readConfiguration),
		r.twice,
		phases.About(api.ConditionApplied, r.end),
	))
}

func (r *reconciler) readConfiguration(ctx context.Context, s *scope) error {
	err := r.client.Get(ctx, s.request.NamespacedName, &corev1.ConfigMap{})
	if meta.IsNoMatchError(err) || apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

func (r *reconciler) twice(ctx context.Context, s *scope) error {
	return phases.Run(ctx, s, r.readConfiguration, func(context.Context, *scope) error { return phases.ErrDone }, r.end)
}

func (r *reconciler) end(context.Context, *scope) error { return r.stop }

// apiServer answers nothing but that it has no such object.
func apiServer(t *testing.T, tracer *tracing.Tracer) client.Client {
	t.Helper()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+token {
			t.Errorf("%s comes without the token", r.URL)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte(`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404}`))
	}))
	t.Cleanup(web.Close)
	mapper := meta.NewDefaultRESTMapper(nil)
	mapper.Add(corev1.SchemeGroupVersion.WithKind("ConfigMap"), meta.RESTScopeNamespace)
	cfg := &rest.Config{Host: web.URL, BearerToken: token, QPS: -1}
	cfg.Wrap(tracer.Transport(clusters.RequestName))
	c, err := client.New(cfg, client.Options{Scheme: clientgoscheme.Scheme, Mapper: mapper})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const token = "secret-of-the-operator"

func aPass() ctrl.Request {
	return ctrl.Request{NamespacedName: types.NamespacedName{Namespace: "product-7", Name: "dr-dev"}}
}

func TestAPassIsATraceOfItsPhases(t *testing.T) {
	common := []string{
		"  readConfiguration OK",
		"    GET configmaps 404",
		"  twice OK",
		"    readConfiguration OK",
		"      GET configmaps 404",
		"    twice.func1 Done",
	}
	waits := problem.New(problem.Waiting, api.ReasonWaitingForTenancy, "not yet: secret-in-a-message")
	for name, c := range map[string]struct {
		stop error
		fail bool
		want string
	}{
		"all is well":             {nil, false, tracing.ResultOK},
		"it waits":                {waits, false, api.ReasonWaitingForTenancy},
		"a bug":                   {errors.New("secret-in-an-error"), true, "Error"},
		"a problem that is a bug": {problem.New(problem.Internal, api.ReasonInternal, "secret"), true, api.ReasonInternal},
	} {
		t.Run(name, func(t *testing.T) {
			collector := tracingtest.New(t)
			tracer := collector.Tracer()
			traced := phases.Traced("Thing", "things", &reconciler{apiServer(t, tracer), c.stop})
			if _, err := traced.Reconcile(tracer.Context(t.Context()), aPass()); (err != nil) != c.fail {
				t.Fatalf("the error is %v", err)
			}
			tracer.Shutdown(t.Context())

			want := append(append([]string{"reconcile Thing " + c.want}, common...), "  end "+c.want)
			if diff := cmp.Diff(want, collector.Tree()); diff != "" {
				t.Error(diff)
			}
			root := collector.Spans()[0]
			for attribute, value := range map[string]string{"kind": "Thing", "controller": "things",
				"namespace": "product-7", "name": "dr-dev"} {
				if got := tracingtest.Attribute(root, attribute); got != value {
					t.Errorf("%s is %q", attribute, got)
				}
			}
			if got := tracingtest.Attribute(collector.Spans()[1], "condition"); got != api.ConditionResolved {
				t.Errorf("the first phase is about %q", got)
			}
			if failed := root.GetStatus().GetCode() != 0; failed != c.fail {
				t.Errorf("the pass failed: %v", failed)
			}
			if sent := collector.Sent(); strings.Contains(sent, "secret") {
				t.Error("a secret was sent to the collector")
			}
		})
	}
}

// The operator without a collector, and what it does outside of passes.
func TestAPassWithoutATracerIsAsBefore(t *testing.T) {
	collector := tracingtest.New(t)
	tracer := collector.Tracer()
	r := &reconciler{apiServer(t, nil), nil}
	if _, err := phases.Traced("Thing", "things", r).Reconcile(t.Context(), aPass()); err != nil {
		t.Error(err)
	}
	r.client = apiServer(t, tracer)
	if _, err := r.Reconcile(tracer.Context(t.Context()), aPass()); err != nil {
		t.Error(err)
	}
	tracer.Shutdown(t.Context())
	if got := collector.Tree(); len(got) > 0 {
		t.Errorf("sent: %q", got)
	}
}

// The collector hangs, and the passes go on.
func TestAPassDoesNotWaitForTheCollector(t *testing.T) {
	collector, held, letGo := tracingtest.NewHanging(t)
	tracer := collector.Tracer()
	traced := phases.Traced("Thing", "things", &reconciler{apiServer(t, tracer), nil})
	passes := func(number int) {
		for range number {
			if _, err := traced.Reconcile(tracer.Context(t.Context()), aPass()); err != nil {
				t.Error(err)
			}
		}
	}
	passes(100) // more than are sent at once
	<-held
	passes(300) // more than the queue holds
	if got := collector.Spans(); len(got) > 0 {
		t.Fatal("the collector did not hang")
	}
	letGo()
	tracer.Shutdown(t.Context())
	if len(collector.Spans()) == 0 {
		t.Error("nothing arrived afterwards")
	}
}
