package metrics

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/nautes-labs/deployment-runtime/internal/clusters"
)

// The roles of a cluster in Counting.
const (
	RoleManagement = "management"
	RoleRuntime    = "runtime"
)

// Counting returns what wraps the transport to API servers, so that each write is counted. Reads are not: controller-
// runtime counts them.
func (c *Counters) Counting(role string) func(http.RoundTripper) http.RoundTripper {
	return func(next http.RoundTripper) http.RoundTripper {
		return &roundTripper{next, func(r *http.Request) (*http.Response, error) {
			answer, err := next.RoundTrip(r)
			verb, resource := write(r.Method, r.URL.Path)
			if verb == "" {
				return answer, err
			}
			code := "none" // no answer came
			if err == nil {
				code = strconv.Itoa(answer.StatusCode)
			}
			c.writes.WithLabelValues(role, verb, resource, code).Inc()
			return answer, err
		}}
	}
}

type roundTripper struct {
	next  http.RoundTripper
	serve func(*http.Request) (*http.Response, error)
}

// RoundTrip implements http.RoundTripper.
func (t *roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return t.serve(r) }

// WrappedRoundTripper lets client-go close the connections of the transport below.
func (t *roundTripper) WrappedRoundTripper() http.RoundTripper { return t.next }

// write returns the verb and the resource of a write to an API server, such as patch and deploymentruntimes/status.
// Both are empty for a request that reads. Names of objects are no part of it.
func write(method, path string) (verb, resource string) {
	verbs := map[string]string{http.MethodPost: "create", http.MethodPut: "update", http.MethodPatch: "patch",
		http.MethodDelete: "delete"}
	if verb = verbs[method]; verb == "" {
		return "", ""
	}
	if resource = clusters.ResourceOf(path); resource == "" {
		return "", ""
	}
	if verb == "create" && slices.Contains([]string{"subjectaccessreviews", "tokenreviews", "selfsubjectaccessreviews"},
		resource) {
		return "", "" // a question
	}
	return verb, resource
}
