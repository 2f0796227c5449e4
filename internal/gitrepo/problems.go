package gitrepo

import (
	"strings"
	"unicode"

	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/secret"
)

func lostRace(r Remote, format string, args ...any) *problem.Problem {
	p := problem.New(problem.Conflict, problem.ReasonLostRace, format, args...)
	p.Message = "branch " + Branch + " of " + r.URL + " moved: " + p.Message + "; read it again"
	return p
}

func unreadable(r Remote, cause error) *problem.Problem {
	return problem.New(problem.Unavailable, problem.ReasonBadAnswer,
		"the answer of the git host for repository %s cannot be read: try again", r.URL).Because(cause)
}

const maxShown = 1 << 10

// plain makes text from outside fit for a message: one line, bounded, without the caller's token.
func plain(text string, t secret.Token) string {
	if !t.IsZero() {
		text = strings.ReplaceAll(text, t.Reveal(), "[redacted]")
	}
	text = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	text = strings.TrimSpace(text)
	if len(text) > maxShown {
		text = strings.ToValidUTF8(text[:maxShown-3], "") + "..."
	}
	return text
}

// quoted appends what the git host said, if anything.
func quoted(said string, r Remote) string {
	if said = plain(said, r.Token); said != "" {
		return " (" + said + ")"
	}
	return ""
}
