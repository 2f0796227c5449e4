package product

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

// views remember what the operator has on each runtime cluster, for all products together. A view says what need not be
// looked at. It decides nothing else: before anything is corrected or deleted, the cluster itself is asked.
type views struct {
	mu       sync.Mutex
	clusters map[string]*view // by the identity of the cluster
}

// view is what one cluster had when it was last listed, and what the operator has written there since.
type view struct {
	// looks lets passes that want the same list share it.
	looks singleflight.Group
	// used is when a pass was about the cluster last; the views guard it.
	used time.Time

	mu     sync.Mutex
	listed map[what]time.Time
	places map[string]*place // by namespace
	// changes counts what the operator has done there. left is the last change that concerned a namespace of which
	// nothing is known any more.
	changes, left int
	// forms says how the cluster tells what was written last of a kind and name: it fills in defaults.
	forms map[what]form
}

// form is what was wanted, and how the cluster tells it.
type form struct{ wanted, told any }

// what is listed at once: all namespaces, or the objects of one name in all namespaces. A product can make any number
// of objects in its namespaces, but only one of a kind and name in each.
type what struct {
	kind reflect.Type
	name string
}

// place is a namespace: what it is like, and what is in it.
type place struct {
	objects map[what]seen
	// changed is the change of the view that concerned the namespace last.
	changed int
}

// seen is what matters of an object.
type seen struct {
	labels, annotations map[string]string
	created             metav1.Time
	deleting            bool
	content             any
}

// viewLife is how long a view is kept that no pass asks for: much longer than any pass takes.
const viewLife = time.Hour

// of returns the view of a cluster. The view of one that no pass was about for long is forgotten.
func (v *views) of(cluster *api.Cluster, now time.Time) *view {
	v.mu.Lock()
	defer v.mu.Unlock()
	maps.DeleteFunc(v.clusters, func(_ string, known *view) bool { return now.Sub(known.used) > viewLife })
	if v.clusters == nil {
		v.clusters = map[string]*view{}
	}
	// A cluster that was not identified yet shares its view with no other one.
	identity := cmp.Or(cluster.Status.UID, "not identified: "+cluster.Name)
	known := v.clusters[identity]
	if known == nil {
		known = &view{listed: map[what]time.Time{}, places: map[string]*place{}, forms: map[what]form{}}
		v.clusters[identity] = known
	}
	known.used = now
	return known
}

func whatIs(o client.Object) what {
	if _, is := o.(*corev1.Namespace); is {
		return what{kind: reflect.TypeOf(o)}
	}
	return what{reflect.TypeOf(o), o.GetName()}
}

func placeOf(o client.Object) string {
	if ns := o.GetNamespace(); ns != "" {
		return ns
	}
	return o.GetName()
}

func seenOf(o client.Object) seen {
	s := seen{labels: o.GetLabels(), created: o.GetCreationTimestamp(), deleting: !o.GetDeletionTimestamp().IsZero(),
		content: contentOf(o)}
	if _, is := o.(*corev1.Namespace); is {
		s.annotations = o.GetAnnotations()
	}
	return s
}

// contentOf returns what an object says, without its metadata. Of a Secret that is a digest.
func contentOf(o client.Object) any {
	switch o := o.(type) {
	case *rbacv1.RoleBinding:
		return rbacv1.RoleBinding{RoleRef: o.RoleRef, Subjects: o.Subjects}
	case *corev1.ResourceQuota:
		return o.Spec
	case *corev1.LimitRange:
		return o.Spec
	case *networkingv1.NetworkPolicy:
		return o.Spec
	case *corev1.Secret:
		data, err := json.Marshal(o.Data)
		if err != nil {
			return nil // cannot be: a map of bytes
		}
		return sha256.Sum256(data)
	case *corev1.ServiceAccount:
		return o.ImagePullSecrets
	}
	return nil
}

// isAsWanted says whether the view shows an object with the labels, the annotations and the content that it should
// have.
func (v *view) isAsWanted(want client.Object) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	p := v.places[placeOf(want)]
	if p == nil {
		return false
	}
	s, known := p.objects[whatIs(want)]
	if !known || s.deleting || !holds(s.labels, want.GetLabels()) || !holds(s.annotations, want.GetAnnotations()) {
		return false
	}
	wanted, form := contentOf(want), v.forms[whatIs(want)]
	switch content := s.content.(type) {
	case nil: // a namespace: kept or not, the operator notes who has it
		return !isKept(s.annotations)
	case []corev1.LocalObjectReference: // others may have added theirs
		return containsAll(content, wanted)
	}
	return equality.Semantic.DeepEqual(s.content, wanted) ||
		equality.Semantic.DeepEqual(form.wanted, wanted) && equality.Semantic.DeepEqual(form.told, s.content)
}

func containsAll(have []corev1.LocalObjectReference, wanted any) bool {
	refs, _ := wanted.([]corev1.LocalObjectReference)
	return !slices.ContainsFunc(refs, func(r corev1.LocalObjectReference) bool { return !slices.Contains(have, r) })
}

func holds(have, want map[string]string) bool {
	for k, v := range want {
		if got, found := have[k]; !found || got != v {
			return false
		}
	}
	return true
}

// age returns how long ago the oldest list of these objects began. An object that was never listed is older than
// everything.
func (v *view) age(objects []client.Object, now time.Time) time.Duration {
	v.mu.Lock()
	defer v.mu.Unlock()
	var oldest time.Duration
	for _, o := range objects {
		listed, known := v.listed[whatIs(o)]
		if !known {
			return tenancyRecheck
		}
		oldest = max(oldest, now.Sub(listed))
	}
	return oldest
}

// look lists on the cluster what the view does not know, or not any more. One list serves all products, and who comes
// meanwhile waits for it.
func (v *view) look(ctx context.Context, remote client.Client, objects []client.Object, instance string,
	now time.Time) error {
	for _, o := range objects {
		if v.age([]client.Object{o}, now) < tenancyRecheck {
			continue
		}
		_, err, _ := v.looks.Do(fmt.Sprint(whatIs(o)), func() (any, error) {
			return nil, v.list(ctx, remote, o, instance, now)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// secretsPage bounds what is in memory of Secrets: a product can fill its own up to 1 MiB.
const secretsPage = 100

// list lists the objects of a kind, and of a name where they are in namespaces.
func (v *view) list(ctx context.Context, remote client.Client, like client.Object, instance string,
	now time.Time) error {
	list, options := listOf(like, instance)
	v.mu.Lock()
	began := v.changes
	v.mu.Unlock()
	found := map[string]seen{}
	for {
		if err := remote.List(ctx, list, options...); err != nil {
			return fmt.Errorf("listing what the operator has on the cluster: %w", err)
		}
		err := meta.EachListItem(list, func(item runtime.Object) error {
			if o, ok := item.(client.Object); ok {
				found[placeOf(o)] = seenOf(o)
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("reading a list: %w", err)
		}
		if list.GetContinue() == "" {
			break
		}
		options = append(options, client.Continue(list.GetContinue()))
	}
	v.replace(whatIs(like), found, began, now)
	return nil
}

func listOf(like client.Object, instance string) (client.ObjectList, []client.ListOption) {
	ours := client.MatchingLabels{api.LabelInstance: instance}
	named := client.MatchingFields{"metadata.name": like.GetName()}
	switch like.(type) {
	case *corev1.Namespace:
		return &corev1.NamespaceList{}, []client.ListOption{ours}
	case *rbacv1.RoleBinding:
		return &rbacv1.RoleBindingList{}, []client.ListOption{ours, named}
	case *corev1.ResourceQuota:
		return &corev1.ResourceQuotaList{}, []client.ListOption{ours, named}
	case *corev1.LimitRange:
		return &corev1.LimitRangeList{}, []client.ListOption{ours, named}
	case *networkingv1.NetworkPolicy:
		return &networkingv1.NetworkPolicyList{}, []client.ListOption{ours, named}
	case *corev1.Secret:
		return &corev1.SecretList{}, []client.ListOption{ours, named, client.Limit(secretsPage)}
	}
	return &corev1.ServiceAccountList{}, []client.ListOption{named} // Kubernetes made them: no label of ours
}

// replace takes over a list. Of namespaces in which the operator has done something since it began, what the operator
// knows is newer.
func (v *view) replace(kind what, found map[string]seen, began int, now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for name, p := range v.places {
		if _, is := found[name]; is || p.changed > began {
			continue
		}
		delete(p.objects, kind)
		if len(p.objects) == 0 {
			v.left = max(v.left, p.changed)
			delete(v.places, name)
		}
	}
	for name, s := range found {
		if p := v.at(name); p.changed <= began {
			p.objects[kind] = s
		}
	}
	v.listed[kind] = now
}

// at returns what is known of a namespace. One that is new may be one that was left: a list of another kind that began
// before that change must not bring back what went. The caller has the lock.
func (v *view) at(namespace string) *place {
	if v.places[namespace] == nil {
		v.places[namespace] = &place{objects: map[what]seen{}, changed: v.left}
	}
	return v.places[namespace]
}

// get returns what is known of an object that is like this one.
func (v *view) get(like client.Object) (s seen, known bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if p := v.places[placeOf(like)]; p != nil {
		s, known = p.objects[whatIs(like)]
	}
	return s, known
}

// put remembers an object as it was read.
func (v *view) put(o client.Object) {
	v.change(placeOf(o), func(p *place) { p.objects[whatIs(o)] = seenOf(o) })
}

// wrote remembers an object as the cluster told it when it was written.
func (v *view) wrote(want, told client.Object) {
	v.change(placeOf(want), func(p *place) {
		p.objects[whatIs(want)] = seenOf(told)
		v.forms[whatIs(want)] = form{contentOf(want), contentOf(told)}
	})
}

// drop forgets an object.
func (v *view) drop(o client.Object) {
	v.change(placeOf(o), func(p *place) { delete(p.objects, whatIs(o)) })
}

// forget forgets a namespace and all that is in it: whoever needs it next looks at the cluster.
func (v *view) forget(namespace string) { v.change(namespace, func(p *place) { clear(p.objects) }) }

func (v *view) change(namespace string, do func(*place)) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.changes++
	p := v.at(namespace)
	p.changed = v.changes
	do(p)
}

// owned counts the namespaces with these labels.
func (v *view) owned(labels map[string]string) (n int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	namespace := whatIs(&corev1.Namespace{})
	for _, p := range v.places {
		if s, is := p.objects[namespace]; is && holds(s.labels, labels) {
			n++
		}
	}
	return n
}
