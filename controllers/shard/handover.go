package shard

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	events "k8s.io/client-go/tools/record"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/phases"
	"github.com/nautes-labs/deployment-runtime/internal/statuspatch"
)

// +kubebuilder:rbac:groups=nautes.resource.nautes.io,namespace=nautes,resources=products,verbs=get;list;watch
// +kubebuilder:rbac:groups=nautes.resource.nautes.io,namespace=nautes,resources=products/status,verbs=patch
// +kubebuilder:rbac:groups=coordination.k8s.io,namespace=nautes,resources=leases,verbs=get

const (
	// moveLook is how often to look whether a move can go on that waits for an operator of another shard, and othersLook
	// whether products of other shards are served.
	moveLook   = 10 * time.Second
	othersLook = time.Minute
	// unseenWait is how long a shard waits for a product that the operator without a shard is to serve and of which no
	// Lease says that it is at work: with --leader-elect=false it works without one, and hands the product over by its
	// next look.
	unseenWait = 3 * moveLook
	// passLook is how often to look whether the last pass over a product has ended.
	passLook = 200 * time.Millisecond
)

// Reconciler hands a Product over to the shard that its label names. Who serves it does so: it lets its passes end and
// then writes the other shard into the status, and only from then on that one works. So no product ever has two
// operators, and none is given to a shard of which no operator is at work. One that begins, and finds a product of its
// own with the label of another shard, has looked for that shard before it works on the product: so the other one can
// take it as long as the Lease is free.
type Reconciler struct {
	Client client.Client
	Shard  *Shard
	Leases *Leases
	// Recorder announces that nobody serves a product; nil announces nothing.
	Recorder events.EventRecorder

	// waits has the products that are to come from an operator that may work without a Lease. One that is made anew
	// under the same name is another one.
	waits phases.Since[types.UID]
}

// step is what is to be done with a product.
type step int

const (
	leaveAlone step = iota
	// serve: it is ours, and should be.
	serve
	// handOver: it is ours, and should be another's that is there.
	handOver
	// keep: it is ours, and should be another's that is not there.
	keep
	// take: it should be ours, and the one that serves it is not there any more.
	take
	// tell: nobody serves it.
	tell
)

// situation is who is to serve a product, who does, and of which of them an operator is at work.
type situation struct {
	me, wanted, serving         string
	wantedHeld, servingHeld     bool
	wantedSilent, servingSilent bool
	// waited is for how long this shard has waited for one that may work without a Lease.
	waited time.Duration
}

func (s situation) next() step {
	switch {
	case s.serving == s.me && s.wanted == s.me:
		return serve
	case s.serving == s.me && s.wantedHeld:
		return handOver
	case s.serving == s.me:
		return keep
	case s.wanted == s.me && !s.servingHeld && !s.mayBeUnseen():
		return take
	case s.me == "" && s.servingSilent && s.wantedSilent:
		return tell
	}
	return leaveAlone
}

// mayBeUnseen says whether the operator that serves the product may be at work although it has no Lease. One of a named
// shard has one.
func (s situation) mayBeUnseen() bool { return s.serving == "" && s.waited < unseenWait }

// Reconcile looks after who serves one product.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	var stored api.Product
	if err := r.Client.Get(ctx, req.NamespacedName, &stored); err != nil {
		r.Shard.stay(req.Name)
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if req.Namespace != r.Shard.SystemNamespace {
		return ctrl.Result{}, nil
	}
	s, err := r.look(ctx, &stored)
	if err != nil {
		return ctrl.Result{}, err
	}
	product := stored.DeepCopy()
	if !r.act(s, product) {
		return ctrl.Result{RequeueAfter: passLook}, nil
	}
	told := statuspatch.Patch(ctx, r.Client, &stored, product)
	if told == nil {
		phases.Pass{Stored: &stored, Object: product, Conditions: &product.Status.Conditions,
			Recorder: r.Recorder}.Announce()
	}
	result, err := phases.Outcome(ctx, told)
	if err == nil && result.RequeueAfter == 0 {
		result.RequeueAfter = s.lookAgain()
	}
	return result, err
}

// act does what the situation asks for, and puts it into the status. It says no while passes over a product are at work
// that is to be handed over.
func (r *Reconciler) act(s situation, product *api.Product) bool {
	next := s.next()
	switch next {
	case keep:
		r.Shard.keep(product.Name, s.wanted)
	case leaveAlone, serve, take, tell:
		r.Shard.stay(product.Name)
	case handOver:
		if !r.Shard.leave(product.Name) {
			return false
		}
	}
	switch next {
	case handOver:
		product.Status.Shard = s.wanted
		served(product)
	case take:
		product.Status.Shard = s.me
		served(product)
	case serve:
		served(product)
	case keep:
		unserved(product, fmt.Sprintf("no operator of %s, which the label %s asks for, is at work: until there is "+
			"one, %s serves the product; start it, or correct the label", name(s.wanted), api.LabelShard,
			name(s.serving)))
	case tell:
		unserved(product, fmt.Sprintf("no operator of %s is at work: what runs keeps running, and nobody looks after "+
			"it; start one, or correct the label %s", name(s.serving), api.LabelShard))
	case leaveAlone:
	}
	return true
}

// lookAgain says when to look without an event: nobody watches Leases.
func (s situation) lookAgain() time.Duration {
	switch {
	case s.wanted == s.me && s.serving == s.me:
		return 0
	case s.wanted == s.me || s.serving == s.me:
		return moveLook
	case s.me == "":
		return wait.Jitter(othersLook, 0.1)
	}
	return 0
}

// look asks for Leases only where they matter.
func (r *Reconciler) look(ctx context.Context, product *api.Product) (situation, error) {
	s := situation{me: r.Shard.Name, wanted: product.Labels[api.LabelShard], serving: product.Status.Shard}
	if s.wanted == s.me && s.serving == s.me {
		r.waits.End(product.UID)
		return s, nil
	}
	wanted, err := r.Leases.of(ctx, s.wanted)
	if err != nil {
		return s, err
	}
	serving, err := r.Leases.of(ctx, s.serving)
	s.wantedHeld, s.wantedSilent = wanted.held, wanted.silent
	s.servingHeld, s.servingSilent = serving.held, serving.silent
	if s.wanted == s.me && s.serving == "" && !s.servingHeld {
		s.waited, _ = r.waits.Lasts(product.UID, r.Leases.Clock.Now()) // one that is not known has not been waited for
	} else {
		r.waits.End(product.UID)
	}
	return s, err
}

// served says who serves the product. Where operators are not sharded there is nothing to say.
func served(product *api.Product) {
	shard, conditions := product.Status.Shard, &product.Status.Conditions
	if shard == "" {
		meta.RemoveStatusCondition(conditions, api.ConditionServed)
		return
	}
	statuspatch.Condition(conditions, metav1.Condition{Type: api.ConditionServed, Status: metav1.ConditionTrue,
		Reason: api.ReasonServed, Message: name(shard) + " serves the product", ObservedGeneration: product.Generation})
}

func unserved(product *api.Product, message string) {
	statuspatch.Condition(&product.Status.Conditions, metav1.Condition{Type: api.ConditionServed,
		Status: metav1.ConditionFalse, Reason: api.ReasonShardNotServed, Message: message,
		ObservedGeneration: product.Generation})
	phases.Sum(&product.Status.Conditions, nil) // nobody else may be there to do it
}

// name names a shard in a message.
func name(shard string) string {
	if shard == "" {
		return "the operator without a shard"
	}
	return fmt.Sprintf("shard %q", shard)
}

// SetupWithManager watches the label and the status that say who serves a Product.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	changed := predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, okBefore := e.ObjectOld.(*api.Product)
		after, okAfter := e.ObjectNew.(*api.Product)
		return !okBefore || !okAfter || before.Labels[api.LabelShard] != after.Labels[api.LabelShard] ||
			before.Status.Shard != after.Status.Shard
	}}
	err := ctrl.NewControllerManagedBy(mgr).Named("shard").
		For(&api.Product{}, builder.WithPredicates(changed)).
		Complete(phases.Traced("Product", "shard", r))
	if err != nil {
		return fmt.Errorf("setting up the controller of shards: %w", err)
	}
	return nil
}
