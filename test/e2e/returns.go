package e2e

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

// watched calls note with every object that comes to the namespace of the runtime "web", or changes there, until the
// scenario ends. A watch that ends before fails the scenario: what comes later would be missed.
func (p *Product) watched(list client.ObjectList, note func(context.Context, client.WithWatch, client.Object)) {
	p.Helper()
	c, err := client.NewWithWatch(p.W.Env.Cluster(East).RESTConfig(), client.Options{Scheme: p.W.Client.Scheme()})
	p.Expect(err).NotTo(HaveOccurred())
	ctx, cancel := context.WithCancel(p.Ctx)
	events, err := c.Watch(ctx, list, client.InNamespace(p.Namespace("web")))
	p.Expect(err).NotTo(HaveOccurred())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for event := range events.ResultChan() {
			if o, ok := event.Object.(client.Object); ok {
				note(ctx, c, o)
			}
		}
		if ctx.Err() == nil {
			p.Errorf("the watch of %T ended before the scenario", list)
		}
	}()
	p.Cleanup(func() { cancel(); <-ended })
}

// jobs returns a function that counts the Jobs which were made for the runtime "web" so far.
func (p *Product) jobs() func() int {
	p.Helper()
	var mu sync.Mutex
	made := map[types.UID]bool{}
	p.watched(&batchv1.JobList{}, func(_ context.Context, _ client.WithWatch, o client.Object) {
		mu.Lock()
		defer mu.Unlock()
		made[o.GetUID()] = true
	})
	return func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(made)
	}
}

// mortalJobOf returns the manifest of a Job that ends at once, and that Kubernetes removes a moment later.
func mortalJobOf(annotations string) string {
	return strings.Replace(job("migrate", annotations, "ttlSecondsAfterFinished: 2"),
		"      nodeSelector: {nowhere: \"true\"}\n", "", 1)
}

func mortalJob(t *testing.T, w *World) {
	p := w.NewProduct(t)
	jobs := p.jobs()
	p.Commit("app", map[string]string{"deploy/job.yaml": mortalJobOf("")})
	p.start()
	p.EventuallyRuntimeSays("web", api.ConditionReady, "False/"+api.ReasonOutOfSync,
		"Job "+p.Namespace("web")+"/migrate is Missing", "argocd.argoproj.io/hook: Sync")
	p.Eventually(jobs).Should(BeNumerically(">", 1), "it is made again and again")

	p.EventuallyDeployed("web", p.Commit("app", map[string]string{
		"deploy/job.yaml": mortalJobOf("argocd.argoproj.io/hook: Sync")}))
	for n := range 2 {
		before := jobs()
		p.EventuallyDeployed("web", p.Commit("app", map[string]string{"deploy/web.yaml": Deployment("web", 2+n)}))
		p.stays()
		p.Expect(jobs()).To(Equal(before+1), "it runs once per commit")
	}
}

func changedBack(t *testing.T, w *World) {
	p := w.NewProduct(t)
	p.Commit("app", map[string]string{
		"deploy/tuned.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: tuned}\ndata: {size: \"1\"}\n"})
	p.watched(&corev1.ConfigMapList{}, func(ctx context.Context, c client.WithWatch, o client.Object) {
		if tuned, ok := o.(*corev1.ConfigMap); ok && tuned.Name == "tuned" && tuned.Data["size"] != "9" {
			change := client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"data":{"size":"9"}}`))
			_ = c.Patch(ctx, tuned, change) // it may be gone by then
		}
	})
	p.start()
	p.EventuallyRuntimeSays("web", api.ConditionReady, "False/"+api.ReasonOutOfSync, "differs from it again",
		"ConfigMap "+p.Namespace("web")+"/tuned")
	p.stays()

	p.replace(map[string]string{"deploy/tuned.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: tuned}\n",
		"deploy/web.yaml": Deployment("web", 1)})
	p.EventuallyReady("web")
}

func helmChart(t *testing.T, w *World) {
	p := w.NewProduct(t)
	chart := func(replicas int) map[string]string {
		return map[string]string{
			"deploy/Chart.yaml":  "apiVersion: v2\nname: web\nversion: 1.0.0\n",
			"deploy/values.yaml": fmt.Sprintf("replicas: %d\n", replicas),
			"deploy/templates/web.yaml": strings.Replace(Deployment("{{ .Release.Name }}", 1), "replicas: 1",
				"replicas: {{ .Values.replicas }}", 1),
		}
	}
	p.replace(chart(1))
	name := "web-" + strings.Repeat("x", 50)
	p.Deploy(name, "dev", func(r *api.DeploymentRuntime) { r.Spec.Namespaces = []string{p.Namespace("web")} })
	p.EventuallyPods(East, p.Namespace("web"), 1)
	p.EventuallyDeployed(name, p.replace(chart(2)))
	p.EventuallyPods(East, p.Namespace("web"), 2)
}
