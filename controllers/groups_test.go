package controllers_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/test/fakegitlab"
)

func deletesAtOnce(o *fakegitlab.Options) { o.DeleteAtOnce = true }

// rename moves a group to another path, which the provider takes.
func (p *gitlabPlace) rename(ctx context.Context, g githost.Group, path string) {
	GinkgoHelper()
	p.allow(ctx, path)
	_, err := p.host.UpdateGroup(ctx, p.root, g.ID, githost.GroupChange{Path: ptr.To(path)})
	Expect(err).NotTo(HaveOccurred())
}

// becomesAnother makes a group look as another git host would show it that has a group of the same id: elsewhere, and
// with another default.project.
func (p *gitlabPlace) becomesAnother(ctx context.Context, g githost.Group, path string) {
	GinkgoHelper()
	Expect(p.host.DeleteProject(ctx, p.root, p.defaultProject(ctx, g.Path).ID)).To(Succeed())
	_, err := p.host.CreateProject(ctx, p.root, githost.NewProject{NamespaceID: g.ID, Path: "default.project"})
	Expect(err).NotTo(HaveOccurred())
	p.rename(ctx, g, path)
}

// replace deletes a group, and a stranger takes its path.
func (p *gitlabPlace) replace(ctx context.Context, g githost.Group) githost.Group {
	GinkgoHelper()
	Expect(p.host.DeleteGroup(ctx, p.root, g.ID)).To(Succeed())
	return p.groupWith(ctx, g.Path, "default.project")
}

func (p *gitlabPlace) annotation(ctx context.Context, g githost.Group, name string) string {
	GinkgoHelper()
	return fetch(ctx, p.productOf(g)).Annotations[name]
}

var _ = Describe("The guards of a ProductProvider", func() {
	It("run though many groups seem to have moved", func(ctx SpecContext) {
		p := newGitLabPlace(ctx, deletesAtOnce)
		var groups []githost.Group
		for i := range 6 {
			groups = append(groups, p.groupWith(ctx, "g"+strconv.Itoa(i), "default.project"))
		}
		reconciled(ctx, p.products, p.source)
		for _, g := range groups[:4] {
			p.becomesAnother(ctx, g, "moved-"+g.Path)
		}
		p.rename(ctx, groups[4], "honest")
		stranger := p.replace(ctx, groups[5])
		reconciled(ctx, p.products, p.source)
		expectRefused(p.source, api.ReasonTooManyMoves)
		Expect(p.annotation(ctx, groups[5], api.AnnotationGroupReplaced)).To(Equal(strconv.FormatInt(stranger.ID, 10)))
		Expect(fetch(ctx, p.productOf(groups[4])).Spec.Name).To(Equal("honest"))
		Expect(says(p.source, api.ConditionGroupsFound)).To(HavePrefix("False/" + api.ReasonGroupReplaced))

		By("those that do not follow are paused, until a person says where they are or they come back")
		Expect(fetch(ctx, p.productOf(groups[0])).Spec.Name).To(Equal("g0"))
		for _, g := range groups[:4] {
			Expect(p.annotation(ctx, g, api.AnnotationGroupMoved)).To(Equal("moved-" + g.Path))
		}
		update(ctx, p.productOf(groups[0]), func(o *api.Product) {
			o.Spec = api.ProductSpec{Name: "moved-g0",
				MetaDataPath: "https://git.example.com/moved-g0/default.project.git"}
		})
		p.rename(ctx, groups[1], "g1")
		reconciled(ctx, p.products, p.source)
		for _, g := range groups[:2] {
			Expect(p.annotation(ctx, g, api.AnnotationGroupMoved)).To(BeEmpty(), g.Path)
		}
		for _, g := range groups[2:4] {
			Expect(p.annotation(ctx, g, api.AnnotationGroupMoved)).NotTo(BeEmpty(), g.Path)
		}
	})

	It("follow any number of renames of groups that are known", func(ctx SpecContext) {
		p := newGitLabPlace(ctx)
		parent := p.groupWith(ctx, "company")
		var groups []githost.Group
		for i := range 5 {
			g, err := p.host.CreateGroup(ctx, p.root,
				githost.NewGroup{Path: "team" + strconv.Itoa(i), ParentID: parent.ID})
			Expect(err).NotTo(HaveOccurred())
			_, err = p.host.CreateProject(ctx, p.root, githost.NewProject{NamespaceID: g.ID, Path: "default.project"})
			Expect(err).NotTo(HaveOccurred())
			groups = append(groups, g)
		}
		reconciled(ctx, p.products, p.source)
		p.rename(ctx, parent, "corporation")
		reconciled(ctx, p.products, p.source)
		expectReady(p.source)
		for i, g := range groups {
			Expect(fetch(ctx, p.productOf(g)).Spec.Name).To(Equal("corporation/team" + strconv.Itoa(i)))
		}
	})

	It("run though a Product cannot be written", func(ctx SpecContext) {
		p := newGitLabPlace(ctx, deletesAtOnce)
		shop := p.groupWith(ctx, "shop", "default.project")
		reconciled(ctx, p.products, p.source)
		long := p.groupWith(ctx, strings.Repeat("a", 200))
		deep, err := p.host.CreateGroup(ctx, p.root,
			githost.NewGroup{Path: strings.Repeat("b", 200), ParentID: long.ID})
		Expect(err).NotTo(HaveOccurred())
		_, err = p.host.CreateProject(ctx, p.root, githost.NewProject{NamespaceID: deep.ID, Path: "default.project"})
		Expect(err).NotTo(HaveOccurred())
		stranger := p.replace(ctx, shop)
		_, err = p.products.Reconcile(ctx, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(p.source)})
		Expect(err).To(HaveOccurred())
		fetch(ctx, p.source)
		expectRefused(p.source, api.ReasonWriteRefused)
		Expect(p.annotation(ctx, shop, api.AnnotationGroupReplaced)).To(Equal(strconv.FormatInt(stranger.ID, 10)))
	})

	It("look after every Product, however many the git host does not show", func(ctx SpecContext) {
		p := newGitLabPlace(ctx, deletesAtOnce)
		shop := p.groupWith(ctx, "shop", "default.project")
		reconciled(ctx, p.products, p.source)
		for i := range 45 {
			create(ctx, &api.Product{
				ObjectMeta: metav1.ObjectMeta{Namespace: p.system, Name: fmt.Sprintf("product-9%04d%04d", p.number, i),
					Labels: map[string]string{api.LabelProvider: "source"}},
				Spec: api.ProductSpec{Name: fmt.Sprintf("gone-%d", i),
					MetaDataPath: fmt.Sprintf("https://git.example.com/gone-%d/default.project.git", i)},
			})
		}
		stranger := p.replace(ctx, shop)
		reconciled(ctx, p.products, p.source)
		Expect(p.annotation(ctx, shop, api.AnnotationGroupReplaced)).To(Equal(strconv.FormatInt(stranger.ID, 10)))
		for range 2 {
			reconciled(ctx, p.products, p.source)
		}
		update(ctx, p.productOf(shop), func(o *api.Product) { o.Labels = nil })
		reconciled(ctx, p.products, p.source)
		Expect(says(p.source, api.ConditionGroupsFound)).To(And(HavePrefix("False/"+api.ReasonGroupGone),
			ContainSubstring("35 more")))
	})
})

var _ = Describe("The allowed groups of a ProductProvider", func() {
	It("are the only ones that become products, and the only ones that are asked for", func(ctx SpecContext) {
		p := newGitLabPlace(ctx)
		shop, stranger := p.groupWith(ctx, "shop", "default.project"), p.groupWith(ctx, "shopping", "default.project")
		update(ctx, p.source, func(o *api.ProductProvider) { o.Spec.AllowedGroups = []string{"Shop", "company/teams"} })
		p.server.ForgetRequests()
		reconciled(ctx, p.products, p.source)
		expectReady(p.source)
		Expect(fetched(ctx, p.productOf(shop))).To(BeTrue())
		Expect(fetched(ctx, p.productOf(stranger))).To(BeFalse())
		for _, sent := range p.server.Requests() {
			Expect(sent.Path).NotTo(ContainSubstring("/groups/"+strconv.FormatInt(stranger.ID, 10)),
				"a group that is not allowed costs nothing")
		}
	})

	It("are not asked of a provider of old, which keeps its Products and takes no new ones", func(ctx SpecContext) {
		p := newGitLabPlace(ctx)
		shop := p.groupWith(ctx, "shop", "default.project")
		reconciled(ctx, p.products, p.source)
		fresh := p.groupWith(ctx, "fresh", "default.project")
		p.rename(ctx, shop, "store")
		update(ctx, p.source, func(o *api.ProductProvider) { o.Spec.AllowedGroups = nil })
		update(ctx, p.productOf(shop), func(o *api.Product) { o.Annotations = nil })
		reconciled(ctx, p.products, p.source)
		expectRefused(p.source, api.ReasonNoGroupsAllowed, "spec.allowedGroups")
		Expect(says(p.source, api.ConditionGroupsFound)).To(HavePrefix("True/"))
		Expect(fetch(ctx, p.productOf(shop)).Spec.Name).To(Equal("store"))
		Expect(fetched(ctx, p.productOf(fresh))).To(BeFalse())
	})

	It("keep a Product whose group leaves them from following, and from what a stranger may put at the path it left",
		func(ctx SpecContext) {
			p := newGitLabPlace(ctx)
			shop := p.groupWith(ctx, "shop", "default.project")
			reconciled(ctx, p.products, p.source)
			_, err := p.host.UpdateGroup(ctx, p.root, shop.ID, githost.GroupChange{Path: ptr.To("elsewhere")})
			Expect(err).NotTo(HaveOccurred())
			reconciled(ctx, p.products, p.source)
			expectRefused(p.source, api.ReasonGroupNotAllowed)
			Expect(says(p.source, api.ConditionGroupsFound)).To(And(HavePrefix("False/"+api.ReasonGroupNotAllowed),
				ContainSubstring(p.productOf(shop).Name)))
			Expect(fetch(ctx, p.productOf(shop)).Spec.Name).To(Equal("shop"))
			Expect(p.annotation(ctx, shop, api.AnnotationGroupMoved)).To(Equal("elsewhere"))
			p.allow(ctx, "elsewhere")
			reconciled(ctx, p.products, p.source)
			Expect(fetch(ctx, p.productOf(shop)).Spec.Name).To(Equal("elsewhere"))
			Expect(p.annotation(ctx, shop, api.AnnotationGroupMoved)).To(BeEmpty())
		})
})

// Nobody but the provider would ever take the mark off.
var _ = Describe("A Product whose group is lost", func() {
	It("is ready again when the provider that says so is deleted", func(ctx SpecContext) {
		p := newPlace(ctx)
		update(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: p.product}}, func(ns *corev1.Namespace) {
			ns.Labels = map[string]string{api.LabelProduct: p.product}
		})
		source := create(ctx, &api.ProductProvider{
			ObjectMeta: metav1.ObjectMeta{Namespace: p.system, Name: "source"},
			Spec:       api.ProductProviderSpec{Type: "coderepo", Name: p.provider(ctx).Name},
		})
		product := &api.Product{ObjectMeta: metav1.ObjectMeta{Namespace: p.system, Name: p.product}}
		update(ctx, product, func(o *api.Product) {
			o.Labels = map[string]string{api.LabelProvider: source.Name}
			o.Annotations = map[string]string{api.AnnotationGroupGone: "true"}
		})
		p.operator("")
		ready := func() string { return says(fetch(ctx, product), api.ConditionReady) }
		Eventually(ready).WithContext(ctx).WithTimeout(20 * time.Second).
			Should(HavePrefix("False/" + api.ReasonGroupGone))
		Expect(k8s.Delete(ctx, source)).To(Succeed())
		Eventually(ready).WithContext(ctx).WithTimeout(20 * time.Second).Should(HavePrefix("True/"))
	})
})
