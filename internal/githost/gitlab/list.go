package gitlab

import (
	"context"
	"maps"
	"slices"

	gitlab "gitlab.com/gitlab-org/api/client-go"
)

const (
	pageSize = 100
	// maxPages bounds a list: a hundred thousand entries.
	maxPages = 1000
)

// list returns all pages of a list, sorted by id. If an entry may be missing, it returns an error: a caller that takes
// a short list for the complete one deletes what is missing from it.
func list[T any](ctx context.Context, h *Host, t task, id func(*T) int64, page request[[]*T]) ([]*T, error) {
	all := map[int64]*T{}
	var next []gitlab.RequestOptionFunc
	for range maxPages {
		items, response, err := ask(ctx, h, t, func(o ...gitlab.RequestOptionFunc) ([]*T, *gitlab.Response, error) {
			return page(append(o, next...)...)
		})
		if err == nil {
			err = take(t, all, items, id)
		}
		if err != nil {
			return nil, err
		}
		option, more := gitlab.WithNext(response)
		if !more {
			if response.Header.Get("X-Total") != "" && response.TotalItems != int64(len(all)) {
				return nil, t.badAnswer("with a list that breaks off")
			}
			return sorted(all), nil
		}
		if len(items) == 0 {
			return nil, t.badAnswer("with a list that does not go on")
		}
		next = []gitlab.RequestOptionFunc{option}
	}
	return nil, t.badAnswer("with a list without end")
}

// listAfter does the same as list for requests that GitLab pages by id. It requests the entries after the last id until
// an empty page comes. For such requests GitLab sends no header about further pages and no total, and pages may be
// short.
func listAfter[T any](ctx context.Context, h *Host, t task, id func(*T) int64,
	page func(after int64) request[[]*T]) ([]*T, error) {
	all := map[int64]*T{}
	last := int64(0)
	for range maxPages {
		items, _, err := ask(ctx, h, t, page(last))
		if err == nil {
			err = take(t, all, items, id)
		}
		if err != nil {
			return nil, err
		}
		if len(items) == 0 {
			return sorted(all), nil
		}
		for _, item := range items {
			if id(item) <= last {
				return nil, t.badAnswer("with a list out of order")
			}
			last = id(item)
		}
	}
	return nil, t.badAnswer("with a list without end")
}

// take adds a page to the entries that were read before.
func take[T any](t task, all map[int64]*T, items []*T, id func(*T) int64) error {
	if items == nil {
		return t.badAnswer("without a list")
	}
	for _, item := range items {
		if item == nil {
			return t.badAnswer("with a list that has holes")
		}
		// entries moved between pages during the reading, so others may be missing
		if _, twice := all[id(item)]; twice {
			return t.badAnswer("with a list that changed while it was read")
		}
		all[id(item)] = item
	}
	return nil
}

func sorted[T any](all map[int64]*T) []*T {
	items := make([]*T, 0, len(all))
	for _, id := range slices.Sorted(maps.Keys(all)) {
		items = append(items, all[id])
	}
	return items
}

// oldestFirst orders numbered pages by id. Entries that are created meanwhile come last and do not move others.
func oldestFirst() (orderBy, sort *string) { return gitlab.Ptr("id"), gitlab.Ptr("asc") }
