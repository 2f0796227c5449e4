package fakegitlab

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// call is one request to the API, while it holds the lock of the instance.
type call struct {
	*Server
	r     *http.Request
	user  *user  // nil: nobody
	token *token // nil: nobody
	path  map[string]string
	in    values
	op    *operationDescription
	// header of the answer
	header http.Header
	// after runs without the lock, when the answer is made.
	after []func()
}

// reply is an answer of the API.
type reply struct {
	status int
	body   any
}

func answer(status int, body any) *reply { return &reply{status: status, body: body} }

func refusal(status int, message any) *reply {
	return &reply{status: status, body: map[string]any{"message": message}}
}

func notFound(what string) *reply { return refusal(http.StatusNotFound, "404 "+what+" Not Found") }
func forbidden() *reply           { return refusal(http.StatusForbidden, "403 Forbidden") }
func unauthorized() *reply        { return refusal(http.StatusUnauthorized, "401 Unauthorized") }
func badRequest(message any) *reply {
	return refusal(http.StatusBadRequest, message)
}

// invalid is GitLab's answer to a parameter that it cannot read.
func invalid(finding string) *reply {
	return &reply{status: http.StatusBadRequest, body: map[string]any{"error": finding}}
}

// rights say who may call an operation at all; the rest is decided by the operation itself.
type rights int

const (
	anybody   rights = iota // also without a token
	reading                 // scopes api, read_api
	identity                // scopes api, read_api, read_user
	selfKnown               // any scope
	writing                 // scope api
	admins                  // scope api, administrators only
)

// route is an operation and what carries it out.
type route struct {
	operation string
	rights    rights
	handle    func(*call) *reply
}

type boundRoute struct {
	route
	described *operationDescription
}

type routes struct {
	description *description
	all         []boundRoute
}

func newRoutes() (*routes, error) {
	d, err := parseDescription(descriptionText)
	if err != nil {
		return nil, err
	}
	all := &routes{description: d}
	for _, table := range [][]route{userRoutes(), groupRoutes(), memberRoutes(), accessRequestRoutes(), projectRoutes(),
		repositoryRoutes(), hookRoutes(), tokenRoutes()} {
		for _, r := range table {
			described := d.operations[r.operation]
			if described == nil {
				return nil, fmt.Errorf("gitlab.api doesn't describe %s", r.operation)
			}
			all.all = append(all.all, boundRoute{route: r, described: described})
		}
	}
	return all, nil
}

// find returns the route of a path below /api/v4; of several, the one with the most literal segments comes first in
// the tables.
func (rs *routes) find(method, escaped string) (found *boundRoute, path map[string]string, otherMethod bool) {
	segments := strings.Split(strings.Trim(escaped, "/"), "/")
	for i := range rs.all {
		r := &rs.all[i]
		path, ok := match(r.described.pattern, segments)
		if !ok {
			continue
		}
		if r.described.method != method {
			otherMethod = true
			continue
		}
		return r, path, false
	}
	return nil, nil, otherMethod
}

func match(pattern, segments []string) (map[string]string, bool) {
	if len(pattern) != len(segments) {
		return nil, false
	}
	path := map[string]string{}
	for i, want := range pattern {
		got, err := url.PathUnescape(segments[i])
		if err != nil || got == "" {
			return nil, false
		}
		if name, variable := strings.CutPrefix(want, ":"); variable {
			path[name] = got
		} else if want != got {
			return nil, false
		}
	}
	return path, true
}

func (s *Server) serveAPI(w http.ResponseWriter, r *http.Request) {
	escaped, ok := strings.CutPrefix(r.URL.EscapedPath(), "/api/v4/")
	if !ok {
		writeReply(w, http.Header{},
			&reply{status: http.StatusNotFound, body: map[string]any{"error": "404 Not Found"}})
		return
	}
	found, path, otherMethod := s.routes.find(r.Method, escaped)
	switch {
	case found == nil && otherMethod:
		writeReply(w, http.Header{},
			&reply{status: http.StatusMethodNotAllowed, body: map[string]any{"error": "405 Not Allowed"}})
		return
	case found == nil:
		s.log.violated(fmt.Sprintf("%s %s: no such operation here", r.Method, r.URL.EscapedPath()))
		writeReply(w, http.Header{},
			&reply{status: http.StatusNotFound, body: map[string]any{"error": "404 Not Found"}})
		return
	}
	c := &call{Server: s, r: r, path: path, op: found.described, header: http.Header{}}
	in, finding, violation := found.described.readRequest(r)
	if violation != "" {
		violation = fmt.Sprintf("%s %s: %s", r.Method, r.URL.EscapedPath(), violation)
		s.log.violated(violation)
		writeReply(w, c.header, invalid("fakegitlab: "+violation))
		return
	}
	c.in = in
	out := s.carryOut(c, found, finding)
	for _, f := range c.after {
		f()
	}
	body := writeReply(w, c.header, out)
	if err := s.routes.description.checkAnswer(found.described, out.status, body); err != nil {
		s.log.violated(fmt.Sprintf("answer to %s: %v", found.operation, err))
	}
}

func (s *Server) carryOut(c *call, found *boundRoute, finding string) *reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	if out := s.authenticate(c, found.rights); out != nil {
		return out
	}
	if finding != "" {
		return invalid(finding)
	}
	if out := s.throttle(c, found.operation); out != nil {
		return out
	}
	return found.handle(c)
}

// throttle limits what GitLab limits per user by default: requests to a project's or a group's own address.
func (s *Server) throttle(c *call, operation string) *reply {
	if operation != "GET /projects/:id" && operation != "GET /groups/:id" {
		return nil
	}
	who := "address " + address(c.r)
	if c.user != nil {
		who = "user " + strconv.FormatInt(c.user.id, 10)
	}
	if s.limit.over(operation+" "+who, s.o.RequestsPerMinute, s.now()) {
		return refusal(http.StatusTooManyRequests,
			map[string]any{"error": "This endpoint has been requested too many times. Try again later."})
	}
	return nil
}

func writeReply(w http.ResponseWriter, header http.Header, out *reply) []byte {
	for name, values := range header {
		w.Header()[name] = values
	}
	if out.status == http.StatusNoContent {
		w.WriteHeader(out.status)
		return nil
	}
	body, err := json.Marshal(out.body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return nil
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(out.status)
	_, _ = w.Write(body)
	return body
}

func (c *call) number(name string) (int64, bool) {
	n, err := strconv.ParseInt(c.path[name], 10, 64)
	return n, err == nil
}
