// Package problem is the vocabulary of failures. Every layer reports failures with it. Only the edges translate a
// problem into something else: an outcome of a reconciler, an HTTP status, an exit code.
//
// A message is for people: one sentence that says what is wrong, where, and what to do next. It is the same in every
// pass as long as the failure is the same. It never contains a secret, a timestamp or the name of another product.
package problem

import (
	"errors"
	"fmt"
	"time"
)

// Class says what kind of failure it is, and so who can do something about it.
type Class string

// The classes.
const (
	// Invalid: the request itself is wrong. Repeating it changes nothing.
	Invalid Class = "Invalid"
	// Missing: an object that is referred to does not exist. A watch reports its creation.
	Missing Class = "Missing"
	// Unauthenticated: the caller is not known.
	Unauthenticated Class = "Unauthenticated"
	// Forbidden: the object exists, but the caller may not use it.
	Forbidden Class = "Forbidden"
	// Conflict: something else prevents it.
	Conflict Class = "Conflict"
	// Waiting: nothing is wrong; something else has to happen first.
	Waiting Class = "Waiting"
	// Unavailable: an outside system did not answer. Repeating the request may help.
	Unavailable Class = "Unavailable"
	// RateLimited: there were too many requests. After says how long to wait.
	RateLimited Class = "RateLimited"
	// Internal: a bug.
	Internal Class = "Internal"
)

// Problem is a failure with a class, a stable reason (a CamelCase word, as in conditions) and a message.
type Problem struct {
	Class   Class
	Reason  string
	Message string
	// Field is the path of the wrong field, such as spec.destination; empty when it is not a single field.
	Field string
	// After is how long to wait before the next attempt; 0 means that an event triggers it.
	After time.Duration
	// Cause is for logs. It is not part of the message.
	Cause error
}

// Error returns the message.
func (p *Problem) Error() string { return p.Message }

// Unwrap returns the cause.
func (p *Problem) Unwrap() error { return p.Cause }

// New returns a problem of the class.
func New(class Class, reason, format string, args ...any) *Problem {
	return &Problem{Class: class, Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// Because sets the cause and returns the problem.
func (p *Problem) Because(cause error) *Problem {
	p.Cause = cause
	return p
}

// RetryAfter sets how long to wait before the next attempt and returns the problem.
func (p *Problem) RetryAfter(d time.Duration) *Problem {
	p.After = d
	return p
}

// At sets the field and returns the problem.
func (p *Problem) At(field string) *Problem {
	p.Field = field
	return p
}

// As returns the problem in err's chain, or nil.
func As(err error) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	return nil
}

// Is says whether err's chain holds a problem of the class.
func Is(err error, class Class) bool {
	p := As(err)
	return p != nil && p.Class == class
}
