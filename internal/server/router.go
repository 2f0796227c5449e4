package server

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

const (
	apiPrefix = "/api/v1"
	// maxPath bounds the length of the escaped path, in bytes.
	maxPath = 2048
)

// router finds the operation of a request by the escaped path, so that an escaped slash stays a part of a name. It
// never redirects and never cleans a path: a path that means something else after cleaning must not reach another
// object. It is a huma.Adapter, and immutable after all routes are registered.
type router struct {
	routes      []*route
	collections []string
}

type route struct {
	// segments of the path. A segment in braces is a parameter.
	segments []string
	handlers map[string]handler
}

type handler struct {
	op    *huma.Operation
	serve func(huma.Context)
}

// match is the router's result for a path.
type match struct {
	route  *route
	params map[string]string
	// slash says that the path ends with a slash.
	slash bool
}

var _ huma.Adapter = (*router)(nil)

// Handle adds an operation.
func (r *router) Handle(op *huma.Operation, serve func(huma.Context)) {
	segments := strings.Split(strings.TrimPrefix(op.Path, "/"), "/")
	i := slices.IndexFunc(r.routes, func(o *route) bool { return slices.Equal(o.segments, segments) })
	if i < 0 {
		i = len(r.routes)
		r.routes = append(r.routes, &route{segments: segments, handlers: map[string]handler{}})
		if len(segments) > 4 && segments[3] == "{product}" && !slices.Contains(r.collections, segments[4]) {
			r.collections = append(r.collections, segments[4])
		}
	}
	r.routes[i].handlers[op.Method] = handler{op: op, serve: serve}
}

// ServeHTTP serves a request whose path has a route. The server calls find and verb before.
func (r *router) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	m, ok := r.find(req.URL)
	if !ok {
		return
	}
	h, ok := m.route.handlers[verb(req)]
	if !ok {
		return
	}
	for name, value := range m.params {
		req.SetPathValue(name, value)
	}
	h.serve(humago.NewContext(h.op, req, w))
}

// verb returns the method that selects the operation: HEAD is answered like GET.
func verb(req *http.Request) string {
	if req.Method == http.MethodHead {
		return http.MethodGet
	}
	return req.Method
}

// allowed lists the verbs of a route, for the header Allow.
func (o *route) allowed() string {
	var verbs []string
	for v := range o.handlers {
		verbs = append(verbs, v)
		if v == http.MethodGet {
			verbs = append(verbs, http.MethodHead)
		}
	}
	slices.Sort(verbs)
	return strings.Join(verbs, ", ")
}

// find returns the route of a URL. An unclean path has none.
func (r *router) find(u *url.URL) (match, bool) {
	segments, slash, ok := split(u.EscapedPath())
	if !ok {
		return match{}, false
	}
	segments = r.joinProduct(segments)
	for _, o := range r.routes {
		if params, ok := o.match(segments); ok {
			return match{route: o, params: params, slash: slash}, true
		}
	}
	return match{}, false
}

func (o *route) match(segments []string) (map[string]string, bool) {
	if len(segments) != len(o.segments) {
		return nil, false
	}
	params := map[string]string{}
	for i, want := range o.segments {
		switch {
		case want == "{product}":
			params["product"] = segments[i]
		case strings.HasPrefix(want, "{"):
			if strings.Contains(segments[i], "/") { // only the path of a group may contain slashes
				return nil, false
			}
			params[strings.Trim(want, "{}")] = segments[i]
		case want != segments[i]:
			return nil, false
		}
	}
	return params, true
}

// joinProduct joins the segments of a group's path with unescaped slashes into one segment: everything up to the first
// name of a collection. A group with the name of a collection needs escaped slashes.
func (r *router) joinProduct(segments []string) []string {
	const product = 3 // api, v1, products, {product}
	if len(segments) <= product || segments[2] != "products" {
		return segments
	}
	// without a collection only one segment counts: a forgotten collection must not lead to another group
	end := product + 1
	for i := product + 1; i < len(segments); i++ {
		if slices.Contains(r.collections, segments[i]) {
			end = i
			break
		}
	}
	joined := strings.Join(segments[product:end], "/")
	return slices.Concat(segments[:product], []string{joined}, segments[end:])
}

// split returns the unescaped segments of an escaped path, and whether it ends with a slash. ok is false for an unclean
// path: a segment, or a part of one with an escaped slash, is empty, "." or "..", or holds unprintable characters.
func split(escaped string) (segments []string, slash, ok bool) {
	rest, ok := strings.CutPrefix(escaped, "/")
	if !ok || len(escaped) > maxPath {
		return nil, false, false
	}
	if rest == "" {
		return nil, false, true
	}
	rest, slash = strings.CutSuffix(rest, "/")
	for raw := range strings.SplitSeq(rest, "/") {
		segment, err := url.PathUnescape(raw)
		if err != nil || !isClean(segment) {
			return nil, false, false
		}
		segments = append(segments, segment)
	}
	return segments, slash, true
}

func isClean(segment string) bool {
	if !utf8.ValidString(segment) ||
		strings.ContainsFunc(segment, func(c rune) bool { return c == '\\' || !unicode.IsPrint(c) }) {
		return false
	}
	for part := range strings.SplitSeq(segment, "/") {
		if part == "" || part == "." || part == ".." {
			return false
		}
	}
	return true
}
