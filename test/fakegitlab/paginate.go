package fakegitlab

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

const (
	perPageDefault = 20
	perPageMost    = 100
	offsetMost     = 50_000
	countMost      = 10_000 // beyond it, totals are left out
)

// page answers with one page of a list, the way of the request: by number, or by key when the operation has it.
func page[T any](c *call, items []T, show func(T) any) *reply {
	if c.in.text("pagination") == "keyset" {
		return &reply{status: http.StatusMethodNotAllowed,
			body: map[string]any{"error": "Keyset pagination is not yet available for this type of request"}}
	}
	number, size := c.pageNumber(), c.pageSize()
	if (number-1)*size > offsetMost {
		return &reply{status: http.StatusMethodNotAllowed,
			body: map[string]any{"error": fmt.Sprintf("Offset pagination has a maximum allowed offset of %d "+
				"for requests that return objects of type Project. Remaining records can be retrieved using "+
				"keyset pagination.", offsetMost)}}
	}
	from := min((number-1)*size, len(items))
	to := min(from+size, len(items))
	c.pageHeaders(number, size, len(items))
	return answer(http.StatusOK, showAll(items[from:to], show))
}

func showAll[T any](items []T, show func(T) any) []any {
	shown := make([]any, 0, len(items))
	for _, item := range items {
		shown = append(shown, show(item))
	}
	return shown
}

// pageByID is the page after or before an id, with nothing but a link to the next one. GitLab gives that link also when
// the page that follows is empty.
func pageByID[T any](c *call, items []T, id func(T) int64, show func(T) any) *reply {
	size := c.pageSize()
	items = items[:min(size, len(items))]
	if len(items) == size {
		query := c.r.URL.Query()
		key := "id_before"
		if c.in.text("sort") == "asc" {
			key = "id_after"
		}
		query.Del("page")
		query.Set(key, strconv.FormatInt(id(items[len(items)-1]), 10))
		c.header.Set("Link", fmt.Sprintf("<%s>; rel=%q", c.addressWith(query), "next"))
	}
	c.header.Set("X-Per-Page", strconv.Itoa(size))
	return answer(http.StatusOK, showAll(items, show))
}

func (c *call) pageNumber() int { return int(max(1, c.in.integer("page"))) }

func (c *call) pageSize() int {
	if !c.in.has("per_page") || c.in.integer("per_page") < 1 {
		return perPageDefault
	}
	return int(min(c.in.integer("per_page"), perPageMost))
}

func (c *call) addressWith(query url.Values) string {
	return c.external + c.r.URL.EscapedPath() + "?" + query.Encode()
}

func (c *call) pageHeaders(number, size, total int) {
	pages := max(1, (total+size-1)/size)
	link := func(to int) string {
		query := c.r.URL.Query()
		query.Set("page", strconv.Itoa(to))
		query.Set("per_page", strconv.Itoa(size))
		return c.addressWith(query)
	}
	var links []string
	var previous, next string
	if number > 1 {
		previous = strconv.Itoa(number - 1)
		links = append(links, fmt.Sprintf("<%s>; rel=%q", link(number-1), "prev"))
	}
	if number < pages {
		next = strconv.Itoa(number + 1)
		links = append(links, fmt.Sprintf("<%s>; rel=%q", link(number+1), "next"))
	}
	links = append(links, fmt.Sprintf("<%s>; rel=%q", link(1), "first"))
	if total <= countMost {
		links = append(links, fmt.Sprintf("<%s>; rel=%q", link(pages), "last"))
		c.header.Set("X-Total", strconv.Itoa(total))
		c.header.Set("X-Total-Pages", strconv.Itoa(pages))
	}
	c.header.Set("Link", strings.Join(links, ", "))
	c.header.Set("X-Page", strconv.Itoa(number))
	c.header.Set("X-Per-Page", strconv.Itoa(size))
	c.header.Set("X-Prev-Page", previous)
	c.header.Set("X-Next-Page", next)
}
