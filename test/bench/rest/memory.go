package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/nautes-labs/deployment-runtime/test/bench/figures"
)

const (
	memoryAim = 200 << 20
	plenty    = 64 << 30
)

// memory reads many products for the first time, and looks what they cost: with memory for all of them, and with what
// the API server takes by itself.
func (w *world) memory(ctx context.Context) error {
	products, err := w.manyProducts(ctx)
	if err != nil {
		return err
	}
	if err := w.gitlab.wait(ctx, w.latency); err != nil {
		return err
	}
	cold, asked, kept, err := w.coldReads(ctx, products, plenty)
	if err != nil {
		return err
	}
	fmt.Println(cold.Line("first read of a product, cold", nil))
	fmt.Printf("  %s\n", asked)
	fmt.Printf("%d snapshots of %d files, all of them read: %s\n", w.products, w.files, kept)
	aim(kept.live <= memoryAim, "%d MiB, wanted at most %d MiB", kept.live>>20, memoryAim>>20)

	if err := w.gitlab.wait(ctx, 0); err != nil {
		return err
	}
	_, _, kept, err = w.coldReads(ctx, products, defaultSnapshotBytes)
	if err != nil {
		return err
	}
	fmt.Printf("the same with --snapshot-bytes %d (the default): %s\n", int64(defaultSnapshotBytes), kept)
	return nil
}

func (w *world) manyProducts(ctx context.Context) ([]product, error) {
	products := make([]product, w.products)
	all, ctx := errgroup.WithContext(ctx)
	all.SetLimit(2)
	for i := range products {
		all.Go(func() (err error) {
			products[i], err = w.makeProduct(ctx, fmt.Sprintf("product-of-many-%03d", i), 1)
			return err
		})
	}
	return products, all.Wait()
}

// kept is what is in memory after many products were read.
type kept struct {
	// live is what the heap grew by, after a collection; resident is what the whole process holds of the system, with
	// the caller.
	live, resident int
	snapshots      int
}

// String is for the report.
func (k kept) String() string {
	return fmt.Sprintf("%d MiB of live heap for the %d that are kept; %d MiB resident", k.live>>20,
		k.snapshots, k.resident>>20)
}

// coldReads reads one runtime of each product with an API server that has just started, and then all again in the other
// order, to see which are still in memory.
func (w *world) coldReads(ctx context.Context, products []product, snapshotBytes int64) (took *figures.Timings,
	asked trips, k kept, err error) {
	a, err := w.startAPI(ctx, snapshotBytes)
	if err != nil {
		return nil, asked, k, err
	}
	defer func() { _ = a.stop() }()
	token, took := w.gitlab.RootToken, &figures.Timings{}
	before, err := settledHeap(ctx)
	if err != nil {
		return nil, asked, k, err
	}
	for _, p := range products {
		if _, err := w.gitlab.trips(ctx); err != nil {
			return nil, asked, k, err
		}
		t, err := a.read(ctx, token, a.runtime(p, 0), isFirst())
		if err != nil {
			return nil, asked, k, err
		}
		took.Add(t)
		if asked, err = w.gitlab.trips(ctx); err != nil {
			return nil, asked, k, err
		}
	}
	k.live = liveHeap() - before
	if k.resident, err = resident(); err != nil {
		return nil, asked, k, err
	}
	for i := len(products) - 1; i >= 0; i-- {
		fetches := a.fetches.Load()
		if _, err := a.read(ctx, token, a.runtime(products[i], 0), isFirst()); err != nil {
			return nil, asked, k, err
		}
		if a.fetches.Load() > fetches {
			break // the ones before were dropped earlier
		}
		k.snapshots++
	}
	return took, asked, k, nil
}

// settledHeap is what the heap holds when it falls no more: the connections of servers that were stopped hold on to
// their memory for a moment.
func settledHeap(ctx context.Context) (bytes int, err error) {
	const calm = 5
	bytes, same := liveHeap(), 0
	err = wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, time.Minute, false,
		func(context.Context) (bool, error) {
			now := liveHeap()
			if now < bytes-1<<20 {
				bytes, same = now, 0
			}
			same++
			return same > calm, nil
		})
	return bytes, err
}

// liveHeap is what the heap holds after a collection, in bytes.
func liveHeap() int {
	runtime.GC()
	runtime.GC() // what finalizers let go
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc) //nolint:gosec // no heap is that large
}

// resident is what the process holds of the system's memory after it gave back what it does not need, in bytes.
func resident() (int, error) {
	debug.FreeOSMemory()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, fmt.Errorf("reading the memory of the process: %w", err)
	}
	for line := range strings.Lines(string(status)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "VmRSS:" {
			kb, err := strconv.Atoi(fields[1])
			return kb << 10, err
		}
	}
	return 0, fmt.Errorf("reading the memory of the process: no VmRSS")
}
