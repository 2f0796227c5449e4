package gitrepo

import (
	"strings"
	"unicode"

	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/secret"
	"github.com/nautes-labs/deployment-runtime/internal/text"
)

// Reasons of problems, with their class.
const (
	// ReasonLostRace (Conflict): main is not, or not any more, at the commit that was named. Read the head, judge and try again.
	ReasonLostRace = "LostRace"
	// ReasonPushRefused (Forbidden): the git host does not take the commit; the message holds its own words.
	ReasonPushRefused = "PushRefused"
	// ReasonOutcomeUnknown (Unavailable): the commit was sent, and the answer got lost. Read main to learn what became of it.
	ReasonOutcomeUnknown = "OutcomeUnknown"
	// ReasonInsufficientScope (Forbidden): the token, which the git host's REST API accepts, may not be used with git.
	ReasonInsufficientScope = "InsufficientScope"
	// ReasonForbidden (Forbidden): the caller may not read the repository.
	ReasonForbidden = "Forbidden"
	// ReasonMissing (Missing): there is no such repository, or the caller does not see it.
	ReasonMissing = "Missing"
	// ReasonMoved (Missing): the repository has another path now. It is not followed.
	ReasonMoved = "Moved"
	// ReasonRateLimited (RateLimited): too many requests. After says how long to wait.
	ReasonRateLimited = "RateLimited"
	// ReasonUnavailable (Unavailable): the git host does not answer, or answers that it is broken.
	ReasonUnavailable = "Unavailable"
	// ReasonTimedOut (Unavailable): the git host is too slow.
	ReasonTimedOut = "TimedOut"
	// ReasonBadAnswer (Unavailable): what came back is no git host's answer, or not all of it.
	ReasonBadAnswer = "BadAnswer"
	// ReasonTooLarge (Invalid): the repository is larger than what is read.
	ReasonTooLarge = "RepositoryTooLarge"
	// ReasonPathTaken (Conflict): a file stands where a directory is needed, or the reverse.
	ReasonPathTaken = "PathTaken"
	// ReasonBadCommit (Internal): the commit is none that this package writes.
	ReasonBadCommit = "BadCommit"
	// ReasonBadRemote (Internal): what should be read is no repository or no commit.
	ReasonBadRemote = "BadRemote"
)

func lostRace(r Remote, format string, args ...any) *problem.Problem {
	p := problem.New(problem.Conflict, ReasonLostRace, format, args...)
	p.Message = "branch " + identity.Branch + " of " + r.URL + " moved: " + p.Message + "; read it again"
	return p
}

func unreadable(r Remote, cause error) *problem.Problem {
	return problem.New(problem.Unavailable, ReasonBadAnswer, "the answer of the git host for repository %s cannot be read: try again", r.URL).Because(cause)
}

const maxShown = 1 << 10

// plain makes text from outside fit for a message: one line, bounded, without the caller's token.
func plain(said string, t secret.Token) string {
	if !t.IsZero() {
		said = strings.ReplaceAll(said, t.Reveal(), "[redacted]")
	}
	said = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(said, "?"))
	return text.Cut(strings.TrimSpace(said), maxShown, "...")
}

// quoted appends what the git host said, if anything.
func quoted(said string, r Remote) string {
	if said = plain(said, r.Token); said != "" {
		return " (" + said + ")"
	}
	return ""
}
