package controllers_test

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

// writing returns a client that notes its writes, such as "create Application", and the notes.
func writing(through client.WithWatch) (client.Client, *[]string) {
	var notes []string
	note := func(verb string, o client.Object) { notes = append(notes, fmt.Sprintf("%s %s", verb, kindOf(o))) }
	return interceptor.NewClient(through, interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			note("create", o)
			return c.Create(ctx, o, opts...)
		},
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch,
			opts ...client.PatchOption) error {
			note("patch", o)
			return c.Patch(ctx, o, p, opts...)
		},
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, o client.Object, p client.Patch,
			opts ...client.SubResourcePatchOption) error {
			note("patch "+sub+" of", o)
			return c.SubResource(sub).Patch(ctx, o, p, opts...)
		},
	}), &notes
}

func kindOf(o client.Object) string {
	GinkgoHelper()
	kinds, _, err := scheme.ObjectKinds(o)
	Expect(err).NotTo(HaveOccurred())
	return kinds[0].Kind
}

var _ = Describe("The writes of a first deployment", func() {
	It("are four: the finalizer, the record, the deployment, the status", func(ctx SpecContext) {
		s := newStand(ctx)
		through, err := client.NewWithWatch(env.Management.RESTConfig(), client.Options{Scheme: scheme})
		Expect(err).NotTo(HaveOccurred())
		var writes *[]string
		s.runtimes.Client, writes = writing(through)
		s.runtimes.Timing.Patience = 2 * time.Second

		r := s.runtime(ctx, "web")
		reconciled(ctx, s.runtimes, r) // the record
		reconciled(ctx, s.runtimes, r) // woken by the record itself
		reconciled(ctx, s.products, s.theProduct())
		reconciled(ctx, s.runtimes, r) // woken by the AppProject
		reconciled(ctx, s.runtimes, r) // woken by the Application
		Expect(*writes).To(Equal([]string{"patch DeploymentRuntime", "create Application", "patch Application",
			"patch status of DeploymentRuntime"}))
		Expect(r.Status.Placement.Cluster).To(Equal(east))
	})

	It("are five where the namespaces take longer: the status says so", func(ctx SpecContext) {
		s := newStand(ctx)
		s.runtimes.Timing.Patience = 2 * time.Second
		r := s.runtime(ctx, "web")
		Expect(reconciled(ctx, s.runtimes, r).RequeueAfter).To(Equal(2 * time.Second))
		Expect(r.Status.Conditions).To(BeEmpty())
		s.clock.Step(time.Second)
		Expect(reconciled(ctx, s.runtimes, r).RequeueAfter).To(Equal(time.Second))
		Expect(r.Status.Conditions).To(BeEmpty())
		s.clock.Step(time.Second)
		reconciled(ctx, s.runtimes, r)
		expectRefused(r, api.ReasonWaitingForTenancy)
		before := versions(ctx, r)
		reconciled(ctx, s.runtimes, r)
		Expect(versions(ctx, r)).To(Equal(before))
	})
})
