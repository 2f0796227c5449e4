package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nautes-labs/deployment-runtime/internal/client"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// usageError says that the command line itself is wrong.
type usageError struct{ message string }

func (e *usageError) Error() string { return e.message }

func usage(format string, args ...any) error {
	return &usageError{message: fmt.Sprintf(format, args...)}
}

// reported is an error that has been shown already: only its exit code matters.
type reported struct{ error }

func (r reported) Unwrap() error { return r.error }

// ExitCode returns the exit code for the error of a command: 0 done, 1 usage, 2 invalid, 3 not allowed, 4 not found, 5
// conflict, 6 unavailable.
func ExitCode(err error) int {
	if err == nil {
		return problem.ExitDone
	}
	if errors.Is(err, context.Canceled) {
		return problem.ExitUnavailable
	}
	p := problem.As(err)
	if p == nil {
		return problem.ExitUsage // also errors of cobra about unknown commands, and files that cannot be read
	}
	return p.Class.ExitCode()
}

// report prints an error for a person: what is wrong, where, and what to do next.
func (s *Surroundings) report(err error) {
	var done reported
	if errors.As(err, &done) {
		return
	}
	st := s.errorStyle()
	switch {
	case errors.Is(err, context.Canceled) && errors.Is(err, client.ErrUnanswered):
		fmt.Fprintf(s.Stderr, "%s stopped; %v\n", st.bad("error:"), client.ErrUnanswered)
		return
	case errors.Is(err, context.Canceled):
		fmt.Fprintf(s.Stderr, "%s stopped\n", st.bad("error:"))
		return
	}
	message := err.Error()
	var refusal *client.RefusedError
	if errors.As(err, &refusal) && len(refusal.Violations) > 0 { // the server's message repeats the first violation
		message = strings.TrimSuffix(message, refusal.Error()) + counted(len(refusal.Violations), "violation") + ":"
	}
	fmt.Fprintf(s.Stderr, "%s %s\n", st.bad("error:"), clean(s.asCalled(message)))
	if refusal != nil {
		s.warnings(refusal.Warnings)
		s.violations(refusal.Violations)
		s.hint(refusal)
		return
	}
	if cause := problem.As(err); cause == nil {
		fmt.Fprintf(s.Stderr, "Run \"%s --help\", or --help after a command, for how it is used.\n", s.program())
	}
}

// hint adds what the server cannot know: the flag or command of this program that helps.
func (s *Surroundings) hint(r *client.RefusedError) {
	where := "reason " + r.Reason
	if r.RequestID != "" {
		where += ", request id " + r.RequestID
	}
	fmt.Fprintf(s.Stderr, "  (%s)\n", clean(where))
	switch {
	case r.Class == problem.Unauthenticated:
		fmt.Fprintf(s.Stderr, "Give a valid GitLab token: \"%s login\", GIT_TOKEN, --token-file, or \"--token -\".\n", s.program())
	case r.After > 0:
		fmt.Fprintf(s.Stderr, "Try again in %s.\n", r.After)
	}
}

// violations lists them on stderr, each with the object that it is about.
func (s *Surroundings) violations(all []wire.Violation) {
	for _, v := range all {
		where := ""
		if v.Params[placed] != "" {
			where = clean(v.Params[placed]) + ": "
		}
		fmt.Fprintf(s.Stderr, "  - %s%s\n", where,
			aboutObject(v.Params["kind"], v.Params["name"], v.Message)+violationLine(v.Rule, v.Field, v.Message))
	}
}

// aboutObject names the object of a violation, unless its message begins with that.
func aboutObject(kind, name, message string) string {
	if kind == "" || name == "" || strings.HasPrefix(message, kind+" "+name+": ") ||
		strings.HasPrefix(message, fmt.Sprintf("%s %q ", kind, name)) {
		return ""
	}
	return clean(kind + " " + name + ": ")
}

// violationLine is one violation in a list.
func violationLine(rule, field, message string) string {
	var b strings.Builder
	if field != "" {
		b.WriteString(field + ": ")
	}
	b.WriteString(message)
	if rule != "" {
		b.WriteString(" [" + rule + "]")
	}
	return clean(b.String())
}
