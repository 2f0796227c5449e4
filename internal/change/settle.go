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

// maxUnanswered bounds how often a change is sent: a git host that loses answers is not asked for ever.
const maxUnanswered = 2

// sent is a push whose answer was lost. It may take effect, now or a little later, as long as main is where it was judged: preconditions and
// rules that are asked again then meet our own commit. So the history of main is looked at first, where it is recognised also when others pushed
// on top of it. What files say is no proof: somebody else may have written the same.
type sent struct {
	base   string
	commit gitrepo.Commit
	whatIf *whatIf
	lost   error
}

// settle looks for what was sent in the history of main. done says that it is there.
func (s *Service) settle(ctx context.Context, ch *running, out *Outcome) (done bool, err error) {
	if len(ch.sent) == 0 {
		return false, nil
	}
	lost := ch.sent[len(ch.sent)-1].lost
	pending, decided := ch.sentOn(ch.head)
	if len(decided) > 0 && ch.head != "" {
		history, err := s.Host.NewestCommits(ctx, ch.caller.Token, ch.project.ID, identity.Branch)
		if err != nil {
			return false, fmt.Errorf("reading what became of a push: %w", errors.Join(lost, err))
		}
		for _, one := range decided {
			if id := one.in(history); id != "" {
				out.Base = one.base
				s.saved(ctx, ch, one.whatIf, out, id)
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

// sentOn tells what may still take effect, because main is where it was judged, from what took effect or never will.
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
			h.AuthoredAt.Equal(c.commit.Author.When.Truncate(time.Second)) && strings.TrimSpace(h.Message) == strings.TrimSpace(c.commit.Message)
	})
	if i < 0 {
		return ""
	}
	return history[i].ID
}

// reaches says whether the newest commits go from the head that was told, which they may be older than, back to a commit or to the first of all.
func reaches(history []githost.Commit, head, base string) bool {
	from := slices.IndexFunc(history, func(c githost.Commit) bool { return c.ID == head })
	return from >= 0 && slices.ContainsFunc(history[from:], func(c githost.Commit) bool { return c.ID == base || len(c.Parents) == 0 })
}

// unsettled is an error of a change of which something was sent: as long as main may come to hold that, it is not known to have failed.
func (ch *running) unsettled(err error) error {
	if len(ch.sent) == 0 || err == nil {
		return err
	}
	return errors.Join(ch.sent[len(ch.sent)-1].lost, err)
}
