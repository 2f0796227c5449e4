package controllers

import (
	"context"

	"k8s.io/utils/clock"
)

// Occupy takes all places with a cluster, as passes do that hang there.
func (r *ProductReconciler) Occupy(ctx context.Context, cluster string) (leave func(), err error) {
	var all []func(error)
	leave = func() {
		for _, one := range all {
			one(nil)
		}
	}
	for range clusterSlots {
		one, err := r.gate.enter(ctx, cluster, clock.RealClock{})
		if err != nil {
			leave()
			return nil, err
		}
		all = append(all, one)
	}
	return leave, nil
}

// BusyRetry is when a pass comes back to a cluster that others were with.
const BusyRetry = busyRetry
