package gitrepo

import (
	"strings"
	"unicode"

	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/secret"
	"github.com/nautes-labs/deployment-runtime/internal/text"
)

func lostRace(r Remote, format string, args ...any) *problem.Problem {
	p := problem.New(problem.Conflict, problem.ReasonLostRace, format, args...)
	p.Message = "branch " + identity.Branch + " of " + r.URL + " moved: " + p.Message + "; read it again"
	return p
}

func unreadable(r Remote, cause error) *problem.Problem {
	return problem.New(problem.Unavailable, problem.ReasonBadAnswer,
		"the answer of the git host for repository %s cannot be read: try again", r.URL).Because(cause)
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

// quoted returns what the git host said in brackets, or nothing.
func quoted(said string, r Remote) string {
	if said = plain(said, r.Token); said != "" {
		return " (" + said + ")"
	}
	return ""
}
