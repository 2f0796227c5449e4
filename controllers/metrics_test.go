package controllers_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/metrics"
)

// scraped returns what the operator of a stand tells Prometheus, as "name{label=value,...} value", empty labels left
// out.
func (s *stand) scraped(ctx context.Context, perObject bool) []string {
	GinkgoHelper()
	registry := prometheus.NewPedanticRegistry()
	collector := &metrics.Collector{
		Cache: k8s, Registry: registry, PerObject: perObject, Clock: s.clock, Log: GinkgoLogr,
		Serves:          func(_ context.Context, product string) bool { return product == s.product || product == "" },
		ArgoCDVersion:   func() string { return "v3.5.7+f1a9a7d" },
		SystemNamespace: s.system, ArgoCDNamespace: s.argo,
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- collector.Start(ctx) }()
	var families []*dto.MetricFamily
	Eventually(func() (n int, err error) {
		families, err = registry.Gather()
		return len(families), err
	}).Should(BeNumerically(">", 0))
	cancel()
	Expect(<-ended).To(Succeed())
	Expect(registry.Gather()).To(BeEmpty(), "an operator that works no more still reports")

	var out []string
	for _, family := range families {
		for _, m := range family.Metric {
			var labels []string
			for _, l := range m.Label {
				if l.GetValue() != "" {
					labels = append(labels, l.GetName()+"="+l.GetValue())
				}
			}
			out = append(out, fmt.Sprintf("%s{%s} %v", family.GetName(), strings.Join(labels, ","), m.Gauge.GetValue()))
		}
	}
	return out
}

var _ = Describe("Metrics", func() {
	It("count what lies in the caches, of the products that this operator serves", func(ctx SpecContext) {
		s := newStand(ctx)
		runtimes := s.several(ctx, 5)
		for _, r := range runtimes[:3] {
			Expect(s.removed(ctx, r)).To(BeTrue())
		}
		Expect(s.removed(ctx, runtimes[3])).To(BeFalse())
		s.clock.Step(time.Minute)
		reconciled(ctx, s.teardown, fetch(ctx, s.application(runtimes[3].Name)))
		Expect(s.tripped.holds).To(Equal([]string{"TooManyAtOnce"}), "each trip of the brake counts once")
		expiry := s.clock.Now().Add(time.Hour).Truncate(time.Second)
		create(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.system, Name: "token",
			Labels: map[string]string{api.LabelProduct: s.product},
			Annotations: map[string]string{
				api.AnnotationDeployToken: fmt.Sprintf(`{"expiresAt":%q}`, expiry.UTC().Format(time.RFC3339))}}})
		other := s.addProduct(ctx, s.product+"1", "another")
		other.Status.Conditions = []metav1.Condition{{Type: api.ConditionReady, Status: metav1.ConditionTrue,
			Reason: api.ReasonReady, LastTransitionTime: metav1.Now()}}
		Expect(k8s.Status().Update(ctx, other)).To(Succeed())

		forsaken := s.addProduct(ctx, s.product+"2", "forsaken")
		forsaken.Status.Conditions = []metav1.Condition{{Type: api.ConditionServed, Status: metav1.ConditionFalse,
			Reason: api.ReasonShardNotServed, LastTransitionTime: metav1.Now()}}
		Expect(k8s.Status().Update(ctx, forsaken)).To(Succeed())

		got := s.scraped(ctx, false)
		placed := fmt.Sprintf("product=%s,reason=Accepted,status=True", s.product)
		Expect(got).To(ContainElement(And(HavePrefix("nautes_objects{cluster=east,condition=Accepted,environment="),
			ContainSubstring("kind=DeploymentRuntime,"+placed), HaveSuffix("} 1"))), "the runtime that is left")
		held := fmt.Sprintf("{cluster=east,hold=TooManyAtOnce,product=%s}", s.product)
		Expect(got).To(ContainElements("nautes_removals"+held+" 1", "nautes_oldest_removal_age_seconds"+held+" 71",
			fmt.Sprintf("nautes_deploy_token_expiry_timestamp_seconds{product=%s} %v", s.product,
				float64(expiry.Unix()))))
		Expect(got).To(ContainElement("nautes_argocd_info{version=v3.5.7+f1a9a7d} 1"))
		Expect(got).NotTo(ContainElement(ContainSubstring(other.Name)), "another operator serves it")
		Expect(got).To(ContainElement(ContainSubstring("condition=Served,kind=Product,product="+forsaken.Name)),
			"nobody else tells of it")
		Expect(got).NotTo(ContainElement(ContainSubstring("nautes_object_condition")))

		By("one series for each object, where that is wanted")
		Expect(s.scraped(ctx, true)).To(ContainElement(And(HavePrefix("nautes_object_condition{condition=Accepted"),
			ContainSubstring("name=web-4"), HaveSuffix("} 1"))))
	})
})
