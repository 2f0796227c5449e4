package change

import (
	"context"
	"fmt"
	"strings"

	"github.com/nautes-labs/deployment-runtime/internal/layout"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// preconditions are If-Match and If-None-Match. They are looked at on every head that is judged.
type preconditions struct {
	match, noneMatch []string
}

// maxTags bounds the entity tags of one header: each may be a commit that has to be looked at.
const maxTags = 8

func parsePreconditions(r Request) (preconditions, error) {
	p := preconditions{match: tags(r.IfMatch), noneMatch: tags(r.IfNoneMatch)}
	for _, header := range []struct {
		name, text string
		tags       []string
	}{{"If-Match", r.IfMatch, p.match}, {"If-None-Match", r.IfNoneMatch, p.noneMatch}} {
		if header.text != "" && len(header.tags) == 0 || len(header.tags) > maxTags {
			return preconditions{}, problem.New(problem.Invalid, problem.ReasonBadRequest,
				"%s needs 1 to %d entity tags: send the ETag of your last GET, or *", header.name, maxTags)
		}
	}
	return p, nil
}

// tags returns the entity tags of a header without quotes and without the mark of weakness. The weak tag of a list is a
// head, and any commit may be given as a tag.
func tags(header string) []string {
	var out []string
	for _, tag := range strings.Split(header, ",") {
		tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/")
		if tag = strings.Trim(tag, `"`); tag != "" {
			out = append(out, tag)
		}
	}
	return out
}

// sameFileAt says whether the file was the same at a commit as it is now.
type sameFileAt func(ctx context.Context, commit string, now *layout.Entry) (bool, error)

// hold checks them against the object as it is now; entry is nil where there is none.
func (p preconditions) hold(ctx context.Context, entry *layout.Entry, same sameFileAt) error {
	for _, tag := range p.noneMatch {
		if entry != nil && (tag == "*" || tag == entry.Blob) {
			return failed(
				"it exists already, and If-None-Match asks that it does not: read it, then send If-Match with its ETag")
		}
	}
	if len(p.match) == 0 {
		return nil
	}
	if entry == nil {
		return failed("it does not exist, and If-Match asks that it does: leave If-Match out to create it")
	}
	for _, tag := range p.match {
		if tag == "*" || tag == entry.Blob {
			return nil
		}
	}
	for _, tag := range p.match {
		if !isHash(tag) {
			continue
		}
		held, err := same(ctx, tag, entry)
		if err != nil {
			return fmt.Errorf("comparing with commit %s: %w", tag, err)
		}
		if held {
			return nil
		}
	}
	return failed("it changed since it was read: read it again, and send If-Match with its new ETag")
}

func failed(why string) *problem.Problem {
	return problem.New(problem.Conflict, problem.ReasonPreconditionFailed, "%s", why)
}
