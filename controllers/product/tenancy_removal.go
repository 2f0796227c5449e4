package product

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/record"
	"github.com/nautes-labs/deployment-runtime/internal/apply"
	"github.com/nautes-labs/deployment-runtime/internal/desired"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
)

// removeNamespace deletes a namespace that runtimes gave up, after a last look at all that speaks against it, and says
// whether it is gone, never was ours, or is the platform's by now.
func (r *Reconciler) removeNamespace(ctx context.Context, s *scope, work *clusterTenancy,
	name string) (gone bool, err error) {
	d := desired.Destination{Cluster: work.cluster.Name, Namespace: name}
	ns, err := work.standing(ctx, name)
	switch {
	case err != nil:
		return false, err
	case ns == nil:
		r.looks.forget(d)
		return true, nil
	case !ns.DeletionTimestamp.IsZero():
		work.lookAgain(*ns.DeletionTimestamp)
		return false, nil
	case rules.IsReserved(work.cluster, name):
		return true, work.withdraw(ctx, name)
	case ns.Annotations[api.AnnotationRetain] == "true":
		return r.keepRetained(ctx, s, work, d)
	}
	why, err := r.remains(ctx, s, work, ns)
	if err != nil {
		return false, err
	}
	if why != "" {
		s.tenancy.stays[d] = why
		return false, nil
	}
	// Last of all, because everything above takes its time.
	given, err := r.stillGivenUp(ctx, s, d)
	if err != nil || !given {
		return false, err
	}
	work.lookAgain(metav1.Now())
	return false, client.IgnoreNotFound(apply.Delete(ctx, work.remote, ns))
}

// keepRetained asks a person about a namespace that is marked to be kept although no record asks for that: the operator
// marks those of runtimes with the policy Orphan, and then it does not come here. Whoever may change the namespace can
// have set the annotation.
func (r *Reconciler) keepRetained(ctx context.Context, s *scope, work *clusterTenancy,
	d desired.Destination) (gone bool, err error) {
	giver := s.giverOf(d)
	token := giver.Placement.Runtime.RetainApproval()
	if giver.App.Annotations[api.AnnotationApproveNamespace+d.Namespace] == token {
		return true, work.withdraw(ctx, d.Namespace)
	}
	s.tenancy.stays[d] = fmt.Sprintf("%s carries the annotation %s and no runtime asked for that: "+
		"take it off to have the namespace deleted, or let it be kept without the product's access: %s",
		record.Place(d), api.AnnotationRetain, giver.Approval(d.Namespace, token))
	return false, nil
}

// remains says what in the namespace somebody may still want, and how its deletion is approved; nothing when there is
// nothing, or when it is.
func (r *Reconciler) remains(ctx context.Context, s *scope, work *clusterTenancy,
	ns *corev1.Namespace) (string, error) {
	d := desired.Destination{Cluster: work.cluster.Name, Namespace: ns.Name}
	giver := s.giverOf(d)
	approved := giver.App.Annotations[api.AnnotationApproveNamespace+ns.Name]
	if kept := r.looks.recent(d, approved, r.Clock); kept != "" {
		return kept, nil
	}
	contents, err := r.Clusters.Contents(ctx, work.cluster, ns.Name, observed.IsDerived)
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
	s.LookAgain(looksLast)
	return kept, nil
}

// stillGivenUp looks at the records once more, at the API server itself: those of the pass may be as old as the slowest
// cluster before this one. One that cannot be read, or is another product's, speaks against the deletion as well, and
// that is told.
func (r *Reconciler) stillGivenUp(ctx context.Context, s *scope, d desired.Destination) (bool, error) {
	var apps observed.ApplicationList
	if err := r.Live.List(ctx, &apps, client.InNamespace(r.ArgoCDNamespace)); err != nil {
		return false, fmt.Errorf("listing the Applications: %w", err)
	}
	records, damaged := recordsIn(apps.Items, s.product.Name)
	if len(damaged) > 0 {
		return false, nil
	}
	own := map[string]bool{}
	for _, rec := range records {
		own[rec.App.Name] = true
	}
	if slices.ContainsFunc(apps.Items,
		func(app observed.Application) bool { return !own[app.Name] && mentions(&app, d) }) {
		s.tenancy.stays[d] = record.Place(d) + " stays because an Application of somebody else deploys to it, or has " +
			"a damaged record that may name it: ask the platform team"
		s.LookAgain(problemRecheck)
		return false, nil
	}
	return slices.ContainsFunc(planTenancy(records), func(p clusterPlan) bool {
		return p.cluster == d.Cluster && slices.Contains(p.remove, d.Namespace)
	}), nil
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

// giverOf returns the first record that gives a namespace up: its Application is where a person approves that.
func (s *scope) giverOf(d desired.Destination) *record.Record {
	var first *record.Record
	for _, rec := range s.records {
		gives := rec.Placement.Destination.Cluster == d.Cluster && slices.Contains(rec.GivesUp(), d.Namespace)
		if gives && (first == nil || rec.App.Name < first.App.Name) {
			first = rec
		}
	}
	return first
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
