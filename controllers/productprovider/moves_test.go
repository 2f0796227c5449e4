package productprovider

import (
	"fmt"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
)

func TestWhatBecomesOfAProductWhoseGroupMoves(t *testing.T) {
	const host = "https://git.example.com"
	at := func(path, address, repository string) *api.Product {
		p := &api.Product{Spec: api.ProductSpec{Name: path,
			MetaDataPath: address + "/" + path + "/default.project.git"}}
		if repository != "" {
			metav1.SetMetaDataAnnotation(&p.ObjectMeta, api.AnnotationDefaultProject, repository)
		}
		return p
	}
	group := func(path string) listedGroup {
		return listedGroup{id: 7, spec: at(path, host, "").Spec, repository: "5/then"}
	}
	handedOver := at("by-hand", host, "")
	handedOver.Spec.MetaDataPath = ""
	for sentence, c := range map[string]struct {
		product *api.Product
		group   listedGroup
		allowed []string
		want    verdict
	}{
		"it did not": {at("shop", host, "5/then"), group("shop"), []string{"shop"}, follows},
		"it did not, and is not allowed any more": {at("shop", host, "5/then"), group("shop"),
			[]string{"other"}, follows},
		"the host has another address": {at("shop", "https://old.example.com", ""),
			group("shop"), nil, follows},
		"it was made by hand and handed over": {handedOver, group("shop"), []string{"shop"}, follows},
		"with its default.project": {at("shop", host, "5/then"), group("store"),
			[]string{"store"}, follows},
		"of a provider of old":                        {at("shop", host, "5/then"), group("store"), nil, follows},
		"with another default.project of the same id": {at("shop", host, "5/before"), group("store"), nil, doubted},
		"and the host's address as well": {at("shop", "https://old.example.com", "5/then"),
			group("store"), nil, doubted},
		"with a default.project that is not known": {at("shop", host, ""), group("store"), nil, unproven},
		"out of what is allowed": {at("shop", host, "5/then"), group("store"),
			[]string{"shop"}, leftAllowed},
		"out of what is allowed, below its name": {at("shop", host, "5/then"), group("shops"),
			[]string{"shop"}, leftAllowed},
		"to below what is allowed": {at("shop", host, "5/then"), group("shop/new"),
			[]string{"shop"}, follows},
	} {
		s := situation{provider: &api.ProductProvider{Spec: api.ProductProviderSpec{AllowedGroups: c.allowed}},
			address: host}
		if got := s.verdictOf(c.group, c.product); got != c.want {
			t.Errorf("%s: verdict %d, want %d", sentence, got, c.want)
		}
	}

	many := situation{provider: &api.ProductProvider{}, address: host, groups: map[string]listedGroup{},
		own: map[string]*api.Product{}}
	for i := range 4 {
		path := fmt.Sprintf("shop%d", i)
		many.own[path], many.groups[path] = at(path, host, ""), group("moved-"+path)
	}
	brake := placement.Brake{Floor: 3, Percent: 20}
	for name, got := range many.verdicts(brake) {
		if got != doubted {
			t.Errorf("four that nothing proves: %s has verdict %d", name, got)
		}
	}
	delete(many.own, "shop0")
	for name, got := range many.verdicts(brake) {
		if got != follows {
			t.Errorf("three that nothing proves: %s has verdict %d", name, got)
		}
	}
}

// Whoever makes groups without end, none of which is answered for, keeps no other group from being asked for: the elder
// one has its turn first, and then those that were asked for longest ago.
func TestEveryGroupHasItsTurn(t *testing.T) {
	q, now, seen := questions{}, time.Now(), map[string]int{}
	var names []string
	for i := range 500 {
		names = append(names, identity.Product(int64(i+1)))
	}
	const legitimate = 450
	pass := func(good time.Duration) (asked []string) {
		asked = q.next("p", names, now, good)
		for _, name := range asked {
			q["p/"+name] = answered{at: now, no: true}
			seen[name]++
		}
		now = now.Add(15 * time.Second)
		return asked
	}
	for passes := 1; ; passes++ {
		if slices.Contains(pass(strangerRecheck), identity.Product(legitimate)) {
			break
		}
		// made meanwhile
		names = append(names, identity.Product(int64(1000+passes*2)), identity.Product(int64(1001+passes*2)))
		if passes > legitimate/asksPerPass+1 {
			t.Fatalf("after %d passes it was not asked for", passes)
		}
	}
	if asked := pass(time.Hour); slices.Contains(asked, identity.Product(1)) {
		t.Error("what was answered is asked again at once")
	}

	q, seen, names = questions{}, map[string]int{}, names[:50]
	for range 5 {
		if asked := pass(0); len(asked) != asksPerPass {
			t.Fatalf("%d are asked for in a pass", len(asked))
		}
	}
	for _, name := range names {
		if seen[name] < 1 || seen[name] > 3 {
			t.Errorf("%s had %d of 100 turns of 50 names", name, seen[name])
		}
	}
	q.forget("p", names[:1])
	if len(q) != 1 {
		t.Errorf("%d names are remembered, want 1", len(q))
	}
}
