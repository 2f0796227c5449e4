package controllers_test

import (
	"context"
	"net/http"
	"strconv"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/coderepo"
	"github.com/nautes-labs/deployment-runtime/controllers/githosts"
	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/test/fakegitlab"
)

// A renamed project leaves a path behind that anybody in the group may take: a CodeRepo is named by the id and cloned
// by the path.
var _ = Describe("The project of a CodeRepo", func() {
	type world struct {
		*gitlabPlace
		repos   *coderepo.Reconciler
		group   githost.Group
		project githost.Project
		repo    *api.CodeRepo
	}
	newWorld := func(ctx context.Context) *world {
		GinkgoHelper()
		w := &world{gitlabPlace: newGitLabPlace(ctx)}
		w.group = w.groupWith(ctx, w.place.group, "api")
		project, err := w.host.ProjectAt(ctx, w.root, w.place.group+"/api")
		Expect(err).NotTo(HaveOccurred())
		w.project = project
		w.repos = w.codeRepoReconciler()
		w.repos.Projects = coderepo.NewProjectWatch(githosts.New(k8s, w.system), w.clock)
		w.repo = w.codeRepo(ctx, func(r *api.CodeRepo) { r.Name = "repo-" + strconv.FormatInt(project.ID, 10) })
		return w
	}
	rename := func(ctx context.Context, w *world, to string) {
		GinkgoHelper()
		_, err := w.host.UpdateProject(ctx, w.root, w.project.ID, githost.ProjectChange{Name: &to, Path: &to})
		Expect(err).NotTo(HaveOccurred())
	}
	later := func(ctx context.Context, w *world) {
		GinkgoHelper()
		w.clock.Step(time.Hour)
		reconciled(ctx, w.repos, w.repo)
	}

	It("that was renamed is said to be elsewhere, and another one at its path is not deployed", func(ctx SpecContext) {
		w := newWorld(ctx)
		Expect(reconciled(ctx, w.repos, w.repo).RequeueAfter).To(BeNumerically(">=", 5*time.Minute))
		Expect(says(w.repo, api.ConditionRepositoryFound)).To(HavePrefix("True/"))
		Expect(says(w.repo, api.ConditionReady)).To(HavePrefix("True/"))

		rename(ctx, w, "api-old")
		later(ctx, w)
		Expect(says(w.repo, api.ConditionRepositoryFound)).To(And(HavePrefix("False/"+api.ReasonRepositoryMoved),
			ContainSubstring("spec.repoName")))
		expectRefused(w.repo, api.ReasonRepositoryMoved, "what runs keeps running")

		other, err := w.host.CreateProject(ctx, w.root, githost.NewProject{NamespaceID: w.group.ID, Path: "api"})
		Expect(err).NotTo(HaveOccurred())
		later(ctx, w)
		expectRefused(w.repo, api.ReasonRepositoryReplaced, strconv.FormatInt(other.ID, 10), "spec.repoName")

		By("the other one goes, and git may still be led to it")
		Expect(w.host.DeleteProject(ctx, w.root, other.ID)).To(Succeed())
		later(ctx, w)
		expectRefused(w.repo, api.ReasonRepositoryReplaced)

		By("a correction counts at once")
		update(ctx, w.repo, func(r *api.CodeRepo) { r.Spec.RepoName = "api-old" })
		reconciled(ctx, w.repos, w.repo)
		Expect(says(w.repo, api.ConditionRepositoryFound)).To(HavePrefix("True/"))
		Expect(says(w.repo, api.ConditionReady)).To(HavePrefix("True/"))
	})

	It("is remembered by the status: a restart and a git host that does not answer change nothing",
		func(ctx SpecContext) {
			w := newWorld(ctx)
			rename(ctx, w, "api-old")
			_, err := w.host.CreateProject(ctx, w.root, githost.NewProject{NamespaceID: w.group.ID, Path: "api"})
			Expect(err).NotTo(HaveOccurred())
			reconciled(ctx, w.repos, w.repo)
			expectRefused(w.repo, api.ReasonRepositoryReplaced)

			w.server.Trouble().Add(fakegitlab.Fault{Status: http.StatusBadGateway})
			w.repos.Projects = coderepo.NewProjectWatch(githosts.New(k8s, w.system), w.clock)
			for range 3 {
				later(ctx, w)
				expectRefused(w.repo, api.ReasonRepositoryReplaced)
			}
		})

	It("is asked for at a bounded rate, however many there are and however often they are looked at",
		func(ctx SpecContext) {
			w := newWorld(ctx)
			w.server.ForgetRequests()
			for range 3 {
				reconciled(ctx, w.repos, w.repo)
			}
			Expect(w.server.Requests()).To(HaveLen(1), "once for all passes")
			var repos []*api.CodeRepo
			for i := range 60 {
				repos = append(repos,
					w.codeRepo(ctx, func(r *api.CodeRepo) { r.Name = "repo-" + strconv.Itoa(900000+i) }))
			}
			for _, r := range repos {
				Expect(reconciled(ctx, w.repos, r).RequeueAfter).To(BeNumerically(">", 0))
			}
			Expect(w.server.Requests()).To(HaveLen(40), "not all in a moment")
			w.clock.Step(12 * time.Second)
			for _, r := range repos {
				reconciled(ctx, w.repos, r)
			}
			Expect(w.server.Requests()).To(HaveLen(61), "but soon")

			By("a restart asks for none of them at once")
			w.repos.Projects = coderepo.NewProjectWatch(githosts.New(k8s, w.system), w.clock)
			for _, r := range repos {
				Expect(reconciled(ctx, w.repos, r).RequeueAfter).To(BeNumerically(">", 0))
			}
			Expect(w.server.Requests()).To(HaveLen(61))
		})

	It("is not asked for where the name says no id, or nobody can be asked", func(ctx SpecContext) {
		w := newWorld(ctx)
		named := w.codeRepo(ctx, func(r *api.CodeRepo) { r.Name = "repo-007" })
		Expect(reconciled(ctx, w.repos, named).RequeueAfter).To(BeZero())
		Expect(says(named, api.ConditionRepositoryFound)).To(BeEmpty())

		var provider api.CodeRepoProvider
		Expect(k8s.Get(ctx, client.ObjectKey{Namespace: w.system, Name: "gitlab"}, &provider)).To(Succeed())
		update(ctx, &provider, func(p *api.CodeRepoProvider) { p.Spec.CredentialsSecretRef = nil })
		reconciled(ctx, w.repos, w.repo)
		Expect(says(w.repo, api.ConditionRepositoryFound)).To(BeEmpty())
		Expect(says(w.repo, api.ConditionReady)).To(HavePrefix("True/"))
	})
})
