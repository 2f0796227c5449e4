package gitrepo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"

	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

const reference = plumbing.ReferenceName("refs/heads/" + identity.Branch)

// Push commits the edits on top of base and moves main to the new commit, if main is still at base. A nil base means
// that main does not exist yet. Push returns the new snapshot without fetching it. problem.ReasonOutcomeUnknown means
// that the push was sent and its answer was lost, for example because the context ended: read main to see whether it
// moved.
func (s *Store) Push(ctx context.Context, r Remote, base *Snapshot, c Commit) (next *Snapshot, err error) {
	if base != nil && base.project != r.ProjectID {
		return nil, problem.New(problem.Internal, problem.ReasonBadRemote,
			"a commit of project %d cannot be pushed to project %d", base.project, r.ProjectID)
	}
	c.Edits = slices.Clone(c.Edits)
	for i := range c.Edits {
		c.Edits[i].Data = bytes.Clone(c.Edits[i].Data)
	}
	b, err := build(base, c)
	if err != nil {
		return nil, err
	}
	old := plumbing.ZeroHash
	if base != nil {
		old = base.head
	}
	if err := s.send(ctx, r, old, b); err != nil {
		return nil, err
	}
	next = after(base, r.ProjectID, b, c.Edits)
	s.keep(next)
	return next, nil
}

// send moves main from one commit to another with one request. The server compares main with old, so there is no need
// to ask for main before.
func (s *Store) send(ctx context.Context, r Remote, old plumbing.Hash, b *built) (err error) {
	ctx, cancel := context.WithTimeout(ctx, s.options.Timeout)
	defer cancel()
	ctx, tell := s.observe(ctx, r, OperationPush)
	x, client, err := s.connect(r)
	defer func() { tell(x, err) }()
	if err != nil {
		return err
	}
	req, err := r.receivePack(ctx, old, b)
	if err != nil {
		return err
	}
	res, err := client.Do(req)
	if err != nil {
		return x.unanswered(ctx, err)
	}
	defer func() { _ = res.Body.Close() }()
	report, said, err := x.report(res)
	if err != nil {
		return x.unanswered(ctx, err)
	}
	return x.verdict(ctx, report, said)
}

// verdict says whether a push that was sent has moved main.
func (x *exchange) verdict(ctx context.Context, report *packp.ReportStatus, said string) error {
	if report.UnpackStatus != "ok" {
		return problem.New(problem.Unavailable, problem.ReasonUnavailable,
			"the git host could not store the commit for %s (%s)%s: try again later",
			x.remote.URL, plain(report.UnpackStatus, x.remote.Token), fromHost(said, x.remote))
	}
	i := slices.IndexFunc(report.CommandStatuses,
		func(c *packp.CommandStatus) bool { return c.ReferenceName == reference })
	if i < 0 {
		return x.unanswered(ctx, errors.New("the report does not name the branch"))
	}
	switch status := report.CommandStatuses[i].Status; {
	case status == "ok":
		return nil
	case isRace(status):
		return lostRace(x.remote, "somebody else's push came first").Because(errors.New(plain(status, x.remote.Token)))
	default:
		return x.pushRefused(status, said)
	}
}

// unanswered reports a push of which the result is not known.
func (x *exchange) unanswered(ctx context.Context, err error) error {
	definite := x.status >= 300 && x.status <= 499 || x.status == http.StatusServiceUnavailable && x.retryAfter > 0
	if definite || (x.status == 0 && !x.posting.Load()) {
		return x.pushFailure(ctx, err)
	}
	return problem.New(problem.Unavailable, problem.ReasonOutcomeUnknown,
		"the answer to a push to %s got lost, and it is not known whether branch %s holds the change: "+
			"look there before trying again", x.remote.URL, identity.Branch).
		Because(fmt.Errorf("pushing, status %d: %w", x.status, err)).RetryAfter(x.retryAfter)
}

// pushFailure is like failure, but a 403 means that the caller may not push.
func (x *exchange) pushFailure(ctx context.Context, err error) error {
	if x.status == http.StatusForbidden && !isTemporary(x.said) && !lacksScope(x.said) {
		return problem.New(problem.Forbidden, problem.ReasonPushRefused,
			"the git host does not let you push to %s%s: ask for a role that may push",
			x.remote.URL, quoted(x.said, x.remote)).Because(err)
	}
	return x.failure(ctx, err)
}

func (x *exchange) pushRefused(status, said string) error {
	if isTemporary(said) {
		return problem.New(problem.Unavailable, problem.ReasonUnavailable,
			"the git host could not judge the push to branch %s of %s%s: try again later",
			identity.Branch, x.remote.URL, fromHost(said, x.remote))
	}
	return problem.New(problem.Forbidden, problem.ReasonPushRefused,
		"the git host refused the push to branch %s of %s (%s)%s",
		identity.Branch, x.remote.URL, plain(status, x.remote.Token), fromHost(said, x.remote))
}

// isRace says whether the update was refused because the branch has moved.
func isRace(status string) bool {
	return slices.ContainsFunc([]string{
		"failed to update ref", "cannot lock ref", "failed to lock", "incorrect old value", "already exists",
		"reference does not exist",
		"fetch first", "non-fast-forward", "stale info", "missing necessary objects",
	}, func(sign string) bool { return strings.Contains(status, sign) })
}
