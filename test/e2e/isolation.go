package e2e

import (
	"encoding/json"
	"strings"
	"testing"

	argo "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
)

// isolation returns the stories of products that must not reach each other.
func isolation() []Scenario {
	return []Scenario{
		{"two products use the same name on two clusters", sameNameOnTwoClusters},
		{"on one cluster the later of two products waits until the namespace is free", sameNameOnOneCluster},
		{"somebody else's Application is left alone", foreignApplication},
		{"somebody else's namespace is left alone", foreignNamespace},
		{"somebody else's AppProject is left alone", foreignAppProject},
		{"a cluster-wide object is refused until its kind is granted", clusterWideKind},
		{"a runtime converges when the namespace that its manifests name is there", namespaceComesLater},
		{"a namespace that was deleted on the cluster comes back", namespaceDeletedByHand},
		{"a runtime writes into its own namespaces alone", manifestsReachFurther},
	}
}

// inspections returns what is looked at when the other scenarios are through.
func inspections() []Scenario {
	return []Scenario{{"no AppProject holds a wildcard", noWildcards}}
}

func sameNameOnTwoClusters(t *testing.T, w *World) {
	one, other := w.NewProduct(t), w.NewProduct(t)
	one.Create(one.Runtime("orders", "dev"))
	other.Create(other.Runtime("orders", "prod"))
	one.EventuallyReady("orders")
	other.EventuallyReady("orders")
	one.EventuallyPods(East, "orders", 1)
	other.EventuallyPods(West, "orders", 1)
}

func sameNameOnOneCluster(t *testing.T, w *World) {
	first, later := w.NewProduct(t), w.NewProduct(t)
	first.Create(first.Runtime("billing", "dev"))
	first.EventuallyReady("billing")
	later.Create(later.Runtime("billing", "dev"))
	later.EventuallyNotReady("billing", api.ReasonNamespaceInUse)
	message := later.Condition("billing", api.ConditionReady)
	later.Expect(message).To(ContainSubstring("spec.namespaces"), "it says what to do")
	later.Expect(message).NotTo(Or(ContainSubstring(first.Name), ContainSubstring(first.Path)),
		"it does not name the other product")
	later.Expect(later.Application("billing")).To(BeNil())

	first.Delete("billing")
	later.EventuallyReady("billing")
	later.EventuallyPods(East, "billing", 1)
	later.Expect(first.Application("billing")).To(BeNil())
}

func foreignApplication(t *testing.T, w *World) {
	p := w.NewProduct(t)
	theirs := &argo.Application{
		ObjectMeta: metav1.ObjectMeta{Namespace: argoNamespace, Name: identity.Application(p.Name, "web"),
			Labels: map[string]string{"owner": "somebody"}},
		Spec: argo.ApplicationSpec{
			Project: "default",
			Source: &argo.ApplicationSource{RepoURL: w.Env.Git.URL(p.Path + "/app"), Path: "deploy",
				TargetRevision: "main"},
			Destination: argo.ApplicationDestination{Name: East, Namespace: "default"},
		},
	}
	p.Create(theirs)
	r := p.Runtime("web", "dev")
	r.Spec.Namespaces = []string{p.Namespace("web")}
	p.Create(r)
	p.EventuallyNotReady("web", api.ReasonNameConflict)
	untouched := func() bool {
		app := p.Application("web")
		return app.UID == theirs.UID && app.Spec.Project == "default" &&
			app.Spec.Destination == theirs.Spec.Destination &&
			app.Spec.SyncPolicy == nil && len(app.Finalizers) == 0 && len(app.Labels) == 1 &&
			app.Annotations[api.AnnotationPlacement] == ""
	}
	p.Consistently(untouched).Should(BeTrue())
	p.Delete("web")
	p.Eventually(func() error { return w.Client.Get(p.Ctx, client.ObjectKeyFromObject(r), r) }).ShouldNot(Succeed())
	p.Consistently(untouched).Should(BeTrue())

	p.Expect(w.Client.Delete(p.Ctx, theirs)).To(Succeed())
	p.Deploy("web", "dev")
}

func foreignNamespace(t *testing.T, w *World) {
	p := w.NewProduct(t)
	remote := w.Remote(t, East)
	theirs := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: p.Namespace("web"),
		Labels: map[string]string{"owner": "somebody"}}}
	p.Expect(remote.Create(p.Ctx, theirs)).To(Succeed())
	r := p.Runtime("web", "dev")
	r.Spec.Namespaces = []string{theirs.Name}
	p.Create(r)
	p.EventuallyRuntimeSays("web", api.ConditionReady, "False/"+api.ReasonNamespaceNotOurs, theirs.Name)
	p.EventuallyProductSays(api.ConditionTenancyReady, "False/"+api.ReasonNamespaceNotOurs)
	p.Expect(p.permitted()).To(BeEmpty())
	p.Consistently(func() bool {
		var ns corev1.Namespace
		return remote.Get(p.Ctx, client.ObjectKeyFromObject(theirs), &ns) == nil &&
			ns.ResourceVersion == theirs.ResourceVersion
	}).Should(BeTrue())

	p.Change("web", func(r *api.DeploymentRuntime) { r.Spec.Namespaces = []string{p.Namespace("own")} })
	p.EventuallyReady("web")
	p.EventuallyPods(East, p.Namespace("own"), 1)
	p.Delete("web")
	p.EventuallyGone("web", East, p.Namespace("own"))
	p.Expect(p.NamespaceExists(East, theirs.Name)).To(BeTrue())
}

func foreignAppProject(t *testing.T, w *World) {
	p := w.plan(t)
	theirs := &argo.AppProject{
		ObjectMeta: metav1.ObjectMeta{Namespace: argoNamespace, Name: identity.AppProject(p.Name)},
		Spec:       argo.AppProjectSpec{Description: "somebody's", SourceRepos: []string{"https://example.com/x.git"}},
	}
	p.Create(theirs)
	p.Found("")
	p.Create(p.Project("shop"), p.Environment("dev", East), p.CodeRepo(p.Repo, "app", "shop"))
	r := p.Runtime("web", "dev")
	r.Spec.Namespaces = []string{p.Namespace("web")}
	p.Create(r)
	p.EventuallyProductSays(api.ConditionTenancyReady, "False/"+api.ReasonNameConflict)
	p.EventuallyNotReady("web", api.ReasonNameConflict)
	p.Consistently(func() bool {
		var project argo.AppProject
		return w.Client.Get(p.Ctx, client.ObjectKeyFromObject(theirs), &project) == nil &&
			project.ResourceVersion == theirs.ResourceVersion
	}).Should(BeTrue())

	p.Expect(w.Client.Delete(p.Ctx, theirs)).To(Succeed())
	p.EventuallyReady("web")
	p.EventuallyProductSays(api.ConditionReady, "True")
}

func clusterWideKind(t *testing.T, w *World) {
	p := w.NewProduct(t)
	name := p.Path + "-first"
	p.Commit("app", map[string]string{
		"deploy/class.yaml": "apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {name: " +
			name + "}\nvalue: 1\n",
		"plain/web.yaml": Deployment("web", 1),
	})
	r := p.Runtime("web", "dev")
	r.Spec.Namespaces = []string{p.Namespace("web")}
	p.Create(r)
	p.EventuallyRuntimeSays("web", api.ConditionSynced, "False/"+api.ReasonSyncFailed, "PriorityClass")
	class := func() error {
		return w.Remote(t, East).Get(p.Ctx, client.ObjectKey{Name: name}, &schedulingv1.PriorityClass{})
	}
	p.Consistently(class).ShouldNot(Succeed())

	// One AppProject serves all clusters of the product, so a kind is permitted only where every one of them grants it.
	p.Deploy("plain", "prod", func(r *api.DeploymentRuntime) { r.Spec.ManifestSource.Path = "plain" })
	p.grantPriorityClasses(East)
	p.Consistently(class).ShouldNot(Succeed())
	p.grantPriorityClasses(West)
	p.EventuallyReady("web")
	p.Expect(class()).To(Succeed())
}

// grantPriorityClasses lets the product deploy PriorityClasses to a cluster.
func (p *Product) grantPriorityClasses(cluster string) {
	p.Helper()
	Alter(p, &api.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: systemNamespace, Name: cluster}},
		func(c *api.Cluster) {
			if c.Spec.ProductAllowedClusterResources == nil {
				c.Spec.ProductAllowedClusterResources = map[string]api.GroupKinds{}
			}
			c.Spec.ProductAllowedClusterResources[p.Name] = api.GroupKinds{{Group: schedulingv1.GroupName,
				Kind: "PriorityClass"}}
		})
}

func namespaceComesLater(t *testing.T, w *World) {
	p := w.NewProduct(t)
	extra := p.Namespace("extra")
	p.Commit("app", map[string]string{
		"deploy/extra.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: extra, namespace: " + extra + "}\n"})
	r := p.Runtime("web", "dev")
	r.Spec.Namespaces = []string{p.Namespace("web")}
	p.Create(r)
	p.EventuallyRuntimeSays("web", api.ConditionSynced, "False/"+api.ReasonSyncFailed, extra)

	p.Change("web", func(r *api.DeploymentRuntime) { r.Spec.Namespaces = append(r.Spec.Namespaces, extra) })
	p.EventuallyReady("web")
	p.Expect(w.Remote(t, East).Get(p.Ctx, client.ObjectKey{Namespace: extra, Name: "extra"}, &corev1.ConfigMap{})).
		To(Succeed())
}

// East has the policies of runtime clusters, West has not.
func manifestsReachFurther(t *testing.T, w *World) {
	p := w.NewProduct(t)
	configMap := func(name, namespace string) string {
		return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: " + name + ", namespace: " + namespace + "}\n"
	}
	own, other := p.Namespace("web"), p.Namespace("other")
	p.Commit("app", map[string]string{"other/own.yaml": configMap("own", other)})
	for name, environment := range map[string]string{"other": "dev", "far-other": "prod"} {
		p.Deploy(name, environment, func(r *api.DeploymentRuntime) {
			r.Spec.Namespaces, r.Spec.ManifestSource.Path = []string{other}, "other"
		})
	}
	for name, environment := range map[string]string{"web": "dev", "far-web": "prod"} {
		p.Deploy(name, environment, func(r *api.DeploymentRuntime) { r.Spec.Namespaces = []string{own} })
	}
	p.Commit("app", map[string]string{"deploy/extra.yaml": configMap("extra", other)})
	p.EventuallyRuntimeSays("web", api.ConditionSynced, "False/"+api.ReasonSyncFailed, "ConfigMap",
		"may not write into namespace "+other, "spec.namespaces")
	p.EventuallyRuntimeSays("far-web", api.ConditionSynced, "False/"+api.ReasonOutsideNamespaces,
		"ConfigMap "+other+"/extra", "spec.namespaces")
	extra := func(cluster string) func() bool {
		return func() bool {
			err := w.Remote(t, cluster).Get(p.Ctx, client.ObjectKey{Namespace: other, Name: "extra"},
				&corev1.ConfigMap{})
			p.Expect(client.IgnoreNotFound(err)).To(Succeed())
			return err == nil
		}
	}
	p.Expect(extra(East)()).To(BeFalse(), "the policy let it through")
	p.Expect(p.Application("far-web").Spec.SyncPolicy.Automated).To(BeNil())
	p.EventuallyReady("other")
	p.EventuallyReady("far-other")

	p.Commit("app", map[string]string{"deploy/extra.yaml": configMap("extra", own)})
	p.EventuallyReady("web")
	p.EventuallyReady("far-web")
	p.Eventually(extra(West)).Should(BeFalse())
	p.EventuallyReady("far-other")
}

func namespaceDeletedByHand(t *testing.T, w *World) {
	p := w.NewProduct(t)
	p.Deploy("web", "dev")
	p.EventuallyPods(East, p.Namespace("web"), 1)
	p.Expect(w.Remote(t, East).Delete(p.Ctx,
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: p.Namespace("web")}})).To(Succeed())
	p.Eventually(func() []string { return p.Pods(East, p.Namespace("web")) }).Should(BeEmpty())
	p.EventuallyPods(East, p.Namespace("web"), 1)
	p.EventuallyReady("web")
}

func noWildcards(t *testing.T, w *World) {
	p := w.NewProduct(t)
	p.Deploy("web", "dev")
	var projects argo.AppProjectList
	p.Expect(w.Client.List(p.Ctx, &projects, client.InNamespace(argoNamespace))).To(Succeed())
	ours := 0
	for _, project := range projects.Items {
		if project.Annotations[api.AnnotationOwner] == "" {
			continue
		}
		ours++
		text, err := json.Marshal(project)
		p.Expect(err).NotTo(HaveOccurred())
		p.Expect(strings.Contains(string(text), "*")).To(BeFalse(), "AppProject %s: %s", project.Name, text)
	}
	p.Expect(ours).To(BeNumerically(">=", 1))
}
