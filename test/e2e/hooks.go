package e2e

import (
	"testing"

	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

// hooks returns the stories of tenants whose manifests hook into Argo CD.
func hooks() []Scenario {
	return []Scenario{
		{"a hook that would run after the deletion never runs", postDeleteHook},
		{"a hook that hangs does not block the deletion", hangingHook},
	}
}

// postDeleteHook: Argo CD runs such hooks past the limits of the AppProject.
func postDeleteHook(t *testing.T, w *World) {
	p := w.NewProduct(t)
	name := p.Path + "-takes-over"
	p.Commit("app", map[string]string{"deploy/hook.yaml": `apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: ` + name + `, annotations: {argocd.argoproj.io/hook: PostDelete}}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects: [{kind: Group, apiGroup: rbac.authorization.k8s.io, name: ` + p.Path + `}]
`})
	p.Deploy("web", "dev")
	p.Eventually(func() error {
		app := p.Application("web")
		app.Finalizers = append(app.Finalizers, "post-delete-finalizer.argocd.argoproj.io")
		return p.W.Client.Update(p.Ctx, app, client.DryRunAll)
	}).Should(MatchError(ContainSubstring("PostDelete hooks of a deployment runtime never run")))
	p.Expect(p.Application("web").Finalizers).To(Equal([]string{api.Finalizer}))

	p.recreateByHand("web")
	p.Delete("web")
	p.EventuallyGone("web", East, p.Namespace("web"))
	err := w.Remote(t, East).Get(p.Ctx, client.ObjectKey{Name: name}, &rbacv1.ClusterRoleBinding{})
	p.Expect(apierrors.IsNotFound(err)).To(BeTrue(), "the hook made its object: %v", err)
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
	p.Eventually(func() []string { return p.Pods(East, p.Namespace("web")) }).Should(HaveLen(2), "the Deployment's and the hook's")
	p.Expect(p.Application("web").Status.OperationState.Phase.Completed()).To(BeFalse(), "Argo CD waits for the hook")

	p.Delete("web")
	p.EventuallyGone("web", East, p.Namespace("web"))
}
