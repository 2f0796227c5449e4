package client

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// Place is a collection of the API.
type Place struct {
	// Product is the full path of a group, or product-<id>; "" for the collections of the tenant.
	Product string
	// Collection is the name of the kind in a path, such as deploymentruntimes.
	Collection string
}

func (p Place) path(name string) string {
	path := p.Collection
	if p.Product != "" {
		path = "products/" + url.PathEscape(strings.Trim(p.Product, "/")) + "/" + p.Collection
	}
	if name != "" {
		path += "/" + url.PathEscape(name)
	}
	return path
}

// Write holds options of a change.
type Write struct {
	// SkipCheck leaves out the rules on references and policies. The operator still checks them.
	SkipCheck bool
	// DeleteRepository says to delete the GitLab project together with the code repo.
	DeleteRepository bool
	// Strict refuses members that mean nothing.
	Strict bool
}

func (w Write) query() url.Values {
	q := url.Values{}
	if w.SkipCheck {
		q.Set("insecure_skip_check", "true")
	}
	if w.Strict {
		q.Set("strict", "true")
	}
	if w.DeleteRepository {
		q.Set("delete_repository", "true")
	}
	return q
}

// List returns the items and the warnings of a collection, all pages of them. T is an item of package wire.
func List[T any](ctx context.Context, c *Client, p Place) (wire.List[T], error) {
	all := wire.List[T]{Items: []T{}, Warnings: []string{}}
	told := map[string]bool{}
	query := url.Values{}
	for {
		var page wire.List[T]
		if err := c.do(ctx, call{method: http.MethodGet, path: p.path(""), query: query, safe: true},
			&page); err != nil {
			return wire.List[T]{}, err
		}
		all.Items = append(all.Items, page.Items...)
		// findings about files are in every page, warnings about an item only in its page
		for _, warning := range page.Warnings {
			if !told[warning] {
				told[warning] = true
				all.Warnings = append(all.Warnings, warning)
			}
		}
		if page.NextPageToken == "" || page.NextPageToken == query.Get("page_token") {
			return all, nil
		}
		query.Set("page_token", page.NextPageToken)
	}
}

// Names returns the names of a collection's first items.
func (c *Client) Names(ctx context.Context, p Place, limit int) ([]string, error) {
	var page wire.List[struct {
		Name string `json:"name"`
	}]
	query := url.Values{"limit": {strconv.Itoa(limit)}}
	if err := c.do(ctx, call{method: http.MethodGet, path: p.path(""), query: query, safe: true}, &page); err != nil {
		return nil, err
	}
	names := make([]string, 0, len(page.Items))
	for _, item := range page.Items {
		names = append(names, item.Name)
	}
	return names, nil
}

// Get returns one item.
func Get[T any](ctx context.Context, c *Client, p Place, name string) (T, error) {
	var item T
	if err := nameIsGiven(name); err != nil {
		return item, err
	}
	err := c.do(ctx, call{method: http.MethodGet, path: p.path(name), safe: true}, &item)
	return item, err
}

// History returns the last rollouts of a deployment runtime, the newest first.
func History(ctx context.Context, c *Client, p Place, name string) (wire.List[wire.Rollout], error) {
	var list wire.List[wire.Rollout]
	if err := nameIsGiven(name); err != nil {
		return list, err
	}
	err := c.do(ctx, call{method: http.MethodGet, path: p.path(name) + "/history", safe: true}, &list)
	return list, err
}

// Clusters returns the clusters that a product may choose from. Every valid token may ask for them.
func (c *Client) Clusters(ctx context.Context) (wire.List[wire.Cluster], error) {
	return List[wire.Cluster](ctx, c, Place{Collection: "clusters"})
}

// nameIsGiven refuses an empty name: the call would reach the whole collection instead of one resource.
func nameIsGiven(name string) error {
	if name == "" {
		return problem.New(problem.Invalid, problem.ReasonNoName, "no resource is named: give the name of one")
	}
	return nil
}

// Save creates or replaces one resource. body is encoded as JSON.
func (c *Client) Save(ctx context.Context, p Place, name string, body any, w Write) (wire.Saved, error) {
	var saved wire.Saved
	if err := nameIsGiven(name); err != nil {
		return saved, err
	}
	err := c.do(ctx, call{method: http.MethodPost, path: p.path(name), query: w.query(), body: body}, &saved)
	return saved, err
}

// Delete deletes one resource.
func (c *Client) Delete(ctx context.Context, p Place, name string, w Write) (wire.Deleted, error) {
	var deleted wire.Deleted
	if err := nameIsGiven(name); err != nil {
		return deleted, err
	}
	err := c.do(ctx, call{method: http.MethodDelete, path: p.path(name), query: w.query()}, &deleted)
	return deleted, err
}

// Preview is what a change would do: the answer to a dry run.
type Preview struct {
	Verdict    string           `json:"verdict"`
	Base       string           `json:"base"`
	Diff       string           `json:"diff"`
	Violations []wire.Violation `json:"violations"`
	Warnings   []string         `json:"warnings"`
	Plan       Plans            `json:"plan"`
}

// Plans say where runtimes would be deployed. The answer to one object holds one plan or null, that to a batch a list.
type Plans []wire.Plan

// UnmarshalJSON accepts one plan, null, or a list.
func (p *Plans) UnmarshalJSON(data []byte) error {
	switch data = bytes.TrimSpace(data); {
	case len(data) > 0 && data[0] == '[':
		return json.Unmarshal(data, (*[]wire.Plan)(p))
	case string(data) == "null":
		*p = nil
		return nil
	}
	var one wire.Plan
	if err := json.Unmarshal(data, &one); err != nil {
		return err
	}
	*p = Plans{one}
	return nil
}

// PreviewSave says what Save would do.
func (c *Client) PreviewSave(ctx context.Context, p Place, name string, body any, w Write) (*Preview, error) {
	if err := nameIsGiven(name); err != nil {
		return nil, err
	}
	return c.preview(ctx, call{method: http.MethodPost, path: p.path(name), query: w.query(), body: body})
}

// PreviewDelete says what Delete would do.
func (c *Client) PreviewDelete(ctx context.Context, p Place, name string, w Write) (*Preview, error) {
	if err := nameIsGiven(name); err != nil {
		return nil, err
	}
	return c.preview(ctx, call{method: http.MethodDelete, path: p.path(name), query: w.query()})
}

func (c *Client) preview(ctx context.Context, q call) (*Preview, error) {
	q.query.Set("dry_run", "true")
	q.safe = true
	var p Preview
	if err := c.do(ctx, q, &p); err != nil {
		return nil, err
	}
	return &p, nil
}

// MostDocuments is how many documents the server takes in one batch. The client never splits a batch: the server judges
// a batch as a whole, and a part would lack objects that it refers to.
const MostDocuments = 1000

func fitsOneBatch(changes wire.Changes) error {
	if n := len(changes.Changes); n > MostDocuments {
		return problem.New(problem.Invalid, problem.ReasonTooMany,
			"%d resources of one product are more than the %d that are judged as a whole: give fewer at a time, what "+
				"others refer to first", n, MostDocuments)
	}
	return nil
}

// Change saves and deletes several resources of a product in one commit.
func (c *Client) Change(ctx context.Context, product string, changes wire.Changes, w Write) (wire.Saved, error) {
	var saved wire.Saved
	if err := fitsOneBatch(changes); err != nil {
		return saved, err
	}
	p := Place{Product: product, Collection: "changes"}
	err := c.do(ctx, call{method: http.MethodPost, path: p.path(""), query: w.query(), body: changes}, &saved)
	return saved, err
}

// PreviewChange says what Change would do.
func (c *Client) PreviewChange(ctx context.Context, product string, changes wire.Changes, w Write) (*Preview, error) {
	if err := fitsOneBatch(changes); err != nil {
		return nil, err
	}
	p := Place{Product: product, Collection: "changes"}
	return c.preview(ctx, call{method: http.MethodPost, path: p.path(""), query: w.query(), body: changes})
}
