package command

import (
	"bytes"
	"cmp"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	gocmp "github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers"
	"github.com/nautes-labs/deployment-runtime/controllers/phases"
	"github.com/nautes-labs/deployment-runtime/internal/tracing/tracingtest"
)

func TestBothServersRefuseATracerThatMakesNoSense(t *testing.T) {
	for _, server := range [][]string{{"operator"}, {"apiserver", "--gitlab-url", "https://gitlab.example.com"}} {
		for name, c := range map[string]struct {
			args []string
			want string
		}{
			"no URL":       {[]string{"--otlp-endpoint", "collector:4318"}, "--otlp-endpoint must be a URL like"},
			"a password":   {[]string{"--otlp-endpoint", "http://a:secret@collector"}, "--otlp-endpoint must be a URL like"},
			"a percentage": {[]string{"--trace-ratio", "10"}, "--trace-ratio must be between 0 and 1"},
			"no number":    {[]string{"--trace-ratio", "NaN"}, "--trace-ratio must be between 0 and 1"},
			"what is fine": {[]string{"--otlp-endpoint", "http://127.0.0.1:1", "--trace-ratio", "0.5", "--kubeconfig",
				"/nowhere"}, "/nowhere"},
		} {
			t.Run(server[0]+" "+name, func(t *testing.T) {
				var out, errs bytes.Buffer
				if code := Execute(t.Context(), append(server, c.args...), &out, &errs); code != 1 {
					t.Errorf("exit code %d", code)
				}
				if !strings.Contains(errs.String(), c.want) || strings.Contains(errs.String(), "secret") {
					t.Errorf("got %q", errs.String())
				}
			})
		}
	}
}

const aProduct = `{"kind":"Product","apiVersion":"nautes.resource.nautes.io/v1alpha1",
	"metadata":{"name":"product-7","namespace":"nautes"}}`

// kindsOfCluster is what an API server says of the kinds that the manager asks for.
func kindsOfCluster() map[string]string {
	return map[string]string{
		"/api": `{"kind":"APIVersions","versions":["v1"]}`,
		"/apis": `{"kind":"APIGroupList","apiVersion":"v1","groups":[
			{"name":"argoproj.io","versions":[{"groupVersion":"argoproj.io/v1alpha1","version":"v1alpha1"}]},
			{"name":"nautes.resource.nautes.io",
			 "versions":[{"groupVersion":"nautes.resource.nautes.io/v1alpha1","version":"v1alpha1"}]}]}`,
		"/api/v1": `{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"v1","resources":[
			{"name":"secrets","kind":"Secret","namespaced":true},
			{"name":"resourcequotas","kind":"ResourceQuota","namespaced":true}]}`,
		"/apis/argoproj.io/v1alpha1": `{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"argoproj.io/v1alpha1",
			"resources":[{"name":"applications","kind":"Application","namespaced":true},
			{"name":"appprojects","kind":"AppProject","namespaced":true}]}`,
		"/apis/nautes.resource.nautes.io/v1alpha1": `{"kind":"APIResourceList","apiVersion":"v1",
			"groupVersion":"nautes.resource.nautes.io/v1alpha1",
			"resources":[{"name":"products","kind":"Product","namespaced":true}]}`,
	}
}

// The tracer goes from the operator to its reconcilers and its client without any of them naming it.
func TestReconcilersOfTheManagerMakeTraces(t *testing.T) {
	const token = "secret-of-the-operator"
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(cmp.Or(kindsOfCluster()[r.URL.Path], aProduct)))
	}))
	defer web.Close()
	collector := tracingtest.New(t)
	tracer := collector.Tracer()
	o := Operator{Config: &rest.Config{Host: web.URL, BearerToken: token}, Options: controllers.DefaultOptions(),
		MetricsAddress: "0", ProbeAddress: "0"}
	o.Options.Tracer = tracer
	mgr, err := o.manager(t.Context(), logr.Discard())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	done := false
	passing := reconcile.Func(func(ctx context.Context, r ctrl.Request) (ctrl.Result, error) {
		defer stop()
		done = true
		return ctrl.Result{}, mgr.GetAPIReader().Get(ctx, r.NamespacedName, &api.Product{})
	})
	c, err := controller.New("product-of-the-test", mgr,
		controller.Options{Reconciler: phases.Traced("Product", "product", passing)})
	if err != nil {
		t.Fatal(err)
	}
	request := reconcile.Request{NamespacedName: types.NamespacedName{Namespace: "nautes", Name: "product-7"}}
	if err := c.Watch(source.Func(func(_ context.Context,
		q workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
		q.Add(request)
		return nil
	})); err != nil {
		t.Fatal(err)
	}
	// Outside of a pass nothing is told.
	if err := mgr.GetAPIReader().Get(ctx, request.NamespacedName, &api.Product{}); err != nil {
		t.Fatal(err)
	}
	if err := mgr.Start(ctx); err != nil || !done {
		t.Fatalf("there was a pass: %v, and the error is %v", done, err)
	}
	tracer.Shutdown(t.Context())
	if diff := gocmp.Diff([]string{"reconcile Product OK", "  GET products 200"}, collector.Tree()); diff != "" {
		t.Error(diff)
	}
	if strings.Contains(collector.Sent(), token) {
		t.Error("the token was sent to the collector")
	}
}

// What is recorded until the end is sent before the end.
func TestTheAPIServerSendsItsTracesBeforeItEnds(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	collector := tracingtest.New(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	errs := &output{serving: make(chan string, 1)}
	ended := make(chan int, 1)
	go func() {
		ended <- Execute(ctx, []string{"apiserver", "--gitlab-url", "http://127.0.0.1:1", "--listen", "127.0.0.1:0",
			"--metrics-bind-address", "0", "--otlp-endpoint", collector.URL}, &bytes.Buffer{}, errs)
	}()
	select {
	case address := <-errs.serving:
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/api/v1/products?limit=5",
			http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer token-canary")
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
	case code := <-ended:
		t.Fatalf("ended with %d: %s", code, errs.data.String())
	}
	stop()
	if code := <-ended; code != 0 {
		t.Errorf("exit code %d", code)
	}
	got := collector.Tree()
	if len(got) < 2 || !strings.HasPrefix(got[0], "GET /api/v1/products ") || !strings.HasPrefix(got[1], "  gitlab ") ||
		!strings.HasSuffix(got[1], " Unavailable") {
		t.Errorf("got %q", got)
	}
	if sent := collector.Sent(); strings.Contains(sent, "canary") || strings.Contains(sent, "limit=5") ||
		!strings.Contains(sent, "nautes-apiserver") {
		t.Error("a token or a query was sent to the collector, or not the name of the program")
	}
}
