package controllers_test

import (
	"context"
	"errors"
	"sync"
	"time"

	argo "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	synccommon "github.com/argoproj/gitops-engine/pkg/sync/common"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
	"github.com/nautes-labs/deployment-runtime/internal/reposerver"
)

// checkout is the files of revisions by their paths. A revision that it does not hold cannot be read.
type checkout struct {
	// lock is for revisions: commits are asked for beside the passes.
	lock      sync.Mutex
	revisions map[string]map[string]string
	asked     int
	made      time.Time
}

func (c *checkout) Commit(_ context.Context, _ reposerver.Repository, revision string) (reposerver.Commit, error) {
	c.lock.Lock()
	defer c.lock.Unlock()
	if _, known := c.revisions[revision]; !known {
		return reposerver.Commit{}, errors.New("no answer")
	}
	return reposerver.Commit{Author: "Ada\n<ada@example.com>", At: c.made}, nil
}

func (c *checkout) Files(_ context.Context, _ reposerver.Repository, revision, _ string) (map[string][]byte, error) {
	c.lock.Lock()
	defer c.lock.Unlock()
	c.asked++
	files, known := c.revisions[revision]
	if !known {
		return nil, errors.New("no answer")
	}
	out := map[string][]byte{}
	for name, content := range files {
		out[name] = []byte(content)
	}
	return out, nil
}

// set makes a revision hold these files.
func (c *checkout) set(revision string, files map[string]string) {
	c.lock.Lock()
	defer c.lock.Unlock()
	c.revisions[revision] = files
}

// forget makes a revision one that cannot be read.
func (c *checkout) forget(revision string) {
	c.lock.Lock()
	defer c.lock.Unlock()
	delete(c.revisions, revision)
}

const (
	webManifest = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}}"
	dbManifest  = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: db}}"
)

// emptied stands where r1 deployed two Deployments, and r2 left the file of one of them behind as it is given.
func emptied(ctx context.Context, files map[string]string) (*stand, *checkout, *api.DeploymentRuntime,
	*observed.Application) {
	GinkgoHelper()
	s := newStand(ctx)
	c := &checkout{revisions: map[string]map[string]string{
		"r1": {"web/web.yaml": webManifest, "web/db.yaml": dbManifest}, "r2": files}}
	s.runtimes.Files = c
	r := s.runtime(ctx, "web")
	app := s.deployed(ctx, r)
	s.argoSays(ctx, app, func(a *observed.Application) {
		a.Status.History = argo.RevisionHistories{{ID: 1, Revision: "r1", Source: *a.Spec.Source,
			DeployedAt: a.Status.OperationState.StartedAt}}
		a.Status.Sync.Status, a.Status.Sync.Revision = argo.SyncStatusCodeOutOfSync, "r2"
		a.Status.Resources = []argo.ResourceStatus{
			{Group: "apps", Version: "v1", Kind: "Deployment", Namespace: s.namespace("web"), Name: "web",
				Status: argo.SyncStatusCodeSynced},
			{Group: "apps", Version: "v1", Kind: "Deployment", Namespace: s.namespace("web"), Name: "db",
				Status: argo.SyncStatusCodeOutOfSync, RequiresPruning: true},
		}
	})
	return s, c, r, app
}

// argoSays makes the Application say that r1 was applied and is compared, with changes, and that nothing runs.
func (s *stand) argoSays(ctx context.Context, app *observed.Application, change func(*observed.Application)) {
	GinkgoHelper()
	update(ctx, app, func(a *observed.Application) {
		now := metav1.NewTime(s.clock.Now())
		a.Operation, a.Status.ReconciledAt = nil, &now
		a.Status.Sync = argo.SyncStatus{Status: argo.SyncStatusCodeSynced, Revision: "r1",
			ComparedTo: argo.ComparedTo{Source: *a.Spec.Source, Destination: a.Spec.Destination}}
		a.Status.OperationState = &argo.OperationState{
			Phase: synccommon.OperationSucceeded, StartedAt: now, FinishedAt: &now,
			SyncResult: &argo.SyncOperationResult{Revision: "r1", Source: *a.Spec.Source},
		}
		change(a)
	})
}

func syncedIs(r *api.DeploymentRuntime) string {
	c := meta.FindStatusCondition(r.Status.Conditions, api.ConditionSynced)
	return string(c.Status) + "/" + c.Reason + ": " + c.Message
}

var _ = Describe("What a revision does not hold any more", func() {
	onlyWeb := map[string]string{"web/web.yaml": webManifest}
	hollow := map[string]string{"web/web.yaml": webManifest, "web/db.yaml": ""}

	It("is removed with its file, by the whole sync that Argo CD did not do, and then object by object",
		func(ctx SpecContext) {
			s, _, r, app := emptied(ctx, onlyWeb)
			reconciled(ctx, s.runtimes, r)
			Expect(*fetch(ctx, app).Operation.Sync).To(Equal(argo.SyncOperation{Source: app.Spec.Source, Revision: "r2",
				Prune: true, SyncOptions: app.Spec.SyncPolicy.SyncOptions}))

			s.argoSays(ctx, app, func(a *observed.Application) {
				a.Status.Sync.Status, a.Status.Sync.Revision = argo.SyncStatusCodeOutOfSync, "r2"
				a.Status.OperationState.SyncResult.Revision = "r2"
				delete(a.Annotations, api.AnnotationSyncAttempts)
			})
			reconciled(ctx, s.runtimes, r)
			Expect(fetch(ctx, app).Operation.Sync.Resources).To(Equal([]argo.SyncOperationResource{
				{Group: "apps", Kind: "Deployment", Namespace: s.namespace("web"), Name: "db"}}))
			Expect(syncedIs(r)).To(HavePrefix("False/" + api.ReasonSyncing))

			update(ctx, app, func(a *observed.Application) { // done, and not compared since
				a.Operation = nil
				done := metav1.NewTime(a.Status.ReconciledAt.Add(time.Second))
				a.Status.OperationState.FinishedAt = &done
			})
			reconciled(ctx, s.runtimes, r)
			Expect(fetch(ctx, app).Operation).To(BeNil())
			Expect(syncedIs(r)).To(HavePrefix("False/" + api.ReasonSyncing + ": 1 objects"))
		})

	It("stays while its file is there and holds nothing, as long as that takes", func(ctx SpecContext) {
		s, c, r, app := emptied(ctx, hollow)
		reconciled(ctx, s.runtimes, r)
		Expect(fetch(ctx, app).Operation).To(BeNil())
		expectRefused(r, api.ReasonPruneHeld, "Deployment "+s.namespace("web")+"/db", "web/db.yaml", "is empty",
			"restore the file")
		Expect(app.Annotations).To(HaveKeyWithValue(api.AnnotationHeldRemovals, ContainSubstring(`"r1"`)))

		// Argo CD's history is short, and the last good revision leaves it.
		update(ctx, app, func(a *observed.Application) { a.Status.History = nil })
		c.set("r2", map[string]string{"web/web.yaml": webManifest, "web/db.yaml": "notes: none"})
		reconciled(ctx, s.runtimes, r)
		expectRefused(r, api.ReasonPruneHeld, "db.yaml", "holds no object")
		Expect(fetch(ctx, app).Operation).To(BeNil())

		s.argoSays(ctx, app, func(a *observed.Application) { a.Status.Resources = a.Status.Resources[:1] })
		reconciled(ctx, s.runtimes, r)
		Expect(fetch(ctx, app).Annotations).NotTo(HaveKey(api.AnnotationHeldRemovals))
		Expect(syncedIs(r)).To(HavePrefix("True/"))
	})

	It("stays where a typo moved the runtime away, if it is a volume, until somebody approves that",
		func(ctx SpecContext) {
			s, _, r, _ := emptied(ctx, map[string]string{"web/web.yaml": webManifest, "web/db.yaml": dbManifest})
			update(ctx, r, func(r *api.DeploymentRuntime) { r.Spec.Namespaces = []string{s.namespace("wbe")} })
			app := s.deployed(ctx, r)
			given := argo.ResourceStatus{Version: "v1", Kind: "PersistentVolumeClaim", Namespace: s.namespace("web"),
				Name: "data", Status: argo.SyncStatusCodeOutOfSync, RequiresPruning: true}
			moved := func(a *observed.Application) {
				a.Status.Sync.Status, a.Status.Sync.Revision = argo.SyncStatusCodeOutOfSync, "r2"
				a.Status.Resources = []argo.ResourceStatus{{Group: "apps", Version: "v1", Kind: "Deployment",
					Namespace: s.namespace("wbe"), Name: "web", Status: argo.SyncStatusCodeSynced}, given}
			}
			s.argoSays(ctx, app, moved)
			reconciled(ctx, s.runtimes, r)
			Expect(fetch(ctx, app).Operation).To(BeNil())
			approve := api.AnnotationApproveNamespace + s.namespace("web") + "=" + string(r.UID)
			expectRefused(r, api.ReasonPruneHeld, "PersistentVolumeClaim "+s.namespace("web")+"/data", approve)

			update(ctx, app, func(a *observed.Application) {
				metav1.SetMetaDataAnnotation(&a.ObjectMeta, api.AnnotationApproveNamespace+s.namespace("web"),
					string(r.UID))
			})
			reconciled(ctx, s.runtimes, r)
			Expect(fetch(ctx, app).Operation.Sync.Prune).To(BeTrue())
		})

	It("stays while nobody says which files are there, and it is asked again with backoff", func(ctx SpecContext) {
		s, c, r, app := emptied(ctx, nil)
		c.forget("r2")
		Expect(reconciled(ctx, s.runtimes, r).RequeueAfter).To(BeNumerically("~", 10*time.Second, time.Second))
		expectRefused(r, api.ReasonPruneHeld, "1 objects", "db", "repo-server")
		reconciled(ctx, s.runtimes, r)
		Expect(c.asked).To(Equal(1))
		s.clock.Step(21 * time.Second)
		Expect(reconciled(ctx, s.runtimes, r).RequeueAfter).To(BeNumerically("~", 20*time.Second, time.Second))
		Expect(c.asked).To(Equal(2))
		Expect(fetch(ctx, app).Operation).To(BeNil())

		c.set("r2", onlyWeb)
		s.clock.Step(time.Minute)
		reconciled(ctx, s.runtimes, r)
		Expect(fetch(ctx, app).Operation).NotTo(BeNil())
	})

	It("stays while the past cannot be read, and the file that matters is named", func(ctx SpecContext) {
		s, c, r, app := emptied(ctx, hollow)
		c.forget("r1")
		reconciled(ctx, s.runtimes, r)
		expectRefused(r, api.ReasonPruneHeld, "db.yaml", "cannot be read", "restore the file")
		Expect(fetch(ctx, app).Operation).To(BeNil())
	})

	It("is asked for once where the object itself says that it stays", func(ctx SpecContext) {
		s, _, r, app := emptied(ctx, onlyWeb)
		update(ctx, app, func(a *observed.Application) {
			a.Status.OperationState.Operation.Sync = &argo.SyncOperation{Prune: true}
			a.Status.OperationState.SyncResult.Resources = argo.ResourceResults{{
				Group: "apps", Version: "v1", Kind: "Deployment", Namespace: s.namespace("web"), Name: "db",
				Status: synccommon.ResultCodePruneSkipped, Message: "ignored (no prune)",
			}}
		})
		reconciled(ctx, s.runtimes, r)
		Expect(fetch(ctx, app).Operation).To(BeNil())
		expectRefused(r, api.ReasonPruneHeld, "Prune=false", "db")
	})

	It("is tried again with backoff when its removal failed, and not by a sync that removes nothing",
		func(ctx SpecContext) {
			s, _, r, app := emptied(ctx, onlyWeb)
			reconciled(ctx, s.runtimes, r)
			Expect(fetch(ctx, app).Operation).NotTo(BeNil())
			update(ctx, app, func(a *observed.Application) {
				a.Status.OperationState.Phase, a.Status.OperationState.Operation = synccommon.OperationFailed,
					*a.Operation
				a.Status.OperationState.SyncResult.Revision, a.Status.OperationState.Message = "r2", "denied"
				a.Operation = nil
			})
			Expect(reconciled(ctx, s.runtimes, r).RequeueAfter).To(BeNumerically("~", 20*time.Second, time.Second))
			expectRefused(r, api.ReasonSyncFailed, "denied")
			Expect(fetch(ctx, app).Operation).To(BeNil())
			s.clock.Step(21 * time.Second)
			reconciled(ctx, s.runtimes, r)
			Expect(fetch(ctx, app).Operation.Sync.Prune).To(BeTrue())
		})

	It("stays when nothing else is left in the path, without a question", func(ctx SpecContext) {
		s, c, r, app := emptied(ctx, nil)
		update(ctx, app, func(a *observed.Application) { a.Status.Resources = a.Status.Resources[1:] })
		reconciled(ctx, s.runtimes, r)
		expectRefused(r, api.ReasonPathEmpty, "path web", "r2", "delete the runtime")
		Expect(c.asked).To(BeZero())
		Expect(fetch(ctx, app).Operation).To(BeNil())
	})

	It("is left alone while the runtime is suspended", func(ctx SpecContext) {
		s, c, r, app := emptied(ctx, onlyWeb)
		update(ctx, r, func(r *api.DeploymentRuntime) { r.Spec.Suspend = true })
		reconciled(ctx, s.runtimes, r)
		expectRefused(r, api.ReasonSuspended)
		Expect(c.asked).To(BeZero())
		Expect(fetch(ctx, app).Operation).To(BeNil())
	})

	It("is never left to Argo CD, also where an earlier version did so and the rules refuse the runtime",
		func(ctx SpecContext) {
			s := newStand(ctx)
			r := s.runtime(ctx, "web")
			app := s.deployed(ctx, r)
			Expect(app.Spec.SyncPolicy.Automated.Prune).To(BeFalse())
			update(ctx, app, func(a *observed.Application) { a.Spec.SyncPolicy.Automated.Prune = true })
			update(ctx, r, func(r *api.DeploymentRuntime) { r.Spec.Product = "product-0" })
			reconciled(ctx, s.runtimes, r)
			expectRefused(r, api.ReasonProductMismatch)
			Expect(fetch(ctx, app).Spec.SyncPolicy.Automated.Prune).To(BeFalse())
		})
})

var _ = Describe("An object that Argo CD counts to another Application", func() {
	// shared stands where the sync of a runtime failed for an object that Argo CD counts to another Application too.
	shared := func(ctx context.Context, other func(*stand) string) (*stand, *api.DeploymentRuntime,
		*observed.Application) {
		s := newStand(ctx)
		r := s.runtime(ctx, "web")
		app := s.deployed(ctx, r)
		s.argoSays(ctx, app, func(a *observed.Application) {
			now := metav1.NewTime(s.clock.Now())
			a.Status.Sync.Status = argo.SyncStatusCodeOutOfSync
			a.Status.OperationState.Phase, a.Status.OperationState.Message = synccommon.OperationFailed,
				"Shared resource found"
			a.Status.Conditions = []argo.ApplicationCondition{{
				Type: argo.ApplicationConditionSharedResourceWarning, LastTransitionTime: &now,
				Message: "Deployment/web is part of applications " + a.Namespace + "/" + a.Name + " and " + other(s),
			}}
		})
		reconciled(ctx, s.runtimes, r)
		return s, r, fetch(ctx, app)
	}

	It("is taken over when a runtime of the product left it", func(ctx SpecContext) {
		s, r, app := shared(ctx, func(s *stand) string { return identity.Application(s.product, "gone") })
		Expect(app.Operation.Sync.SyncOptions.HasOption("FailOnSharedResource=true")).To(BeFalse())
		Expect(app.Operation.Sync.Prune).To(BeFalse())
		Expect(app.Spec.SyncPolicy.SyncOptions.HasOption("FailOnSharedResource=true")).To(BeTrue(),
			"from then on nothing else is taken")
		update(ctx, app, func(a *observed.Application) { a.Operation = nil })
		Expect(reconciled(ctx, s.runtimes, r).RequeueAfter).To(BeNumerically("~", 20*time.Second, time.Second))
		Expect(syncedIs(r)).To(HavePrefix("False/" + api.ReasonSyncing + ": objects that an earlier runtime"))
	})

	It("is left to another runtime of the product, which is named", func(ctx SpecContext) {
		_, r, app := shared(ctx, func(s *stand) string {
			other := s.runtime(ctx, "other")
			reconciled(ctx, s.runtimes, other)
			return s.application("other").Name
		})
		Expect(app.Operation).To(BeNil())
		expectRefused(r, api.ReasonResourceShared, "Deployment web", `runtime "other"`, "remove it from")
	})

	DescribeTable("is left alone and not named when it is somebody else's", func(ctx SpecContext, other, says string) {
		_, r, app := shared(ctx, func(*stand) string { return other })
		Expect(app.Operation).To(BeNil())
		expectRefused(r, api.ReasonResourceShared, says, "something else than this product's runtimes")
		Expect(syncedIs(r)).NotTo(ContainSubstring(other))
	},
		Entry("another product's", identity.Application("product-999999", "web"), "Deployment web"),
		Entry("of another namespace", "tools/web", "Deployment web"),
		Entry("of another tool", "web-release", "Deployment web"),
		Entry("a sentence that cannot be read", "web and more", "an object"),
	)

	It("is no reason to be Synced while nothing was ever applied", func(ctx SpecContext) {
		s := newStand(ctx)
		r := s.runtime(ctx, "web")
		app := s.deployed(ctx, r)
		s.argoSays(ctx, app, func(a *observed.Application) {
			a.Status.OperationState = nil
			a.Status.Resources = []argo.ResourceStatus{{Group: "apps", Version: "v1", Kind: "Deployment",
				Namespace: s.namespace("web"), Name: "web", Status: argo.SyncStatusCodeSynced}}
		})
		reconciled(ctx, s.runtimes, r)
		Expect(syncedIs(r)).To(HavePrefix("False/" + api.ReasonSyncing))
		Expect(fetch(ctx, app).Operation.Sync.SyncStrategy.Apply).NotTo(BeNil(),
			"hooks of what runs already do not run again")
		Expect(app.Operation.Sync.SyncOptions.HasOption("FailOnSharedResource=true")).To(BeTrue())

		s.argoSays(ctx, app, func(*observed.Application) {})
		reconciled(ctx, s.runtimes, r)
		Expect(syncedIs(r)).To(HavePrefix("True/"))
	})
})
