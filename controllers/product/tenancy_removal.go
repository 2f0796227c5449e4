package product

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/record"
	"github.com/nautes-labs/deployment-runtime/internal/apply"
	"github.com/nautes-labs/deployment-runtime/internal/catalog"
	"github.com/nautes-labs/deployment-runtime/internal/desired"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
)

// removeNamespaces deletes the namespaces that runtimes gave up, after a last look at all that speaks against it: a few
// together, so that one look at the records serves all that are deleted at the same time.
func (r *Reconciler) removeNamespaces(ctx context.Context, s *scope, t *clusterTenancy) error {
	if len(t.plan.remove) == 0 || len(s.damaged) > 0 { // a record that nobody can read may name them too
		return nil
	}
	going, err := t.going(ctx)
	if err != nil {
		return err
	}
	var rest []string
	for _, name := range t.plan.remove {
		if since, is := going[name]; is {
			t.lookAgain(since)
		} else {
			rest = append(rest, name)
		}
	}
	for some := range slices.Chunk(rest, atOnce) {
		if err := r.removeSome(ctx, s, t, some); err != nil {
			return err
		}
	}
	return nil
}

// going lists the namespaces of the product that are being deleted, and since when.
func (t *clusterTenancy) going(ctx context.Context) (map[string]metav1.Time, error) {
	var list corev1.NamespaceList
	if err := t.remote.List(ctx, &list, client.MatchingLabels(t.labels())); err != nil {
		return nil, fmt.Errorf("listing the namespaces of the product: %w", err)
	}
	going := map[string]metav1.Time{}
	for i := range list.Items {
		if since := list.Items[i].DeletionTimestamp; since != nil {
			going[list.Items[i].Name] = *since
		}
	}
	return going, nil
}

// removeSome deletes those of the namespaces that nothing speaks for.
func (r *Reconciler) removeSome(ctx context.Context, s *scope, t *clusterTenancy, names []string) error {
	doomed := map[string]*corev1.Namespace{}
	err := each(names, func(name string) error {
		ns, err := r.unneeded(ctx, s, t, name)
		if ns != nil {
			t.note(func() { doomed[name] = ns })
		}
		return err
	})
	if err != nil || len(doomed) == 0 {
		return err
	}
	// Last of all, because everything above takes its time.
	given, err := r.stillGivenUp(ctx, s, t, slices.Sorted(maps.Keys(doomed)))
	if err != nil {
		return err
	}
	return each(given, func(name string) error {
		t.lookAgain(metav1.Now())
		err := client.IgnoreNotFound(apply.Delete(ctx, t.remote, doomed[name]))
		t.view.forget(name)
		if p := refusedThere(err, t.plan.cluster, "delete", name); p != nil {
			return p
		}
		return err
	})
}

// unneeded returns a namespace that runtimes gave up when nothing there speaks against its deletion. It notes a
// namespace that is gone, never was ours, or is the platform's by now.
func (r *Reconciler) unneeded(ctx context.Context, s *scope, t *clusterTenancy,
	name string) (*corev1.Namespace, error) {
	ns, err := t.standing(ctx, name)
	switch {
	case err != nil:
		return nil, err
	case ns == nil:
		r.looks.forget(desired.Destination{Cluster: t.plan.cluster, Namespace: name})
		t.view.forget(name)
		t.note(func() { t.gone[name] = true })
		return nil, nil
	case !ns.DeletionTimestamp.IsZero():
		t.lookAgain(*ns.DeletionTimestamp)
		return nil, nil
	case rules.IsReserved(t.cluster, name):
		return nil, t.letGo(ctx, name)
	case ns.Annotations[api.AnnotationRetain] == "true":
		return nil, r.keepRetained(ctx, s, t, name)
	}
	why, err := r.remains(ctx, s, t, ns)
	if err != nil {
		return nil, err
	}
	if why != "" {
		t.note(func() { t.stays[name] = why })
		return nil, nil
	}
	return ns, nil
}

// letGo takes the product's access to a namespace that stays, and counts it as gone.
func (t *clusterTenancy) letGo(ctx context.Context, name string) error {
	if err := t.withdraw(ctx, name); err != nil {
		return err
	}
	t.note(func() { t.gone[name] = true })
	return nil
}

// retain marks a namespace so that nothing deletes it any more, and lets it go from the product.
func (t *clusterTenancy) retain(ctx context.Context, name string) error {
	ns, err := t.standing(ctx, name)
	if err != nil {
		return err
	}
	if ns != nil {
		after := ns.DeepCopy()
		metav1.SetMetaDataAnnotation(&after.ObjectMeta, api.AnnotationRetain, "true")
		metav1.SetMetaDataAnnotation(&after.ObjectMeta, api.AnnotationApplications, "")
		if _, err := apply.Patch(ctx, t.remote, ns, after); client.IgnoreNotFound(err) != nil {
			return err
		}
		if err := t.withdraw(ctx, name); err != nil {
			return err
		}
		t.view.put(after)
	}
	t.note(func() { t.retained[name] = true })
	return nil
}

// withdraw takes the access of the product's group to a namespace that stays: no record will name it, so nobody would
// take it later, and whoever has the path of the group then would have the namespace.
func (t *clusterTenancy) withdraw(ctx context.Context, name string) error {
	n := t.describe
	n.Name = name
	var members rbacv1.RoleBinding
	absent, err := catalog.IsAbsent(ctx, t.remote, client.ObjectKeyFromObject(desired.RoleBinding(n)), &members)
	if err != nil || absent || members.Labels[api.LabelInstance] != t.describe.Instance {
		return err
	}
	t.view.drop(&members)
	return client.IgnoreNotFound(apply.Delete(ctx, t.remote, &members))
}

// keepRetained asks a person about a namespace that is marked to be kept although no record asks for that: the operator
// marks those of runtimes with the policy Orphan, and then it does not come here. Whoever may change the namespace can
// have set the annotation.
func (r *Reconciler) keepRetained(ctx context.Context, s *scope, t *clusterTenancy, name string) error {
	d := desired.Destination{Cluster: t.plan.cluster, Namespace: name}
	giver := s.givers[d]
	token := giver.Placement.Runtime.RetainApproval()
	if giver.App.Annotations[api.AnnotationApproveNamespace+name] == token {
		return t.letGo(ctx, name)
	}
	why := fmt.Sprintf("%s carries the annotation %s and no runtime asked for that: "+
		"take it off to have the namespace deleted, or let it be kept without the product's access: %s",
		record.Place(d), api.AnnotationRetain, giver.Approval(name, token))
	t.note(func() { t.stays[name] = why })
	return nil
}

// remains says what in the namespace somebody may still want, and how its deletion is approved; nothing when there is
// nothing, or when it is.
func (r *Reconciler) remains(ctx context.Context, s *scope, t *clusterTenancy, ns *corev1.Namespace) (string, error) {
	d := desired.Destination{Cluster: t.plan.cluster, Namespace: ns.Name}
	giver := s.givers[d]
	approved := giver.App.Annotations[api.AnnotationApproveNamespace+ns.Name]
	if kept := r.looks.recent(d, approved, r.Clock); kept != "" {
		return kept, nil
	}
	contents, err := r.Clusters.Contents(ctx, t.cluster, ns.Name, observed.IsDerived)
	if err != nil {
		return "", err
	}
	remains := observed.RemainsOf(contents.Objects, s.product.Name, r.Instance)
	token := giver.Placement.Runtime.UID + "." + remains.Fingerprint(contents.Unlisted)
	if len(remains) == 0 && len(contents.Unlisted) == 0 || approved == token {
		return "", nil
	}
	var what []string
	if len(remains) > 0 {
		what = append(what, "still holds "+remains.String())
	}
	if n := len(contents.Unlisted); n > 0 {
		what = append(what, fmt.Sprintf("cannot be looked through, because the cluster does not list %s",
			strings.Join(contents.Unlisted[:min(n, 5)], ", ")))
	}
	kept := fmt.Sprintf("%s %s: remove what is not needed, or approve that all of this is deleted: %s",
		record.Place(d), strings.Join(what, " and "), giver.Approval(ns.Name, token))
	r.looks.remember(d, approved, kept, r.Clock)
	t.note(func() { t.again.LookAgain(looksLast) })
	return kept, nil
}

// stillGivenUp looks at the records once more, at the API server itself: those of the pass may be as old as the slowest
// cluster before this one. It returns those of the namespaces that are still given up. A record that cannot be read, or
// is another product's, speaks against the deletion as well, and that is told.
func (r *Reconciler) stillGivenUp(ctx context.Context, s *scope, t *clusterTenancy,
	names []string) (given []string, err error) {
	var apps observed.ApplicationList
	if err := r.Live.List(ctx, &apps, client.InNamespace(r.ArgoCDNamespace)); err != nil {
		return nil, fmt.Errorf("listing the Applications: %w", err)
	}
	records, damaged := recordsIn(apps.Items, s.product.Name)
	if len(damaged) > 0 {
		return nil, nil
	}
	own := map[string]bool{}
	for _, rec := range records {
		own[rec.App.Name] = true
	}
	var others []*observed.Application
	for i := range apps.Items {
		if app := &apps.Items[i]; !own[app.Name] {
			others = append(others, app)
		}
	}
	plans := planTenancy(records)
	for _, name := range names {
		d := desired.Destination{Cluster: t.plan.cluster, Namespace: name}
		if slices.ContainsFunc(others, func(app *observed.Application) bool { return mentions(app, d) }) {
			t.note(func() {
				t.stays[name] = record.Place(d) + " stays because an Application of somebody else deploys to it, or has " +
					"a damaged record that may name it: ask the platform team"
				t.again.LookAgain(problemRecheck)
			})
			continue
		}
		if slices.ContainsFunc(plans, func(p clusterPlan) bool {
			return p.cluster == d.Cluster && slices.Contains(p.remove, name)
		}) {
			given = append(given, name)
		}
	}
	return given, nil
}

// mentions says whether an Application has to do with a namespace: by its record, by what is left of that, or by where
// it deploys to.
func mentions(app *observed.Application, d desired.Destination) bool {
	if app.Spec.Destination.Name == d.Cluster && app.Spec.Destination.Namespace == d.Namespace {
		return true
	}
	text := app.Annotations[api.AnnotationPlacement]
	p, err := placement.Decode(text)
	if err != nil {
		there := app.Spec.Destination.Name == d.Cluster || strings.Contains(text, fmt.Sprintf("%q", d.Cluster))
		return there && strings.Contains(text, fmt.Sprintf("%q", d.Namespace))
	}
	return p.Destination.Cluster == d.Cluster && slices.Contains(slices.Concat(p.Namespaces, p.Leaving), d.Namespace)
}

// giversOf returns, for each namespace that is given up, the first record that does so: its Application is where a
// person approves that.
func giversOf(records []*record.Record) map[desired.Destination]*record.Record {
	givers := map[desired.Destination]*record.Record{}
	for _, rec := range records {
		for _, ns := range rec.GivesUp() {
			d := desired.Destination{Cluster: rec.Placement.Destination.Cluster, Namespace: ns}
			if first := givers[d]; first == nil || rec.App.Name < first.App.Name {
				givers[d] = rec
			}
		}
	}
	return givers
}

// looksLast is how long it counts that a namespace was found to hold something. That it holds nothing never counts
// longer than a moment.
const looksLast = 30 * time.Second

// looks remembers what keeps namespaces. It only ever keeps them.
type looks struct {
	mu    sync.Mutex
	found map[desired.Destination]look
}

type look struct {
	approved, kept string
	at             time.Time
}

// recent returns what kept the namespace a moment ago, unless the approval changed.
func (l *looks) recent(d desired.Destination, approved string, c clock.Clock) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if found, known := l.found[d]; known && found.approved == approved && c.Since(found.at) < looksLast {
		return found.kept
	}
	return ""
}

func (l *looks) remember(d desired.Destination, approved, kept string, c clock.Clock) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.found == nil {
		l.found = map[desired.Destination]look{}
	}
	l.found[d] = look{approved: approved, kept: kept, at: c.Now()}
}

func (l *looks) forget(d desired.Destination) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.found, d)
}
