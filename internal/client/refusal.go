package client

import (
	"encoding/json"
	"mime"
	"net/http"
	"strings"

	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// RefusedError is an answer of the server other than success. Its problem says what is wrong, in the server's words.
// The class comes from the HTTP status. The reason is the server's code, such as PRODUCT_NOT_FOUND.
type RefusedError struct {
	*problem.Problem
	// Status is the HTTP status.
	Status int
	// RequestID finds the request in the server's log.
	RequestID string
	// Violations are all rules that the request violates, in the server's order.
	Violations []wire.Violation
	// Warnings name what the server ignored in the request: it may be the cause.
	Warnings []string
}

// Unwrap returns the problem.
func (r *RefusedError) Unwrap() error { return r.Problem }

// details are the members of application/problem+json that are read.
type details struct {
	Title      string           `json:"title"`
	Detail     string           `json:"detail"`
	Reason     string           `json:"reason"`
	RequestID  string           `json:"request_id"`
	Violations []wire.Violation `json:"violations"`
	Warnings   []string         `json:"warnings"`
}

func (c *Client) refusal(resp *http.Response, body []byte) error {
	if resp.StatusCode < 400 {
		return problem.New(problem.Unavailable, problem.ReasonRedirected,
			"%s sends to another address, which is not followed: name the final address in --api-server or API_SERVER",
			c.base.Host)
	}
	r := &RefusedError{Status: resp.StatusCode, RequestID: resp.Header.Get("X-Request-Id")}
	var d details
	kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err == nil && kind == "application/problem+json" {
		err = json.Unmarshal(body, &d)
	}
	if err != nil || d.Reason == "" { // a proxy, or not our server
		r.Problem = problem.New(problem.ClassOf(resp.StatusCode), problem.ReasonNotAnAPI,
			"%s answered %q, not like the REST API of deployment runtimes: look at the address "+
				"in --api-server or API_SERVER", c.base.Host, resp.Status)
		r.After = retryAfter(resp)
		return r
	}
	if d.RequestID != "" {
		r.RequestID = d.RequestID
	}
	message := strings.TrimSpace(d.Detail)
	if message == "" {
		message = d.Title
	}
	r.Problem = problem.New(problem.ClassOf(resp.StatusCode), d.Reason, "%s", message).RetryAfter(retryAfter(resp))
	r.Violations, r.Warnings = d.Violations, d.Warnings
	return r
}
