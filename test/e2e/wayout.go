package e2e

import (
	"bytes"
	"slices"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/command"
	"github.com/nautes-labs/deployment-runtime/internal/kinds"
)

// wayOut returns the stories of an operator that is uninstalled.
func wayOut() []Scenario {
	return []Scenario{
		{"an operator that is released leaves no finalizer, and one that is installed again takes over",
			releaseAndReturn},
	}
}

func releaseAndReturn(t *testing.T, w *World) {
	p := w.NewProduct(t)
	p.Deploy("web", "dev")
	pods := p.Pods(East, p.Namespace("web"))

	lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: systemNamespace, Name: "nautes-operator"}}
	lease.Spec = coordinationv1.LeaseSpec{
		HolderIdentity: ptr.To("another-replica"), RenewTime: ptr.To(metav1.NowMicro()),
		LeaseDurationSeconds: ptr.To(int32(time.Hour.Seconds())),
	}
	p.Create(lease)
	code, said := p.release()
	p.Expect(code).To(Equal(1), "while an operator works")
	p.Expect(said).To(ContainSubstring("another-replica is at work"))
	p.Expect(p.finalized()).NotTo(BeEmpty())
	p.Remove(lease)

	p.WithoutOperator(func() {
		code, said = p.release()
		p.Expect(code).To(Equal(0), said)
		p.Expect(p.finalized()).To(BeEmpty())
		p.Expect(p.Pods(East, p.Namespace("web"))).To(Equal(pods))
	})

	p.Eventually(func() []string { return p.Application("web").Finalizers }).Should(Equal([]string{api.Finalizer}))
	p.Eventually(func() []string { return p.Get("web").Finalizers }).Should(Equal([]string{api.Finalizer}))
	p.EventuallyReady("web")
	p.Expect(p.Pods(East, p.Namespace("web"))).To(Equal(pods))
	p.Delete("web")
	p.EventuallyGone("web", East, p.Namespace("web"))
}

// release runs "manager release" and returns its exit code and what it said.
func (p *Product) release() (int, string) {
	var said bytes.Buffer
	code := command.Execute(p.Ctx, []string{"release", "--kubeconfig", p.W.Env.Management.KubeconfigFile()},
		&said, &said)
	return code, said.String()
}

// finalized returns the objects of the whole management cluster that carry the operator's finalizer.
func (p *Product) finalized() []string {
	p.Helper()
	listed := []schema.GroupVersionKind{{Group: "argoproj.io", Version: "v1alpha1", Kind: "Application"},
		{Group: "argoproj.io", Version: "v1alpha1", Kind: "AppProject"}}
	for _, k := range kinds.All() {
		listed = append(listed, api.GroupVersion.WithKind(k.Name))
	}
	var out []string
	for _, kind := range listed {
		list := &metav1.PartialObjectMetadataList{}
		list.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
		p.Expect(p.W.Client.List(p.Ctx, list)).To(Succeed())
		for i := range list.Items {
			if slices.Contains(list.Items[i].Finalizers, api.Finalizer) {
				out = append(out, kind.Kind+" "+client.ObjectKeyFromObject(&list.Items[i]).String())
			}
		}
	}
	return out
}
