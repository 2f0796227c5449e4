package shard

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// LeaseName is the name of the Lease with which the replicas of the operator without a shard elect the one that
	// works.
	LeaseName = "nautes-operator"
	// silence is how long a Lease is not renewed until its holder is taken for dead. The holder gives up much sooner;
	// the rest is for clocks that differ.
	silence = time.Minute
	// leaseLook is how long it counts what a Lease said.
	leaseLook = 2 * time.Second
)

// LeaseOf returns the name of the Lease of a shard.
func LeaseOf(shard string) string {
	if shard == "" {
		return LeaseName
	}
	return LeaseName + "-" + shard
}

// IsLease says whether a Lease of that name is the operator's, of whatever shard.
func IsLease(name string) bool { return name == LeaseName || strings.HasPrefix(name, LeaseName+"-") }

// Leases say of which shards an operator is at work.
type Leases struct {
	// Live reads from the API server itself: a watch on Leases would tell of every renewal.
	Live      client.Reader
	Namespace string
	Clock     clock.PassiveClock

	mu   sync.Mutex
	seen map[string]sign
}

// sign is what a Lease says.
type sign struct {
	// held says that an operator is at work. silent says that there was none for a while: one that is only restarted is
	// neither.
	held, silent bool
	at           time.Time
}

// of returns what the Lease of a shard says.
func (l *Leases) of(ctx context.Context, shard string) (sign, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.Clock.Now()
	if known, ok := l.seen[shard]; ok && now.Sub(known.at) < leaseLook {
		return known, nil
	}
	var lease coordinationv1.Lease
	err := l.Live.Get(ctx, client.ObjectKey{Namespace: l.Namespace, Name: LeaseOf(shard)}, &lease)
	if err != nil && !apierrors.IsNotFound(err) {
		return sign{}, fmt.Errorf("looking whether an operator of shard %q is at work: %w", shard, err)
	}
	maps.DeleteFunc(l.seen, func(_ string, known sign) bool { return now.Sub(known.at) >= leaseLook })
	if l.seen == nil {
		l.seen = map[string]sign{}
	}
	l.seen[shard] = read(&lease, now)
	return l.seen[shard], nil
}

// read reads a Lease. An empty one is that of a shard that never had an operator.
func read(lease *coordinationv1.Lease, now time.Time) sign {
	s := sign{silent: true, at: now}
	if renewed := lease.Spec.RenewTime; renewed != nil {
		s.silent = now.Sub(renewed.Time) > silence
	}
	holder := lease.Spec.HolderIdentity
	s.held = holder != nil && *holder != "" && !s.silent
	return s
}
