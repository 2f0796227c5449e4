package product

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/argocd"
	"github.com/nautes-labs/deployment-runtime/controllers/phases"
	"github.com/nautes-labs/deployment-runtime/internal/apply"
	"github.com/nautes-labs/deployment-runtime/internal/desired"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/resolve"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
)

const (
	// terminatingPoll is how soon to look again at a namespace that is being deleted on a runtime cluster, at first.
	terminatingPoll = time.Second
	// slowestPoll is how soon to look again at it in the end.
	slowestPoll = time.Minute
	// problemRecheck is how soon to look again at a namespace that is in the way, or a cluster that does not answer.
	problemRecheck = 15 * time.Second
	// maxNamespaceProblems bounds the status.
	maxNamespaceProblems = 100
)

// pollAfter is how soon to look again at what has been waited for that long: whoever holds a namespace in deletion with
// a finalizer must not keep the operator busy.
func pollAfter(waited time.Duration) time.Duration {
	return min(max(waited/4, terminatingPoll), slowestPoll)
}

// tenancy is what was found and done on the runtime clusters in one pass, in the order of their names.
type tenancy struct {
	clusters []*clusterTenancy
	// kinds are the cluster-scoped ones that the product may deploy, kept those that it may not deploy to its
	// namespaces.
	kinds, kept []api.GroupKind
}

// on returns what was found on a cluster that a record names.
func (t *tenancy) on(cluster string) *clusterTenancy {
	i, _ := slices.BinarySearchFunc(t.clusters, cluster,
		func(c *clusterTenancy, name string) int { return strings.Compare(c.plan.cluster, name) })
	return t.clusters[i]
}

// busy is a cluster that was left for a later pass; empty for none.
func (t *tenancy) busy() string {
	for _, c := range t.clusters {
		if c.busy {
			return c.plan.cluster
		}
	}
	return ""
}

// stays says of the namespaces that are given up and stay all the same why they do.
func (t *tenancy) stays() (why []string) {
	for _, c := range t.clusters {
		why = slices.AppendSeq(why, maps.Values(c.stays))
	}
	return why
}

// prepareTenancy prepares the namespaces on every cluster that a record names, on all of them at once. A cluster that
// does not answer loses nothing, and keeps no other one waiting for its work.
func (r *Reconciler) prepareTenancy(ctx context.Context, s *scope) error {
	t := &s.tenancy
	if len(s.records) > 0 {
		s.LookAgain(tenancyRecheck)
	}
	s.givers = giversOf(s.records)
	applications := s.applications()
	for i, plan := range planTenancy(s.records) {
		cluster, err := resolve.Get[api.Cluster](ctx, r.Lookup, "", plan.cluster)
		if err != nil {
			return err
		}
		work := r.workOf(s, plan, cluster)
		work.applications = applications
		t.clusters = append(t.clusters, work)
		if cluster == nil {
			work.fail(problem.New(problem.Missing, api.ReasonClusterNotFound,
				"cluster %q is not registered any more", plan.cluster))
			continue
		}
		t.permit(cluster, s.product.Name, i == 0)
	}
	var all sync.WaitGroup
	for _, work := range t.clusters {
		if work.failed == nil {
			all.Go(func() { work.end(r.onCluster(ctx, s, work), s.product) })
		}
	}
	all.Wait()
	for _, work := range t.clusters {
		s.Join(work.again)
	}
	if len(t.problems()) > 0 {
		s.LookAgain(problemRecheck)
	}
	s.tenancyReady = t.conditionAfter(s.product)
	return nil
}

func (r *Reconciler) workOf(s *scope, plan clusterPlan, cluster *api.Cluster) *clusterTenancy {
	work := &clusterTenancy{plan: plan, cluster: cluster, clock: r.Clock,
		ready: map[string]bool{}, gone: map[string]bool{}, retained: map[string]bool{}, stays: map[string]string{}}
	if cluster != nil {
		work.view = r.views.of(cluster, r.Clock.Now())
		work.granted = rules.GrantedNamespaces(cluster, s.product.Name)
		work.describe = desired.NamespaceOf{Product: s.product.Name, Group: membersOf(s.product),
			ClusterRole: r.ClusterRole, Instance: r.Instance, Template: cluster.Spec.NamespaceTemplate}
	}
	return work
}

// permit takes in what a cluster grants. One AppProject serves all clusters: it may only permit what every one of them
// grants.
func (t *tenancy) permit(cluster *api.Cluster, product string, first bool) {
	granted := rules.GrantedClusterKinds(cluster, product)
	if first {
		t.kinds = granted
	}
	t.kept = append(t.kept, desired.KeptKinds(cluster.Spec.NamespaceTemplate)...)
	t.kinds = slices.DeleteFunc(t.kinds, func(k api.GroupKind) bool { return !slices.Contains(granted, k) })
}

// end takes in how the work went.
func (t *clusterTenancy) end(err error, product *api.Product) {
	switch p := problem.As(err); {
	case err == nil:
	case errors.Is(err, errBusy):
		t.leaveForLater(product)
		t.again.LookAgain(BusyRetry)
	case doesNotAnswer(err):
		t.fail(unanswering(t.plan.cluster).Because(err)) // as whoever comes while it is left alone says it
	case p != nil:
		t.fail(p)
	default:
		t.fail(problem.New(problem.Unavailable, api.ReasonUnreachable,
			"cluster %q does not answer as expected: it is tried again", t.plan.cluster).Because(err))
	}
	if t.failed != nil {
		t.again.LookAgain(problemRecheck)
	}
}

// leaveForLater takes over what an earlier pass said of a cluster that others are with.
func (t *clusterTenancy) leaveForLater(product *api.Product) {
	t.busy = true
	for _, p := range product.Status.NamespaceProblems {
		if p.Cluster == t.plan.cluster && slices.Contains(t.plan.prepare, p.Namespace) {
			t.problems = append(t.problems, p)
		}
	}
}

// fail says of a cluster why its work was not done, or not all of it.
func (t *clusterTenancy) fail(p *problem.Problem) {
	t.failed = p
	for _, ns := range t.plan.prepare {
		if !t.ready[ns] {
			t.problems = append(t.problems,
				api.NamespaceProblem{Cluster: t.plan.cluster, Namespace: ns, Reason: p.Reason, Message: p.Message})
		}
	}
}

// answers leaves out a cluster of which the last probe says that it does not answer, so that every request need not
// wait for it. A probe that succeeds wakes the product.
func answers(cluster *api.Cluster) *problem.Problem {
	c := meta.FindStatusCondition(cluster.Status.Conditions, api.ConditionReady)
	if c != nil && c.Status == metav1.ConditionFalse && c.Reason == api.ReasonUnreachable {
		return unanswering(cluster.Name)
	}
	return nil
}

// membersOf returns the group of users that works with the product: none where the product's own group is not at that
// path any more, because the members of the one that is there, now or tomorrow, are strangers.
func membersOf(product *api.Product) string {
	if rules.Detached(product) != nil {
		return ""
	}
	return product.Spec.Name
}

// onCluster does the work of one cluster. Where the view shows all as it should be there is none, and nobody is asked.
// An error is about the cluster; what is about one namespace becomes a namespace problem.
func (r *Reconciler) onCluster(ctx context.Context, s *scope, t *clusterTenancy) error {
	if p := answers(t.cluster); p != nil {
		return p
	}
	var err error
	if t.describe.PullSecrets, err = r.pullSecrets(ctx, t.cluster); err != nil {
		return err
	}
	now, kinds := r.Clock.Now(), wanted(t.describe)
	rest := t.unprepared()
	switch age := t.view.age(kinds, now); {
	case age >= tenancyRecheck:
		clear(t.ready) // until the cluster was asked again
	case len(t.plan.prepare) > 0:
		t.again.LookAgain(tenancyRecheck - age)
		if len(rest)+len(t.plan.remove)+len(t.plan.retain) == 0 {
			return nil
		}
	}
	if len(t.plan.prepare)+len(t.plan.remove)+len(t.plan.retain) == 0 {
		return nil
	}
	return r.passThroughGate(ctx, t, func(ctx context.Context) error { return r.workOn(ctx, s, t) })
}

// passThroughGate works on a cluster when there is room for that.
func (r *Reconciler) passThroughGate(ctx context.Context, t *clusterTenancy,
	work func(context.Context) error) (err error) {
	leave, err := r.Gate.Enter(ctx, t.cluster.Name, r.Clock)
	if err != nil {
		return err
	}
	defer func() { leave(err) }()
	ctx, cancel := context.WithTimeout(ctx, clusterPass)
	defer cancel()
	if t.remote, err = r.Clusters.Client(ctx, t.cluster); err != nil {
		return err
	}
	return work(ctx)
}

func (r *Reconciler) workOn(ctx context.Context, s *scope, t *clusterTenancy) error {
	if len(t.plan.prepare) > 0 {
		if err := t.view.look(ctx, t.remote, wanted(t.describe), r.Instance, r.Clock.Now()); err != nil {
			return err
		}
		clear(t.ready)
		t.owned = t.view.owned(t.labels())
		err := each(t.unprepared(), func(ns string) error { return t.prepared(ns, t.prepare(ctx, ns)) })
		if err != nil {
			return err
		}
	}
	if err := r.removeNamespaces(ctx, s, t); err != nil {
		return err
	}
	return each(t.plan.retain, func(ns string) error { return t.retain(ctx, ns) })
}

// prepared stores how the preparation of a namespace went.
func (t *clusterTenancy) prepared(namespace string, err error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err == nil {
		t.ready[namespace] = true
		return nil
	}
	p := problem.As(err)
	if p == nil {
		p = refusedThere(err, t.plan.cluster, "prepare", namespace)
	}
	if p == nil {
		return err
	}
	t.problems = append(t.problems,
		api.NamespaceProblem{Cluster: t.plan.cluster, Namespace: namespace, Reason: p.Reason, Message: p.Message})
	return nil
}

// refusedThere turns a runtime cluster's refusal of a write into a problem; nil for any other error.
func refusedThere(err error, cluster, what, namespace string) *problem.Problem {
	if !apierrors.IsForbidden(err) && !apierrors.IsInvalid(err) && !apierrors.IsConflict(err) {
		return nil
	}
	return problem.New(problem.Unavailable, api.ReasonWriteRefused,
		"cluster %q refuses to %s namespace %q: check the permissions of the cluster's kubeconfig and its "+
			"namespaceTemplate", cluster, what, namespace).Because(err)
}

// pullSecrets reads the Secrets that the cluster's template names, from the system namespace.
func (r *Reconciler) pullSecrets(ctx context.Context, cluster *api.Cluster) ([]corev1.Secret, error) {
	if cluster.Spec.NamespaceTemplate == nil {
		return nil, nil
	}
	var out []corev1.Secret
	for _, name := range cluster.Spec.NamespaceTemplate.ImagePullSecrets {
		var s corev1.Secret
		err := r.Client.Get(ctx, client.ObjectKey{Namespace: r.SystemNamespace, Name: name}, &s)
		if apierrors.IsNotFound(err) || err == nil && s.Type != corev1.SecretTypeDockerConfigJson {
			return nil, problem.New(problem.Missing, api.ReasonCredentialsNotFound,
				"cluster %q asks for image pull secret %q, which is no Secret of type "+
					"kubernetes.io/dockerconfigjson in %s", cluster.Name, name, r.SystemNamespace)
		}
		if err != nil {
			return nil, fmt.Errorf("getting image pull secret %s: %w", name, err)
		}
		out = append(out, s)
	}
	return out, nil
}

// writeAppProject writes what the product may reach: what is prepared, and what was permitted before and is not
// confirmed gone. It grows before a runtime is deployed, and shrinks after it is gone.
func (r *Reconciler) writeAppProject(ctx context.Context, s *scope) error {
	key := client.ObjectKey{Namespace: r.ArgoCDNamespace, Name: identity.AppProject(s.product.Name)}
	var live observed.AppProject
	err := r.Client.Get(ctx, key, &live)
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("getting AppProject %s: %w", key.Name, err)
	}
	exists := err == nil
	if p := argocd.ForeignProject(&live, s.product.Name, r.Instance); exists && p != nil {
		s.tenancyReady = metav1.Condition{Type: api.ConditionTenancyReady, Status: metav1.ConditionFalse,
			Reason: p.Reason, Message: p.Message}
		return nil //nolint:nilerr // the condition says it, and the rest of the pass goes on
	}
	want := desired.AppProject(r.reach(s, &live), r.ArgoCDNamespace)
	if exists && desired.Narrows(&live, want) {
		if hidden, err := r.hidden(ctx, s); hidden || err != nil {
			s.LookAgain(phases.ConflictRetry)
			return err
		}
	}
	if !exists {
		if err := r.Client.Create(ctx, want); err != nil {
			return phases.Refused(fmt.Errorf("creating AppProject %s: %w", key.Name, err))
		}
		return nil
	}
	_, err = apply.Patch(ctx, r.Client, &live, desired.MergeProject(&live, want))
	return err
}

// hidden says whether the API server has records of the product that the pass does not know: the operator that served
// it before may have written them a moment ago. What they name stays permitted. The metadata has the whole record: a
// product that is torn down asks often, and Applications can be large.
func (r *Reconciler) hidden(ctx context.Context, s *scope) (bool, error) {
	var apps metav1.PartialObjectMetadataList
	apps.SetGroupVersionKind(schema.GroupVersionKind{Group: "argoproj.io", Version: "v1alpha1", Kind: "ApplicationList"})
	err := r.Live.List(ctx, &apps, client.InNamespace(r.ArgoCDNamespace),
		client.MatchingLabels{api.LabelProduct: s.product.Name})
	if err != nil {
		return false, fmt.Errorf("listing the Applications of the product: %w", err)
	}
	return s.lacks(apps.Items), nil
}

// reach returns what the AppProject is to permit.
func (r *Reconciler) reach(s *scope, live *observed.AppProject) desired.Tenancy {
	out := desired.Tenancy{Product: s.product.Name, Group: membersOf(s.product), ClusterKinds: s.tenancy.kinds,
		KeptKinds: s.tenancy.kept, Instance: r.Instance}
	permitted := map[desired.Destination]bool{}
	for _, d := range live.Spec.Destinations {
		permitted[desired.Destination{Cluster: d.Name, Namespace: d.Namespace}] = true
	}
	for _, rec := range s.records {
		out.Applications = append(out.Applications, rec.App.Name)
		if rec.Halted() {
			out.Halted = append(out.Halted, rec.App.Name)
		}
		out.RepoURLs = append(out.RepoURLs, rec.Placement.RepoURL)
		if rec.App.Spec.Source != nil {
			out.RepoURLs = append(out.RepoURLs, rec.App.Spec.Source.RepoURL)
		}
		on := s.tenancy.on(rec.Placement.Destination.Cluster)
		for _, ns := range slices.Concat(rec.Placement.Namespaces, rec.Placement.Leaving) {
			d := desired.Destination{Cluster: rec.Placement.Destination.Cluster, Namespace: ns}
			leaving := slices.Contains(rec.Placement.Leaving, ns)
			stays := (leaving || permitted[d]) && !on.gone[ns] && !(leaving && on.retained[ns])
			if on.ready[ns] || stays {
				out.Destinations = append(out.Destinations, d)
			}
		}
	}
	return out
}
