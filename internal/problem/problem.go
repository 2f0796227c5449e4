// Package problem is the vocabulary of failure. Every layer says what went wrong in these words; only the edges (the
// reconcilers' outcome, the HTTP status, the exit code) turn them into something else.
//
// A message is for people: one sentence that says what is wrong, where, and what to do next. It is stable from pass to pass
// and never contains a secret, a timestamp or the name of another product.
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
	// Invalid: what was asked for is wrong in itself. Trying again changes nothing.
	Invalid Class = "Invalid"
	// Missing: something that is referred to does not exist. A watch says when it does.
	Missing Class = "Missing"
	// Unauthenticated: it is not known who asks.
	Unauthenticated Class = "Unauthenticated"
	// Forbidden: it exists, but may not be used.
	Forbidden Class = "Forbidden"
	// Conflict: something else is in the way.
	Conflict Class = "Conflict"
	// Waiting: nothing is wrong; something has to happen first.
	Waiting Class = "Waiting"
	// Unavailable: an outside system could not be asked. Trying again may help.
	Unavailable Class = "Unavailable"
	// RateLimited: asked too often. After says how long to wait.
	RateLimited Class = "RateLimited"
	// Internal: a bug.
	Internal Class = "Internal"
)

// Problem is a failure with a class, a stable reason (a CamelCase word, as in conditions) and a message.
type Problem struct {
	Class   Class
	Reason  string
	Message string
	// Field is the path of the field that is wrong, such as spec.destination; empty when it is no single field.
	Field string
	// After is how long to wait before looking again; 0 means that an event says when.
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

// RetryAfter sets how long to wait before looking again and returns the problem.
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
