package change

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/gitrepo"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
)

// maxUnanswered is how many answers may be lost before the change gives up.
const maxUnanswered = 2

// sent is a push whose answer was lost. It may take effect, now or later, as long as main is at base. A change that is
// simply judged again could then meet its own commit, and fail its preconditions. So the change first looks for the
// commit in the history of main, also below commits of others. The content of files proves nothing: another caller may
// have written the same.
type sent struct {
	base   string
	commit gitrepo.Commit
	whatIf *whatIf
	lost   error
}

// settle looks in the history of main for what was sent. done says that it is there, so that the change is saved.
func (ch *running) settle(ctx context.Context) (done bool, err error) {
	if len(ch.sent) == 0 {
		return false, nil
	}
	lost := ch.sent[len(ch.sent)-1].lost
	pending, decided := ch.sentOn(ch.head)
	if len(decided) > 0 && ch.head != "" {
		history, err := ch.host.NewestCommits(ctx, ch.caller.Token, ch.project.ID, identity.Branch)
		if err != nil {
			return false, fmt.Errorf("reading what became of a push: %w", errors.Join(lost, err))
		}
		for _, one := range decided {
			if id := one.in(history); id != "" {
				ch.out.Base = one.base
				ch.saved(ctx, one.whatIf, id)
				return true, nil
			}
			if !reaches(history, ch.head, one.base) {
				return false, lost
			}
		}
	}
	ch.sent = pending
	if ch.unanswered >= maxUnanswered {
		return false, lost
	}
	return false, nil
}

// sentOn sorts the sent pushes. A push is pending while main is at its base: it may still take effect. Once main has
// moved, the push is decided: the history of main holds it, or never will.
func (ch *running) sentOn(head string) (pending, decided []sent) {
	for _, one := range ch.sent {
		if one.base == head {
			pending = append(pending, one)
		} else {
			decided = append(decided, one)
		}
	}
	return pending, decided
}

// in returns the id of the commit if the history holds it.
func (c sent) in(history []githost.Commit) string {
	i := slices.IndexFunc(history, func(h githost.Commit) bool {
		return strings.Join(h.Parents, " ") == c.base && h.AuthorEmail == c.commit.Author.Email &&
			h.AuthoredAt.Equal(c.commit.Author.When.Truncate(time.Second)) &&
			strings.TrimSpace(h.Message) == strings.TrimSpace(c.commit.Message)
	})
	if i < 0 {
		return ""
	}
	return history[i].ID
}

// reaches says whether the history leads from head back to base, or to the first commit of all. Without that it does
// not prove that a commit is missing. The history may also be older than head.
func reaches(history []githost.Commit, head, base string) bool {
	from := slices.IndexFunc(history, func(c githost.Commit) bool { return c.ID == head })
	return from >= 0 && slices.ContainsFunc(history[from:], func(c githost.Commit) bool {
		return c.ID == base || len(c.Parents) == 0
	})
}

// unsettled adds the lost push to an error. The change is not known to have failed while the push may take effect.
func (ch *running) unsettled(err error) error {
	if len(ch.sent) == 0 || err == nil {
		return err
	}
	return errors.Join(ch.sent[len(ch.sent)-1].lost, err)
}
