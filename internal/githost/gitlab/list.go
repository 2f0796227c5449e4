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

// list returns all pages of a list, sorted by id, or an error. A list that may lack something is an error: whoever takes a short list for the
// whole one deletes what is missing from it.
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

// listAfter is list for what GitLab pages by id. It goes on after the last id that came, until nothing comes: whether there is more is not
// told by a header, nor by the length of a page, and there is no total to compare with.
func listAfter[T any](ctx context.Context, h *Host, t task, id func(*T) int64, page func(after int64) request[[]*T]) ([]*T, error) {
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

// take adds a page to what was read before.
func take[T any](t task, all map[int64]*T, items []*T, id func(*T) int64) error {
	if items == nil {
		return t.badAnswer("without a list")
	}
	for _, item := range items {
		if item == nil {
			return t.badAnswer("with a list that has holes")
		}
		if _, twice := all[id(item)]; twice { // entries moved between pages while we read, so that others may have been left out
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

// oldestFirst orders offset pages by id, so that what is created meanwhile comes at the end and moves nothing.
func oldestFirst() (orderBy, sort *string) { return gitlab.Ptr("id"), gitlab.Ptr("asc") }
