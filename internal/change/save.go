package change

import (
	"context"
	"fmt"
	"slices"

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
	// waited says that others came first, before the operations were read.
	waited bool
	// judged is the head that is looked at.
	judged string
	// sent are pushes whose answers were lost, as long as they may take effect; unanswered counts all of them.
	sent       []sent
	unanswered int
}

// Change saves and deletes objects of one product, also the Product itself. The Outcome is never nil: with an error it says who called, and what
// the change was judged against, as far as that is known.
func (s *Service) Change(ctx context.Context, c Caller, r Request) (*Outcome, error) {
	if len(r.Operations) == 0 {
		return &Outcome{Warnings: []string{}}, badRequest("nothing to change: send at least one document")
	}
	a, out, err := s.admitted(ctx, c, r, kindOf(r.Operations[0]))
	if err != nil {
		return out, err
	}
	ch, err := s.begin(ctx, a, r)
	if err != nil {
		return out, err
	}
	out.Warnings = ch.unknown
	if ch.ops[0].kind == "Product" {
		return out, s.changeProduct(ctx, c, r, ch.ops[0], out)
	}
	if ch.waited { // what the git host said before is as old as the queue was long
		err = s.askAgain(ctx, ch)
	} else {
		err = s.admit(ctx, a, purposeOf(ch.ops))
	}
	if err != nil {
		return out, err
	}
	if r.DryRun {
		return out, s.preview(ctx, ch, out)
	}
	leave, waited, err := s.enterLane(ctx, a.project.ID)
	if err != nil {
		return out, fmt.Errorf("waiting for other changes of the product: %w", err)
	}
	defer leave()
	return out, s.commit(ctx, ch, waited, out)
}

// begin reads the operations, once it is known who calls.
func (s *Service) begin(ctx context.Context, a *access, r Request) (*running, error) {
	conditions, err := parsePreconditions(r)
	if err != nil {
		return nil, err
	}
	leave, waited, err := s.enterWork(ctx, a)
	if err != nil {
		return nil, err
	}
	defer leave()
	ops, unknown, err := s.prepare(ctx, r)
	if err != nil {
		return nil, err
	}
	ch := &running{access: a, request: r, ops: ops, conditions: conditions, waited: waited, unknown: []string{}}
	for _, member := range unknown {
		ch.unknown = append(ch.unknown, "UNKNOWN_MEMBER: "+member+" is not known and was ignored")
	}
	ch.lookups = lookups{service: s, access: a, hosted: map[string]string{}}
	return ch, nil
}

func purposeOf(ops []*operation) purpose {
	if slices.ContainsFunc(ops, func(o *operation) bool { return o.kind == "CodeRepoBinding" }) {
		return toGrant
	}
	return toWrite
}

// commit judges and pushes until main stood still for long enough.
//
// stale says that the caller waited for others. Then the git host is asked again, though the push would judge whether the caller may write: what
// is judged and answered tells of files that others pushed meanwhile, to a caller who may have lost the right to read them; and git knows
// projects by their path only, at which another project may stand by now. What the push needs is as old as one judgement, never as a queue.
func (s *Service) commit(ctx context.Context, ch *running, stale bool, out *Outcome) error {
	for range maxTries {
		if stale {
			if err := s.askAgain(ctx, ch); err != nil {
				return ch.unsettled(err)
			}
			if done, err := s.settle(ctx, ch, out); done || err != nil {
				return err
			}
		}
		stale = true
		again, err := s.attempt(ctx, ch, out)
		if !again {
			return err
		}
	}
	return ch.unsettled(problem.New(problem.Conflict, ReasonConflict, "branch %s of %s moved %d times while the change was judged: try again", Branch, ch.project.Path, maxTries))
}

// askAgain asks what the caller may do now, and sees to it that the change goes nowhere else than where it began: its lane and what it found out
// so far are of that project.
func (s *Service) askAgain(ctx context.Context, ch *running) error {
	project, product, path := ch.project.ID, ch.product, ch.project.Path
	if err := s.reopen(ctx, ch.access, ch.request.Product, purposeOf(ch.ops)); err != nil {
		return err
	}
	if ch.project.ID != project || ch.product != product {
		return problem.New(problem.Conflict, ReasonConflict, "another project stands at %s now than when the change began: look whether it is the right one, and try again", path)
	}
	return nil
}

// attempt judges the change on the head that the caller saw, and pushes it. again says that main is not what it was judged on, or may not be.
func (s *Service) attempt(ctx context.Context, ch *running, out *Outcome) (again bool, err error) {
	base, err := s.snapshot(ctx, ch.access, ch.head)
	if err != nil {
		return isReason(err, problem.ReasonLostRace), ch.unsettled(s.explained(ctx, ch, err))
	}
	out.Base = headOf(base)
	w, err := s.permitted(ctx, ch, base, out)
	if err != nil {
		return false, ch.unsettled(err)
	}
	made, err := s.ensureRepos(ctx, ch)
	if err != nil {
		return false, ch.unsettled(err)
	}
	if made { // the ids of new projects are known now
		if w, err = s.permitted(ctx, ch, base, out); err != nil {
			return false, ch.unsettled(err)
		}
	}
	if len(w.edits) == 0 {
		out.Verdict, out.Commit = wire.VerdictUnchanged, out.Base
		s.afterwards(ctx, ch, w, out) // an earlier save may have failed there
		return false, nil
	}
	commit := gitrepo.Commit{Author: s.author(ch.access), Message: commitMessage(w.done, ch.path, ch.caller, ch.request.SkipCheck), Edits: w.edits}
	pushed, err := s.Repos.Push(ctx, ch.remote(), base, commit)
	if isReason(err, problem.ReasonOutcomeUnknown) {
		ch.unanswered++
		ch.sent = append(ch.sent, sent{base: out.Base, commit: commit, whatIf: w, lost: err})
		return true, err
	}
	if err != nil {
		err = fmt.Errorf("pushing to %s: %w", ch.project.Path, err)
		return isReason(err, problem.ReasonLostRace), ch.unsettled(s.explained(ctx, ch, err))
	}
	s.saved(ctx, ch, w, out, pushed.Head())
	return false, nil
}

// permitted works out the change on a head; an error also says that the rules refuse it.
func (s *Service) permitted(ctx context.Context, ch *running, base *gitrepo.Snapshot, out *Outcome) (*whatIf, error) {
	leave, _, err := s.enterWork(ctx, ch.access)
	if err != nil {
		return nil, err
	}
	defer leave()
	w, err := s.evaluate(ctx, ch, base)
	if err != nil {
		return nil, err
	}
	out.Warnings = collected(ch.unknown, w.warnings)
	if len(w.violations) > 0 {
		out.Verdict, out.Violations = wire.VerdictRefused, w.violations
		return nil, refusal(w.violations)
	}
	return w, nil
}

// explained says what it means that git does not find the repository for this caller, who found it a moment ago: the API tells.
func (s *Service) explained(ctx context.Context, ch *running, err error) error {
	if problem.Is(err, problem.Missing) {
		if why := s.askAgain(ctx, ch); why != nil {
			return why
		}
	}
	return err
}

// saved is the success of a change that a commit holds.
func (s *Service) saved(ctx context.Context, ch *running, w *whatIf, out *Outcome, commit string) {
	out.Verdict, out.Violations, out.Changed, out.Commit = wire.VerdictSave, nil, true, commit
	out.Warnings = collected(ch.unknown, w.warnings)
	s.afterwards(ctx, ch, w, out)
}

func isReason(err error, reason string) bool {
	p := problem.As(err)
	return p != nil && p.Reason == reason
}

func (s *Service) author(a *access) gitrepo.Signature {
	name := a.user.Name
	if name == "" {
		name = a.user.Username
	}
	return gitrepo.Signature{Name: name, Email: a.user.Email, When: s.Now()}
}

// preview says what the change would do. A refusal is a verdict here; what is no verdict stays an error.
func (s *Service) preview(ctx context.Context, ch *running, out *Outcome) error {
	leave, _, err := s.enterWork(ctx, ch.access)
	if err != nil {
		return err
	}
	defer leave()
	base, err := s.read(ctx, ch.access, ch.request.Product, purposeOf(ch.ops))
	if err != nil {
		return err
	}
	out.Product, out.Base, out.Commit = ch.product, headOf(base), headOf(base)
	w, err := s.evaluate(ctx, ch, base)
	if err != nil {
		return err
	}
	if len(w.unresolved) == 0 { // else nobody knows what would be written
		if out.Diff, err = unifiedDiff(w.before.Data, w.edits); err != nil {
			return fmt.Errorf("writing the diff: %w", err)
		}
	}
	if len(w.violations) > 0 {
		out.Warnings = collected(ch.unknown, w.warnings)
		return finish(ch.request, out, w.violations)
	}
	out.Plan = s.plans(ctx, ch, w)
	out.Verdict = wire.VerdictSave
	if len(w.edits) == 0 { // refused by nobody, but whether it is still right is told: a job on main asks for that
		out.Verdict = wire.VerdictUnchanged
		if err := s.judge(ctx, ch, w); err != nil {
			return err
		}
		out.Violations = w.violations
	}
	out.Warnings = collected(ch.unknown, w.warnings)
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

// collected returns all warnings once, in their order.
func collected(lists ...[]string) []string {
	out := []string{}
	known := map[string]bool{}
	for _, w := range slices.Concat(lists...) {
		if !known[w] {
			known[w] = true
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
