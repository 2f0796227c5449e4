package change

import (
	"context"
	"errors"
	"fmt"
	"slices"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/gitrepo"
	"github.com/nautes-labs/deployment-runtime/internal/layout"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// maxTries is how often a change is judged before it gives up on a main that keeps moving.
const maxTries = 8

// running is a change under way.
type running struct {
	*access
	request    Request
	ops        []*operation
	conditions preconditions
	lookups    lookups
	unknown    []string
	// judged is the head that is looked at.
	judged string
	// settling: a push was sent whose answer was lost, and it is looked whether main holds the change.
	settling bool
}

// Change saves and deletes objects of one product, also the Product itself. The Outcome is never nil: with an error it says who called, and what
// the change was judged against, as far as that is known.
func (s *Service) Change(ctx context.Context, c Caller, r Request) (*Outcome, error) {
	out := &Outcome{Warnings: []string{}}
	if err := needsToken(c); err != nil {
		return out, err
	}
	conditions, err := parsePreconditions(r)
	if err != nil {
		return out, err
	}
	ops, unknown, err := s.prepare(r) //nolint:contextcheck // the schema is judged in memory: there is nothing to cancel
	if err != nil {
		return out, err
	}
	for _, member := range unknown {
		out.Warnings = append(out.Warnings, "UNKNOWN_MEMBER: "+member+" is not known and was ignored")
	}
	if ops[0].kind == "Product" {
		return out, s.changeProduct(ctx, c, r, ops[0], out)
	}
	pushes := s.lanes.now()
	a, err := s.open(ctx, c, r.Product, purposeOf(ops))
	out.User, out.Product, out.Base = a.user, a.product, a.head
	if err != nil {
		return out, err
	}
	ch := &running{access: a, request: r, ops: ops, conditions: conditions, unknown: out.Warnings}
	ch.lookups = lookups{service: s, access: a, hosted: map[string]string{}}
	if r.DryRun {
		base, err := s.base(ctx, ch)
		if err != nil {
			return out, err
		}
		return out, s.preview(ctx, ch, base, out)
	}
	if err := s.lanes.enter(ctx, a.project.ID); err != nil {
		return out, fmt.Errorf("waiting for other changes of the product: %w", err)
	}
	defer s.lanes.leave(a.project.ID)
	return out, s.commit(ctx, ch, s.lanes.since(a.project.ID, pushes), out)
}

func purposeOf(ops []*operation) purpose {
	if slices.ContainsFunc(ops, func(o *operation) bool { return o.kind == "CodeRepoBinding" }) {
		return toGrant
	}
	return toWrite
}

// base returns what main holds as the caller saw it; nil without commits.
func (s *Service) base(ctx context.Context, ch *running) (*gitrepo.Snapshot, error) {
	if ch.head == "" {
		return nil, nil
	}
	snapshot, err := s.Repos.Snapshot(ctx, ch.remote(), ch.head)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", ch.project.Path, err)
	}
	return snapshot, nil
}

// commit judges and pushes until main stood still for long enough. base is what our own last push made of main while this change waited, or nil:
// the caller's rights were asked for in this request, and the push is the judge of the rest.
func (s *Service) commit(ctx context.Context, ch *running, base *gitrepo.Snapshot, out *Outcome) error {
	var err error
	unknown := 0
	for try := range maxTries {
		if try > 0 {
			if err := s.reopen(ctx, ch.access, ch.request.Product, purposeOf(ch.ops)); err != nil {
				return err
			}
			base = nil
		}
		if base == nil {
			if base, err = s.base(ctx, ch); err != nil {
				if isReason(err, gitrepo.ReasonLostRace) {
					continue
				}
				return err
			}
		}
		again, err := s.attempt(ctx, ch, base, out)
		if isReason(err, gitrepo.ReasonOutcomeUnknown) {
			unknown++
		}
		if !again || unknown > 1 { // a git host that loses answers is not asked for ever
			return err
		}
	}
	return problem.New(problem.Conflict, ReasonConflict, "branch %s of %s moved %d times while the change was judged: try again", Branch, ch.project.Path, maxTries)
}

// attempt judges the change on one head and pushes it. again says that main is not what it was judged on.
func (s *Service) attempt(ctx context.Context, ch *running, base *gitrepo.Snapshot, out *Outcome) (again bool, err error) {
	out.Base = headOf(base)
	w, err := s.evaluate(ctx, ch, base)
	if err != nil {
		return false, err
	}
	out.Warnings = collected(ch.unknown, w.warnings)
	if len(w.violations) > 0 {
		out.Verdict, out.Violations = wire.VerdictRefused, w.violations
		return false, refusal(w.violations)
	}
	made, err := s.ensureRepos(ctx, ch)
	if err != nil {
		return false, err
	}
	if made { // the ids of new projects are known now
		if w, err = s.evaluate(ctx, ch, base); err != nil {
			return false, err
		}
		if len(w.violations) > 0 {
			out.Verdict, out.Violations = wire.VerdictRefused, w.violations
			return false, refusal(w.violations)
		}
	}
	if len(w.edits) == 0 {
		out.Verdict, out.Commit = wire.VerdictUnchanged, out.Base
		return false, nil
	}
	pushed, err := s.Repos.Push(ctx, ch.remote(), base, gitrepo.Commit{
		Author:  s.author(ch.access),
		Message: commitMessage(w.done, ch.path, ch.caller, ch.request.SkipCheck),
		Edits:   w.edits,
	})
	if isReason(err, gitrepo.ReasonOutcomeUnknown) {
		return s.settle(ctx, ch, out, err)
	}
	if err != nil {
		return isReason(err, gitrepo.ReasonLostRace), fmt.Errorf("pushing to %s: %w", ch.project.Path, err)
	}
	s.lanes.remember(ch.project.ID, pushed)
	out.Verdict, out.Changed, out.Commit = wire.VerdictSave, true, pushed.Head()
	s.afterwards(ctx, ch, w, out)
	return false, nil
}

// settle reads main to learn what became of a push whose answer was lost. again says that main does not hold the change.
func (s *Service) settle(ctx context.Context, ch *running, out *Outcome, lost error) (again bool, err error) {
	base := ch.judged
	if err := s.reopen(ctx, ch.access, ch.request.Product, purposeOf(ch.ops)); err != nil {
		return false, fmt.Errorf("reading what became of a push: %w", errors.Join(lost, err))
	}
	if ch.head == base {
		return true, lost
	}
	now, err := s.base(ctx, ch)
	if err != nil {
		return false, fmt.Errorf("reading what became of a push: %w", errors.Join(lost, err))
	}
	ch.settling = true
	defer func() { ch.settling = false }()
	w, err := s.evaluate(ctx, ch, now)
	if err != nil || len(w.edits) > 0 || len(w.violations) > 0 {
		return true, lost
	}
	s.lanes.remember(ch.project.ID, now)
	out.Verdict, out.Changed, out.Commit = wire.VerdictSave, true, ch.head
	s.afterwards(ctx, ch, w, out)
	return false, nil
}

func isReason(err error, reason string) bool {
	p := problem.As(err)
	return p != nil && p.Reason == reason
}

func headOf(snapshot *gitrepo.Snapshot) string {
	if snapshot == nil {
		return ""
	}
	return snapshot.Head()
}

func (s *Service) author(a *access) gitrepo.Signature {
	name := a.user.Name
	if name == "" {
		name = a.user.Username
	}
	return gitrepo.Signature{Name: name, Email: a.user.Email, When: s.Now()}
}

// ensureRepos makes the GitLab side of code repos that are saved. made says that resource names changed.
func (s *Service) ensureRepos(ctx context.Context, ch *running) (made bool, err error) {
	for _, op := range ch.ops {
		if op.repo == nil {
			continue
		}
		created, err := op.repo.ensure(ctx, s, ch.access)
		if err != nil {
			return made, err
		}
		made = made || created
	}
	return made, nil
}

// afterwards does what follows a push. The change is made: what fails here is a warning.
func (s *Service) afterwards(ctx context.Context, ch *running, w *whatIf, out *Outcome) {
	for _, op := range ch.ops {
		if op.repo != nil && op.repo.project != nil {
			out.Warnings = append(out.Warnings, s.hook(ctx, ch.caller, op.repo.project.ID, eventsOf(w, op))...)
		}
		if op.remove && op.kind == "CodeRepo" && ch.request.DeleteRepository {
			out.Warnings = append(out.Warnings, s.deleteRepository(ctx, ch.access, op.resource)...)
		}
	}
}

func eventsOf(w *whatIf, op *operation) []string {
	for _, o := range w.saved {
		if repo, ok := o.(*api.CodeRepo); ok && repo.Name == op.resource && repo.Spec.Webhook != nil {
			return repo.Spec.Webhook.Events
		}
	}
	return nil
}

// preview says what the change would do. A refusal is a verdict here; what is no verdict stays an error.
func (s *Service) preview(ctx context.Context, ch *running, base *gitrepo.Snapshot, out *Outcome) error {
	w, err := s.evaluate(ctx, ch, base)
	if err != nil {
		return err
	}
	out.Base, out.Commit = headOf(base), headOf(base)
	out.Warnings = collected(ch.unknown, w.warnings)
	if out.Diff, err = unifiedDiff(w.before.Data, w.edits); err != nil {
		return fmt.Errorf("writing the diff: %w", err)
	}
	if len(w.violations) > 0 {
		return finish(ch.request, out, w.violations)
	}
	out.Plan = s.plans(ctx, ch, w)
	out.Verdict = wire.VerdictSave
	if len(w.edits) == 0 {
		out.Verdict = wire.VerdictUnchanged
	}
	return nil
}

// finish makes a refusal: a verdict for a dry run, else an error.
func finish(r Request, out *Outcome, violations Violations) error {
	out.Verdict, out.Violations = wire.VerdictRefused, violations
	if r.DryRun {
		return nil
	}
	return refusal(violations)
}

func collected(lists ...[]string) []string {
	out := []string{}
	for _, w := range slices.Concat(lists...) {
		if !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	return out
}

// sameFileAt compares the file of an object with what it was at a commit.
func (ch *running) sameFileAt(s *Service) sameFileAt {
	return func(ctx context.Context, commit string, now *layout.Entry) (bool, error) {
		if commit == ch.judged {
			return true, nil
		}
		return s.Repos.SameAt(ctx, ch.remote(), commit, now.File, now.Blob)
	}
}
