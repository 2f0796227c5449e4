package shard

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	events "k8s.io/client-go/tools/record"
	"k8s.io/utils/clock"
	clocktesting "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

const system = "nautes"

func product(label, serving string) *api.Product {
	p := &api.Product{ObjectMeta: metav1.ObjectMeta{Namespace: system, Name: "product-7"},
		Status: api.ProductStatus{Shard: serving}}
	if label != "" {
		p.Labels = map[string]string{api.LabelShard: label}
	}
	return p
}

func lease(shard, holder string, renewed time.Time) *coordinationv1.Lease {
	return &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: system, Name: LeaseOf(shard)},
		Spec: coordinationv1.LeaseSpec{HolderIdentity: &holder, RenewTime: ptr.To(metav1.NewMicroTime(renewed))}}
}

func cluster(t *testing.T, objects ...client.Object) client.Client {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{api.AddToScheme, coordinationv1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	return fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).WithStatusSubresource(&api.Product{}).
		Build()
}

func about(name string) reconcile.Request {
	return reconcile.Request{NamespacedName: client.ObjectKey{Namespace: system, Name: name}}
}

func ofProduct(r reconcile.Request) string { return r.Name }

func TestWhoseTurnAProductIs(t *testing.T) {
	const both = "both"
	for sentence, c := range map[string]struct {
		me, wanted, serving string
		held, silent        string
		want                step
	}{
		"no shards": {want: serve},
		"mine":      {me: "a", wanted: "a", serving: "a", want: serve},
		"a new one of mine that nobody has let go":    {me: "a", wanted: "a", held: both, want: leaveAlone},
		"a new one that is another's":                 {wanted: "a", held: both, want: handOver},
		"a new one that is another's, who is away":    {wanted: "a", held: "", silent: "a", want: keep},
		"it is to go from me to another":              {me: "a", wanted: "b", serving: "a", held: both, want: handOver},
		"it is to go back":                            {me: "a", serving: "a", held: both, want: handOver},
		"it is to go back, and nobody is there":       {me: "a", serving: "a", held: "a", want: keep},
		"it is to come to me":                         {me: "b", wanted: "b", serving: "a", held: both, want: leaveAlone},
		"it is to come to me from one who is away":    {me: "b", wanted: "b", serving: "a", held: "b", want: take},
		"it is to come back from one who is away":     {serving: "a", silent: "a", want: take},
		"others settle it":                            {wanted: "b", serving: "a", held: both, want: leaveAlone},
		"the one who serves it is away":               {wanted: "a", serving: "a", silent: "a", want: tell},
		"the one who serves it restarts":              {wanted: "a", serving: "a", want: leaveAlone},
		"the next one will take it":                   {wanted: "b", serving: "a", silent: "a", want: leaveAlone},
		"a shard says nothing of others":              {me: "b", wanted: "a", serving: "a", silent: "a", want: leaveAlone},
		"both are away":                               {wanted: "b", serving: "a", silent: both, want: tell},
		"both are away, which the shards leave to it": {me: "c", wanted: "b", serving: "a", silent: both, want: leaveAlone},
	} {
		t.Run(sentence, func(t *testing.T) {
			is := func(which, shard string) bool { return which == both || which != "" && which == shard }
			s := situation{me: c.me, wanted: c.wanted, serving: c.serving,
				wantedHeld: is(c.held, c.wanted), servingHeld: is(c.held, c.serving),
				wantedSilent: is(c.silent, c.wanted), servingSilent: is(c.silent, c.serving)}
			if got := s.next(); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}

// Two shards can never both want to work on a product: whatever it says, it is served by one of them at most.
func TestAProductIsServedByOneShard(t *testing.T) {
	for _, p := range []*api.Product{product("", ""), product("a", ""), product("a", "a"), product("b", "a"),
		product("", "a"), product("typo", "b")} {
		served := 0
		for _, name := range []string{"", "a", "b"} {
			s := &Shard{Name: name, Cache: cluster(t, p), SystemNamespace: system}
			s.keep(p.Name, p.Labels[api.LabelShard])
			pass := reconcile.Func(func(context.Context, reconcile.Request) (reconcile.Result, error) {
				served++
				return reconcile.Result{}, nil
			})
			if _, err := s.Only(pass, Of(ofProduct)).Reconcile(t.Context(), about(p.Name)); err != nil {
				t.Fatal(err)
			}
		}
		if served != 1 {
			t.Errorf("labelled %v, with %q in its status, it is served by %d", p.Labels, p.Status.Shard, served)
		}
	}
}

func TestWhatHasNoProductIsLeftToTheOneWithoutAName(t *testing.T) {
	for name, want := range map[string]bool{"": true, "a": false} {
		s := &Shard{Name: name, Cache: cluster(t), SystemNamespace: system}
		if ours, _, err := s.serves(t.Context(), "product-8"); err != nil || ours != want {
			t.Errorf("shard %q: %v, %v", name, ours, err)
		}
	}
}

func TestWithoutAShardEverythingIsServed(t *testing.T) {
	passed := false
	pass := reconcile.Func(func(context.Context, reconcile.Request) (reconcile.Result, error) {
		passed = true
		return reconcile.Result{}, nil
	})
	var none *Shard
	if _, err := none.Only(pass, nil).Reconcile(t.Context(), about("product-7")); err != nil || !passed {
		t.Errorf("passed: %v, %v", passed, err)
	}
}

// handing is an operator of shard "a" that is to hand its product over to shard "b".
func handing(t *testing.T, c client.Client) *Reconciler {
	t.Helper()
	return &Reconciler{
		Client: c, Shard: &Shard{Name: "a", Cache: c, SystemNamespace: system},
		Leases: &Leases{Live: c, Namespace: system, Clock: clock.RealClock{}},
	}
}

func status(t *testing.T, c client.Client) api.ProductStatus {
	t.Helper()
	var p api.Product
	if err := c.Get(t.Context(), about("product-7").NamespacedName, &p); err != nil {
		t.Fatal(err)
	}
	return p.Status
}

func TestAProductIsHandedOverOnceNoPassIsAtWork(t *testing.T) {
	p := product("a", "a")
	c := cluster(t, p, lease("b", "pod", time.Now()))
	r := handing(t, c)
	begun, end := make(chan struct{}), make(chan struct{})
	slow := r.Shard.Only(reconcile.Func(func(context.Context, reconcile.Request) (reconcile.Result, error) {
		close(begun)
		<-end
		return reconcile.Result{}, nil
	}), Of(ofProduct))
	ended := make(chan error, 1)
	go func() {
		_, err := slow.Reconcile(t.Context(), about("product-7"))
		ended <- err
	}()
	<-begun
	p.Labels[api.LabelShard] = "b"
	if err := c.Update(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	result, err := r.Reconcile(t.Context(), about("product-7"))
	if err != nil || result.RequeueAfter == 0 || status(t, c).Shard != "a" {
		t.Errorf("while a pass is at work: %v, %v, served by %q", result, err, status(t, c).Shard)
	}
	other := r.Shard.Only(reconcile.Func(func(context.Context, reconcile.Request) (reconcile.Result, error) {
		t.Error("a pass began while the product was being handed over")
		return reconcile.Result{}, nil
	}), Of(ofProduct))
	if result, err := other.Reconcile(t.Context(), about("product-7")); err != nil || result.RequeueAfter == 0 {
		t.Errorf("a pass that came meanwhile: %v, %v, wanted again", result, err)
	}
	close(end)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if _, err := r.Reconcile(t.Context(), about("product-7")); err != nil {
		t.Fatal(err)
	}
	if got := status(t, c); got.Shard != "b" || got.Conditions[0].Status != metav1.ConditionTrue {
		t.Errorf("afterwards: %+v", got)
	}
}

// While the operators of a shard change, its Lease is free, and the shard that the label names may take the product. The
// cache of the one that begins does not show that at once.
func TestAnOperatorThatBeginsLeavesAProductUntilItKnowsThatNobodyTakesIt(t *testing.T) {
	for sentence, c := range map[string]struct {
		leases []client.Object
		served bool
	}{
		"the other shard is there": {[]client.Object{lease("b", "pod", time.Now())}, false},
		"it is not":                {nil, true},
	} {
		t.Run(sentence, func(t *testing.T) {
			r := handing(t, cluster(t, append(c.leases, product("b", "a"))...))
			passes := 0
			only := r.Shard.Only(reconcile.Func(func(context.Context, reconcile.Request) (reconcile.Result, error) {
				passes++
				return reconcile.Result{}, nil
			}), Of(ofProduct))
			result, err := only.Reconcile(t.Context(), about("product-7"))
			if err != nil || passes > 0 || result.RequeueAfter == 0 {
				t.Errorf("before it looked: %d passes, %v, %v", passes, result, err)
			}
			if _, err := r.Reconcile(t.Context(), about("product-7")); err != nil {
				t.Fatal(err)
			}
			if _, err := only.Reconcile(t.Context(), about("product-7")); err != nil || passes > 0 != c.served {
				t.Errorf("afterwards: %d passes, %v", passes, err)
			}
		})
	}
}

// What began before the label was set back must go on: nothing is lost because a product was nearly handed over.
func TestAProductThatStaysAfterAllIsServedAgain(t *testing.T) {
	p := product("b", "a")
	c := cluster(t, p, lease("b", "pod", time.Now()))
	r := handing(t, c)
	if !r.Shard.enter(p.Name) {
		t.Fatal("a pass was refused")
	}
	if _, err := r.Reconcile(t.Context(), about(p.Name)); err != nil {
		t.Fatal(err)
	}
	if r.Shard.enter(p.Name) {
		t.Error("a pass began")
	}
	p.Labels[api.LabelShard] = "a"
	if err := c.Update(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Reconcile(t.Context(), about(p.Name)); err != nil {
		t.Fatal(err)
	}
	if !r.Shard.enter(p.Name) {
		t.Error("it is refused for ever")
	}
}

func TestAShardThatIsNotThereGetsNothing(t *testing.T) {
	for sentence, leases := range map[string][]client.Object{
		"there never was one": nil,
		"it was stopped":      {lease("b", "", time.Now())},
		"it died":             {lease("b", "pod", time.Now().Add(-2*silence))},
	} {
		t.Run(sentence, func(t *testing.T) {
			c := cluster(t, append(leases, product("b", "a"))...)
			result, err := handing(t, c).Reconcile(t.Context(), about("product-7"))
			if err != nil || result.RequeueAfter == 0 {
				t.Errorf("%v, %v", result, err)
			}
			got := status(t, c)
			if got.Shard != "a" || len(got.Conditions) != 1 || got.Conditions[0].Reason != api.ReasonShardNotServed {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestAProductThatNobodyServesAnyMoreIsAnnouncedOnce(t *testing.T) {
	p := product("a", "a")
	p.Status.Conditions = []metav1.Condition{{Type: api.ConditionReady, Status: metav1.ConditionTrue,
		Reason: api.ReasonReady}}
	c := cluster(t, p, lease("a", "pod", time.Now().Add(-2*silence)))
	told := events.NewFakeRecorder(9)
	r := handing(t, c)
	r.Shard.Name, r.Recorder = "", told
	for range 2 {
		if _, err := r.Reconcile(t.Context(), about("product-7")); err != nil {
			t.Fatal(err)
		}
	}
	if len(told.Events) != 1 {
		t.Fatalf("%d Events", len(told.Events))
	}
	want := "Warning " + api.ReasonShardNotServed + ` no operator of shard "a" is at work`
	if got := <-told.Events; !strings.HasPrefix(got, want) {
		t.Errorf("got %q", got)
	}
}

// The operator without a shard may run with --leader-elect=false. It has no Lease, and works.
func TestAShardTakesNothingFromAnOperatorThatWorksWithoutALease(t *testing.T) {
	now := clocktesting.NewFakePassiveClock(time.Now())
	c := cluster(t, product("a", ""), lease("a", "pod", now.Now()))
	r := handing(t, c)
	r.Leases.Clock = now
	for range 2 {
		result, err := r.Reconcile(t.Context(), about("product-7"))
		if err != nil || result.RequeueAfter == 0 || status(t, c).Shard != "" {
			t.Errorf("%v, %v, served by %q", result, err, status(t, c).Shard)
		}
		now.SetTime(now.Now().Add(unseenWait - time.Second))
	}
	unseen := handing(t, c)
	unseen.Shard.Name = ""
	if _, err := unseen.Reconcile(t.Context(), about("product-7")); err != nil || status(t, c).Shard != "a" {
		t.Errorf("it does not hand the product over: %v, served by %q", err, status(t, c).Shard)
	}
}

// Where no operator without a shard runs, a product that is to be a shard's must not wait for one.
func TestAShardTakesWhatNobodyHandsOver(t *testing.T) {
	now := clocktesting.NewFakePassiveClock(time.Now())
	c := cluster(t, product("a", ""))
	r := handing(t, c)
	r.Leases.Clock = now
	for range 2 {
		if _, err := r.Reconcile(t.Context(), about("product-7")); err != nil {
			t.Fatal(err)
		}
		now.SetTime(now.Now().Add(unseenWait))
	}
	if got := status(t, c).Shard; got != "a" {
		t.Errorf("served by %q", got)
	}
}

// There may be more products than a shard can wait for, and one may be deleted and made anew while the shard waits: the
// operator without a Lease begins to serve the new one.
func TestAShardTakesNothingThatItHasNotWaitedFor(t *testing.T) {
	now := clocktesting.NewFakePassiveClock(time.Now())
	old, anew := product("a", ""), product("a", "")
	old.UID, anew.UID = "old", "anew"
	c := cluster(t, old)
	r := handing(t, c)
	r.Leases.Clock = now
	look := func(what string) {
		t.Helper()
		if _, err := r.Reconcile(t.Context(), about("product-7")); err != nil || status(t, c).Shard != "" {
			t.Errorf("%s: %v, served by %q", what, err, status(t, c).Shard)
		}
	}
	look("one that it begins to wait for")
	now.SetTime(now.Now().Add(unseenWait))
	if err := c.Delete(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	if err := c.Create(t.Context(), anew); err != nil {
		t.Fatal(err)
	}
	look("one that was made anew")
	c = cluster(t, product("a", ""))
	r = handing(t, c)
	r.Leases.Clock = now
	for i, room := 0, true; room; i++ {
		_, room = r.waits.Lasts(types.UID(strconv.Itoa(i)), now.Now())
	}
	look("one more than there is room for")
}

// A label can be any word, and so can the shard that somebody looked for once.
func TestLeasesThatNobodyAsksForAreForgotten(t *testing.T) {
	now := clocktesting.NewFakePassiveClock(time.Now())
	l := &Leases{Live: cluster(t), Namespace: system, Clock: now}
	for _, name := range []string{"a", "b", "c"} {
		if _, err := l.of(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		now.SetTime(now.Now().Add(leaseLook))
	}
	if len(l.seen) != 1 {
		t.Errorf("%d are remembered", len(l.seen))
	}
}

func TestWhereNothingIsShardedNothingIsWritten(t *testing.T) {
	c := cluster(t, product("", ""))
	var before, after api.Product
	if err := c.Get(t.Context(), about("product-7").NamespacedName, &before); err != nil {
		t.Fatal(err)
	}
	r := handing(t, c)
	r.Shard.Name = ""
	if result, err := r.Reconcile(t.Context(), about("product-7")); err != nil || result.RequeueAfter != 0 {
		t.Errorf("%v, %v", result, err)
	}
	if err := c.Get(t.Context(), about("product-7").NamespacedName, &after); err != nil {
		t.Fatal(err)
	}
	if before.ResourceVersion != after.ResourceVersion {
		t.Errorf("written: %+v", after.Status)
	}
}

func TestTheShardThatBeginsToServeAProductIsWoken(t *testing.T) {
	for sentence, c := range map[string]struct {
		shard         *Shard
		before, after string
		want          bool
	}{
		"it comes":            {&Shard{Name: "a"}, "", "a", true},
		"it goes":             {&Shard{Name: "a"}, "a", "", false},
		"it comes back":       {&Shard{}, "a", "", true},
		"nothing changes":     {&Shard{Name: "a"}, "a", "a", false},
		"others settle it":    {&Shard{}, "a", "b", false},
		"there are no shards": {nil, "a", "b", false},
	} {
		t.Run(sentence, func(t *testing.T) {
			got := c.shard.Gained().Update(event.UpdateEvent{ObjectOld: product("", c.before),
				ObjectNew: product("", c.after)})
			if got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
	gone := event.DeleteEvent{Object: product("a", "a")}
	if !(&Shard{}).Gained().Delete(gone) || (&Shard{Name: "a"}).Gained().Delete(gone) {
		t.Error("what has lost its Product falls to the shard without a name")
	}
}

func TestALeaseTellsTheDeadFromTheRestarted(t *testing.T) {
	now := time.Now()
	for sentence, c := range map[string]struct {
		lease        *coordinationv1.Lease
		held, silent bool
	}{
		"there is none": {&coordinationv1.Lease{}, false, true},
		"at work":       {lease("a", "pod", now.Add(-5*time.Second)), true, false},
		"a slow clock":  {lease("a", "pod", now.Add(-silence/2)), true, false},
		"just released": {lease("a", "", now.Add(-time.Second)), false, false},
		"released":      {lease("a", "", now.Add(-2*silence)), false, true},
		"killed":        {lease("a", "pod", now.Add(-2*silence)), false, true},
	} {
		if got := read(c.lease, now); got.held != c.held || got.silent != c.silent {
			t.Errorf("%s: %+v", sentence, got)
		}
	}
}
