package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
)

// told returns the stories of what Argo CD knows about objects, and how it reaches the people.
func told() []Scenario {
	return []Scenario{
		{"a hook that fails is a failure, also where everything is applied", failingHook},
		{"a wait is told, and ends for the commit that repairs it", outdatedWait},
		{"manifests from elsewhere are produced again soon after that comes back", awayForAWhile},
		{"an object that asks for a confirmation is named, with the command that gives it", confirmed},
		{"an object that may not be pruned is named, and the condition is stable", neverPruned},
		{"an object that Argo CD leaves out is named", leftOut},
		{"what is suspended is named, and a Job that rests is no fault", suspended},
		{"a Job that removes itself is named with the way out, and then runs once per commit", mortalJob},
		{"an object that something changes back each time is named, and the condition is stable", changedBack},
	}
}

// job is the manifest of a Job that no node takes.
func job(name, annotations, spec string) string {
	return fmt.Sprintf(`apiVersion: batch/v1
kind: Job
metadata: {name: %s, annotations: {%s}}
spec:
  %s
  template:
    spec:
      restartPolicy: Never
      nodeSelector: {nowhere: "true"}
      containers: [{name: main, image: "example.com/job:1"}]
`, name, annotations, spec)
}

// start creates the runtime "web" without waiting for it.
func (p *Product) start() {
	p.Helper()
	r := p.Runtime("web", "dev")
	r.Spec.Namespaces = []string{p.Namespace("web")}
	p.Create(r)
}

func failingHook(t *testing.T, w *World) {
	p := w.NewProduct(t)
	hook := job("check", "argocd.argoproj.io/hook: PostSync", "backoffLimit: 0\n  activeDeadlineSeconds: 1")
	p.Commit("app", map[string]string{"deploy/check.yaml": hook})
	p.start()
	p.EventuallyRuntimeSays("web", api.ConditionReady, "False/"+api.ReasonSyncFailed, "Job", "check", "is tried again")
	p.Eventually(func() []api.ResourceStatus { return p.Get("web").Status.Resources }).Should(ContainElement(And(
		HaveField("Kind", "Job"), HaveField("Name", "check"), HaveField("State", observed.StateFailed))))
	before := p.Application("web").Status.OperationState.StartedAt
	p.Eventually(func() bool { return p.Application("web").Status.OperationState.StartedAt.After(before.Time) }).
		Should(BeTrue(), "the sync is tried again")
	p.replace(map[string]string{"deploy/web.yaml": Deployment("web", 1)})
	p.EventuallyReady("web")
}

func outdatedWait(t *testing.T, w *World) {
	p := w.NewProduct(t)
	db := strings.Replace(Deployment("db", 1), "    spec:\n", "    spec:\n      nodeSelector: {nowhere: \"true\"}\n", 1)
	web := strings.Replace(Deployment("web", 1), "{name: web}",
		`{name: web, annotations: {argocd.argoproj.io/sync-wave: "1"}}`, 1)
	p.Commit("app", map[string]string{"deploy/db.yaml": db, "deploy/web.yaml": web})
	p.start()
	p.EventuallyRuntimeSays("web", api.ConditionReady, "False/"+api.ReasonSyncing, "Deployment", "db", "waits")
	p.Expect(p.Pods(East, p.Namespace("web"))).To(BeEmpty())
	repaired := p.Commit("app", map[string]string{"deploy/db.yaml": Deployment("db", 1)})
	p.EventuallyDeployed("web", repaired)
	p.EventuallyPods(East, p.Namespace("web"), 2)
}

func awayForAWhile(t *testing.T, w *World) {
	p := w.NewProduct(t)
	var back atomic.Bool
	elsewhere := httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, _ *http.Request) {
		if !back.Load() {
			answer.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = fmt.Fprint(answer, Deployment("web", 1))
	}))
	t.Cleanup(elsewhere.Close)
	p.replace(map[string]string{"deploy/kustomization.yaml": "resources: [" + elsewhere.URL + "/web.yaml]\n"})
	p.start()
	p.EventuallyRuntimeSays("web", api.ConditionReady, "False/"+api.ReasonManifestError, "(cached)")
	back.Store(true)
	p.EventuallyReady("web")
}

// configMap is the manifest of a ConfigMap with options of Argo CD.
func configMap(name, options string) string {
	return fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\n"+
		"metadata: {name: %s, annotations: {argocd.argoproj.io/sync-options: %q}}\n", name, options)
}

func confirmed(t *testing.T, w *World) {
	p := w.NewProduct(t)
	p.Commit("app", map[string]string{"deploy/keepme.yaml": configMap("keepme", "Prune=confirm"),
		"deploy/last.yaml": configMap("last", "Delete=confirm")})
	p.Deploy("web", "dev")
	const command = approved + "="
	p.replace(map[string]string{"deploy/web.yaml": Deployment("web", 1),
		"deploy/last.yaml": configMap("last", "Delete=confirm")})
	p.EventuallyRuntimeSays("web", api.ConditionReady, "False/"+api.ReasonPruneHeld, "ConfigMap", "keepme", command)

	newest := p.Commit("app", map[string]string{"deploy/web.yaml": Deployment("web", 2)})
	p.EventuallyRuntimeSays("web", api.ConditionReady, "False/"+api.ReasonPruneHeld, "ConfigMap", "keepme", newest,
		command)
	p.confirm()
	p.EventuallyReady("web")
	p.EventuallyPods(East, p.Namespace("web"), 2)

	Alter(p, p.Application("web"), func(a *observed.Application) { delete(a.Annotations, approved) }) // its time is over
	p.Delete("web")
	p.Eventually(p.Settled).Should(And(ContainSubstring("ConfigMap "+p.Namespace("web")+"/last"),
		ContainSubstring(command)))
	p.confirm()
	p.EventuallyGone("web", East, p.Namespace("web"))
}

// approved is the annotation of Argo CD that confirms removals.
const approved = "argocd.argoproj.io/deletion-approved"

// confirm confirms for the runtime "web" what Argo CD asks a person for.
func (p *Product) confirm() {
	p.Helper()
	Alter(p, p.Application("web"), func(a *observed.Application) {
		metav1.SetMetaDataAnnotation(&a.ObjectMeta, approved,
			metav1.Now().Add(15*time.Minute).UTC().Format("2006-01-02T15:04:05Z"))
	})
}

func neverPruned(t *testing.T, w *World) {
	p := w.NewProduct(t)
	p.Commit("app", map[string]string{"deploy/kept.yaml": configMap("kept", "Prune=false")})
	p.Deploy("web", "dev")
	p.replace(map[string]string{"deploy/web.yaml": Deployment("web", 1)})
	p.EventuallyRuntimeSays("web", api.ConditionReady, "False/"+api.ReasonPruneHeld,
		"ConfigMap "+p.Namespace("web")+"/kept", "Prune=false")
	p.stays()

	p.replace(map[string]string{"deploy/web.yaml": Deployment("web", 1),
		"deploy/kept.yaml": configMap("kept", "")})
	p.EventuallyReady("web")
}

// stays expects that Ready says the same all the time.
func (p *Product) stays() {
	p.Helper()
	says := p.Condition("web", api.ConditionReady)
	p.Consistently(func() string { return p.Condition("web", api.ConditionReady) }, 3*Calm).Should(Equal(says))
}

func leftOut(t *testing.T, w *World) {
	p := w.NewProduct(t)
	p.Commit("app", map[string]string{
		"deploy/again.yaml": Deployment("web", 1),
		"deploy/ext.yaml": `apiVersion: v1
kind: Endpoints
metadata: {name: db}
subsets: [{addresses: [{ip: 203.0.113.5}], ports: [{port: 5432}]}]
`})
	p.Deploy("web", "dev")
	p.EventuallyRuntimeSays("web", api.ConditionReady, "True/"+api.ReasonReady, "but", "more than once")
	p.Expect(p.Get("web").Status.Resources).To(ContainElement(HaveField("State", observed.StateRepeated)))
	db := &metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Endpoints"}}
	if w.Remote(t, East).Get(p.Ctx, client.ObjectKey{Namespace: p.Namespace("web"), Name: "db"}, db) == nil {
		return // Argo CD 2 applies them
	}
	p.EventuallyRuntimeSays("web", api.ConditionReady, "True/"+api.ReasonReady, "Endpoints db", "exclude")
}

func suspended(t *testing.T, w *World) {
	p := w.NewProduct(t)
	p.Commit("app", map[string]string{"deploy/dr.yaml": job("dr", "", "suspend: true")})
	p.Deploy("web", "dev")
	p.EventuallyRuntimeSays("web", api.ConditionHealthy, "True/"+api.ReasonWorkloadSuspended, "Job", "dr")
	p.Commit("app", map[string]string{"deploy/web.yaml": strings.Replace(Deployment("web", 1), "  replicas",
		"  paused: true\n  replicas", 1)})
	p.EventuallyRuntimeSays("web", api.ConditionReady, "False/"+api.ReasonWorkloadSuspended, "Deployment", "web")
}
