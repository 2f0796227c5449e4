package product

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
	// problemRecheck is how soon to look again at a namespace that is in the way, or a cluster that does not answer.
	problemRecheck = 15 * time.Second
	// maxNamespaceProblems bounds the status.
	maxNamespaceProblems = 100
)

// pollAfter is how soon to look again at what has been waited for that long: whoever holds a namespace in deletion with
// a finalizer must not keep the operator busy.
func pollAfter(waited time.Duration) time.Duration {
	return min(max(waited/4, terminatingPoll), tenancyRecheck)
}

// tenancy is what was found and done on the runtime clusters in one pass.
type tenancy struct {
	plans    []clusterPlan
	ready    map[desired.Destination]bool
	gone     map[desired.Destination]bool
	retained map[desired.Destination]bool
	// stays says of a namespace that is given up why it stays all the same, and how a person decides.
	stays map[desired.Destination]string
	// failed says of a cluster why its work was not done, or not all of it.
	failed   map[string]*problem.Problem
	problems []api.NamespaceProblem
	// busy is a cluster that was left for a later pass; empty for none.
	busy string
	// kinds are the cluster-scoped ones that the product may deploy, kept those that it may not deploy to its
	// namespaces.
	kinds, kept []api.GroupKind
}

// prepareTenancy prepares the namespaces on every cluster that a record names. A cluster that does not answer keeps no
// other one waiting for its result, and loses nothing.
func (r *Reconciler) prepareTenancy(ctx context.Context, s *scope) error {
	t := &s.tenancy
	t.plans = planTenancy(s.records)
	t.ready, t.gone, t.retained = map[desired.Destination]bool{}, map[desired.Destination]bool{},
		map[desired.Destination]bool{}
	t.failed, t.stays = map[string]*problem.Problem{}, map[desired.Destination]string{}
	if len(s.records) > 0 {
		s.LookAgain(tenancyRecheck)
	}
	for i, plan := range t.plans {
		cluster, err := resolve.Get[api.Cluster](ctx, r.Lookup, "", plan.cluster)
		if err != nil {
			return err
		}
		if cluster == nil {
			t.clusterFailed(plan, problem.New(problem.Missing, api.ReasonClusterNotFound,
				"cluster %q is not registered any more", plan.cluster))
			continue
		}
		granted := rules.GrantedClusterKinds(cluster, s.product.Name)
		if i == 0 {
			t.kinds = granted
		}
		t.kept = append(t.kept, desired.KeptKinds(cluster.Spec.NamespaceTemplate)...)
		// One AppProject serves all clusters: it may only permit what every one of them grants.
		t.kinds = slices.DeleteFunc(t.kinds, func(k api.GroupKind) bool { return !slices.Contains(granted, k) })
		if err := answers(cluster); err != nil {
			t.clusterFailed(plan, err)
			s.LookAgain(problemRecheck)
			continue
		}
		if err := r.passThroughGate(ctx, s, cluster, plan); err != nil {
			s.workFailed(plan, err)
		}
	}
	if len(t.problems) > 0 {
		s.LookAgain(problemRecheck)
	}
	s.tenancyReady = t.conditionAfter(s.product)
	return nil
}

// conditionAfter returns what the product is to say of its namespaces. A pass that had to leave out a cluster changes
// nothing as long as everything was prepared before.
func (t *tenancy) conditionAfter(product *api.Product) metav1.Condition {
	before := meta.FindStatusCondition(product.Status.Conditions, api.ConditionTenancyReady)
	switch {
	case t.busy == "" || len(t.problems) > 0:
		return t.condition()
	case before != nil && before.Status == metav1.ConditionTrue:
		return *before
	}
	return metav1.Condition{Type: api.ConditionTenancyReady, Status: metav1.ConditionFalse,
		Reason:  api.ReasonWaitingForTenancy,
		Message: fmt.Sprintf("cluster %q is busy: its namespaces are looked at as soon as it is not", t.busy)}
}

// workFailed takes in why a cluster's work was not done.
func (s *scope) workFailed(plan clusterPlan, err error) {
	if errors.Is(err, errBusy) {
		s.tenancy.leftForLater(plan, s.product)
		s.LookAgain(BusyRetry)
		return
	}
	p := problem.As(err)
	if doesNotAnswer(err) {
		p = unanswering(plan.cluster).Because(err) // as whoever comes while it is left alone says it
	} else if p == nil {
		p = problem.New(problem.Unavailable, api.ReasonUnreachable,
			"cluster %q does not answer as expected: it is tried again", plan.cluster).Because(err)
	}
	s.tenancy.clusterFailed(plan, p)
	s.LookAgain(problemRecheck)
}

// leftForLater takes over what an earlier pass said of a cluster that others are with.
func (t *tenancy) leftForLater(plan clusterPlan, product *api.Product) {
	t.busy = plan.cluster
	for _, p := range product.Status.NamespaceProblems {
		if p.Cluster == plan.cluster && slices.Contains(plan.prepare, p.Namespace) {
			t.problems = append(t.problems, p)
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

func (t *tenancy) clusterFailed(plan clusterPlan, p *problem.Problem) {
	t.failed[plan.cluster] = p
	for _, ns := range plan.prepare {
		if !t.ready[desired.Destination{Cluster: plan.cluster, Namespace: ns}] {
			t.problems = append(t.problems,
				api.NamespaceProblem{Cluster: plan.cluster, Namespace: ns, Reason: p.Reason, Message: p.Message})
		}
	}
}

// membersOf returns the group of users that works with the product: none where the product's own group is not at that
// path any more, because the members of the one that is there, now or tomorrow, are strangers.
func membersOf(product *api.Product) string {
	if rules.Detached(product) != nil {
		return ""
	}
	return product.Spec.Name
}

// passThroughGate does the work of one cluster when there is room for it.
func (r *Reconciler) passThroughGate(ctx context.Context, s *scope, cluster *api.Cluster,
	plan clusterPlan) (err error) {
	leave, err := r.Gate.Enter(ctx, cluster.Name, r.Clock)
	if err != nil {
		return err
	}
	defer func() { leave(err) }()
	ctx, cancel := context.WithTimeout(ctx, clusterPass)
	defer cancel()
	return r.onCluster(ctx, s, cluster, plan)
}

// onCluster does the work of one cluster. An error is about the cluster; what is about one namespace becomes a
// namespace problem.
func (r *Reconciler) onCluster(ctx context.Context, s *scope, cluster *api.Cluster, plan clusterPlan) error {
	remote, err := r.Clusters.Client(ctx, cluster)
	if err != nil {
		return err
	}
	secrets, err := r.pullSecrets(ctx, cluster)
	if err != nil {
		return err
	}
	work := &clusterTenancy{remote: remote, granted: rules.GrantedNamespaces(cluster, s.product.Name), cluster: cluster,
		applications: s.applications(), describe: desired.NamespaceOf{
			Product: s.product.Name, Group: membersOf(s.product), ClusterRole: r.ClusterRole, Instance: r.Instance,
			Template: cluster.Spec.NamespaceTemplate, PullSecrets: secrets,
		}}
	work.lookAgain = func(since metav1.Time) { s.LookAgain(pollAfter(r.Clock.Since(since.Time))) }
	if err := work.load(ctx); err != nil {
		return err
	}
	for _, ns := range plan.prepare {
		if err := s.tenancy.prepared(cluster.Name, ns, work.prepare(ctx, ns)); err != nil {
			return err
		}
	}
	for _, ns := range plan.remove {
		if len(s.damaged) > 0 {
			break // a record that nobody can read may name it too
		}
		gone, err := r.removeNamespace(ctx, s, work, ns)
		if p := refusedThere(err, cluster.Name, "delete", ns); p != nil {
			return p
		}
		if err != nil {
			return err
		}
		s.tenancy.gone[desired.Destination{Cluster: cluster.Name, Namespace: ns}] = gone
	}
	for _, ns := range plan.retain {
		if err := work.retain(ctx, ns); err != nil {
			return err
		}
		s.tenancy.retained[desired.Destination{Cluster: cluster.Name, Namespace: ns}] = true
	}
	return nil
}

// prepared stores how the preparation of a namespace went.
func (t *tenancy) prepared(cluster, namespace string, err error) error {
	if err == nil {
		t.ready[desired.Destination{Cluster: cluster, Namespace: namespace}] = true
		return nil
	}
	p := problem.As(err)
	if p == nil {
		p = refusedThere(err, cluster, "prepare", namespace)
	}
	if p == nil {
		return err
	}
	t.problems = append(t.problems,
		api.NamespaceProblem{Cluster: cluster, Namespace: namespace, Reason: p.Reason, Message: p.Message})
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

func (t *tenancy) condition() metav1.Condition {
	sort.Slice(t.problems, func(i, j int) bool {
		a, b := t.problems[i], t.problems[j]
		return a.Cluster < b.Cluster || a.Cluster == b.Cluster && a.Namespace < b.Namespace
	})
	if len(t.problems) == 0 {
		return metav1.Condition{Type: api.ConditionTenancyReady, Status: metav1.ConditionTrue, Reason: api.ReasonReady,
			Message: "all namespaces are prepared"}
	}
	first := t.problems[0]
	more := ""
	if n := len(t.problems) - 1; n > 0 {
		more = fmt.Sprintf(" (and %d more, see status.namespaceProblems)", n)
	}
	return metav1.Condition{Type: api.ConditionTenancyReady, Status: metav1.ConditionFalse, Reason: first.Reason,
		Message: first.Message + more}
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
	if !exists {
		if err := r.Client.Create(ctx, want); err != nil {
			return phases.Refused(fmt.Errorf("creating AppProject %s: %w", key.Name, err))
		}
		return nil
	}
	_, err = apply.Patch(ctx, r.Client, &live, desired.MergeProject(&live, want))
	return err
}

// reach returns what the AppProject is to permit.
func (r *Reconciler) reach(s *scope, live *observed.AppProject) desired.Tenancy {
	out := desired.Tenancy{Product: s.product.Name, Group: membersOf(s.product), ClusterKinds: s.tenancy.kinds,
		KeptKinds: s.tenancy.kept, Instance: r.Instance}
	for _, rec := range s.records {
		out.Applications = append(out.Applications, rec.App.Name)
		if rec.Halted() {
			out.Halted = append(out.Halted, rec.App.Name)
		}
		out.RepoURLs = append(out.RepoURLs, rec.Placement.RepoURL)
		if rec.App.Spec.Source != nil {
			out.RepoURLs = append(out.RepoURLs, rec.App.Spec.Source.RepoURL)
		}
		for _, ns := range slices.Concat(rec.Placement.Namespaces, rec.Placement.Leaving) {
			d := desired.Destination{Cluster: rec.Placement.Destination.Cluster, Namespace: ns}
			leaving := slices.Contains(rec.Placement.Leaving, ns)
			stays := (leaving || permitsDestination(live, d)) && !s.tenancy.gone[d] &&
				!(leaving && s.tenancy.retained[d])
			if s.tenancy.ready[d] || stays {
				out.Destinations = append(out.Destinations, d)
			}
		}
	}
	return out
}

func permitsDestination(project *observed.AppProject, d desired.Destination) bool {
	for _, have := range project.Spec.Destinations {
		if have.Name == d.Cluster && have.Namespace == d.Namespace {
			return true
		}
	}
	return false
}
