package e2e

import (
	"fmt"
	"testing"

	argo "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
)

// hooks returns the stories of tenants whose manifests hook into Argo CD.
func hooks() []Scenario {
	return []Scenario{
		{"a hook that would run after the deletion never runs", postDeleteHook},
		{"a hook in default.project never runs", streamHook},
		{"a hook that hangs does not block the deletion", hangingHook},
	}
}

// postDelete is the manifest of a hook that would make a group administrator of the cluster.
func postDelete(name, group string) string {
	return `apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: ` + name + `, annotations: {argocd.argoproj.io/hook: PostDelete}}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects: [{kind: Group, apiGroup: rbac.authorization.k8s.io, name: ` + group + `}]
`
}

// postDeleteHook: Argo CD runs such hooks past the limits of the AppProject.
func postDeleteHook(t *testing.T, w *World) {
	p := w.NewProduct(t)
	name := p.Path + "-takes-over"
	p.Commit("app", map[string]string{"deploy/hook.yaml": postDelete(name, p.Path)})
	p.Deploy("web", "dev")
	p.Eventually(func() error {
		app := p.Application("web")
		app.Finalizers = append(app.Finalizers, "post-delete-finalizer.argocd.argoproj.io")
		return p.W.Client.Update(p.Ctx, app, client.DryRunAll)
	}).Should(MatchError(ContainSubstring("delete hooks of a deployment runtime or of a default.project never run")))
	p.Expect(p.Application("web").Finalizers).To(Equal([]string{api.Finalizer}))

	p.recreateByHand("web")
	p.Delete("web")
	p.EventuallyGone("web", East, p.Namespace("web"))
	err := w.Remote(t, East).Get(p.Ctx, client.ObjectKey{Name: name}, &rbacv1.ClusterRoleBinding{})
	p.Expect(apierrors.IsNotFound(err)).To(BeTrue(), "the hook made its object: %v", err)
}

// streamHook: the same in default.project, where Argo CD would act with its rights over the management cluster. It
// compares the stream while the operator has stopped it, and a person deletes the Application then.
func streamHook(t *testing.T, w *World) {
	p := w.pushed(t)
	name := p.Path + "-takes-over"
	p.EventuallyStreamAt(p.Commit(metadata, map[string]string{
		"envs/hook.yaml": postDelete(name, p.Path),
		"envs/out.jsonnet": fmt.Sprintf(`{apiVersion: %q, kind: "Environment", metadata: {name: "out"}, spec: {product: %q, cluster: %q, envType: "dev"}}`,
			api.GroupVersion.String(), p.Name, East),
	}))
	p.Expect(w.Client.Get(p.Ctx, client.ObjectKey{Namespace: p.Name, Name: "out"}, &api.Environment{})).NotTo(Succeed(),
		"Argo CD evaluates Jsonnet")
	Alter(p, p.product(), func(o *api.Product) { o.Annotations = map[string]string{api.AnnotationGroupReplaced: "99"} })
	p.EventuallyProductSays(api.ConditionSynced, "False/"+api.ReasonGroupReplaced)

	stream := object(&argo.Application{}, argoNamespace, identity.Stream(p.Name))
	p.compared(stream)
	for _, f := range []string{"post-delete-finalizer.argocd.argoproj.io/cleanup",
		"pre-delete-finalizer.argocd.argoproj.io", "resources-finalizer.argocd.argoproj.io"} {
		armed := stream.DeepCopy()
		armed.Finalizers = append(armed.Finalizers, f)
		p.Expect(w.Client.Update(p.Ctx, armed, client.DryRunAll)).To(MatchError(ContainSubstring(f)))
	}
	before := stream.UID
	p.Remove(stream)
	p.Consistently(func() bool {
		return apierrors.IsNotFound(w.Client.Get(p.Ctx, client.ObjectKey{Name: name}, &rbacv1.ClusterRoleBinding{}))
	}).Should(BeTrue(), "the hook made its object")
	Alter(p, p.product(), func(o *api.Product) { o.Annotations = nil })
	p.EventuallyStreamAt(p.remove("envs/hook.yaml"))
	p.Expect(w.Client.Get(p.Ctx, client.ObjectKeyFromObject(stream), stream)).To(Succeed())
	p.Expect(stream.UID).NotTo(Equal(before))
	p.EventuallyReady("web")
}

// compared has Argo CD compare an Application, and reads it after that.
func (p *Product) compared(app *argo.Application) {
	p.Helper()
	Alter(p, app, func(a *argo.Application) {
		metav1.SetMetaDataAnnotation(&a.ObjectMeta, argo.AnnotationKeyRefresh, string(argo.RefreshTypeNormal))
	})
	p.Eventually(func() map[string]string {
		p.Expect(p.W.Client.Get(p.Ctx, client.ObjectKeyFromObject(app), app)).To(Succeed())
		return app.Annotations
	}).ShouldNot(HaveKey(argo.AnnotationKeyRefresh))
}

func hangingHook(t *testing.T, w *World) {
	p := w.NewProduct(t)
	p.Commit("app", map[string]string{"deploy/hook.yaml": `apiVersion: v1
kind: Pod
metadata: {name: hangs, annotations: {argocd.argoproj.io/hook: PostSync}}
spec:
  restartPolicy: Never
  containers: [{name: main, image: "example.com/hangs:1"}]
`})
	web := p.Runtime("web", "dev")
	web.Spec.Namespaces = []string{p.Namespace("web")}
	p.Create(web)
	p.Eventually(func() []string { return p.Pods(East, p.Namespace("web")) }).Should(HaveLen(2),
		"the Deployment's and the hook's")
	p.Expect(p.Application("web").Status.OperationState.Phase.Completed()).To(BeFalse(), "Argo CD waits for the hook")

	p.Delete("web")
	p.EventuallyGone("web", East, p.Namespace("web"))
}
