package gitrepo

import (
	"slices"
	"strings"
	"unicode"
)

// fromHost returns what the git host itself says to the person who pushes. GitLab writes its name once, before the
// first line of its message. Lines before that come from other hooks, which may print anything; they are left out.
func fromHost(said string, r Remote) string {
	var lines []string
	for line := range strings.FieldsFuncSeq(said, func(c rune) bool { return c == '\n' || c == '\r' }) {
		line = strings.TrimSpace(line)
		if len(lines) == 0 && !strings.HasPrefix(line, "GitLab:") {
			continue
		}
		if strings.ContainsFunc(line, isWord) { // not a ruled line
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 {
		return ""
	}
	return ": " + plain(strings.Join(lines, " "), r.Token)
}

func isWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// isTemporary says whether the git host refuses for a reason that passes. GitLab reports its own failures in the words
// of a refusal: with the status 403, or through the hook that judges a push.
func isTemporary(said string) bool { return says(said, temporary()) }

func temporary() []string {
	return []string{
		"GitLab: 500 Internal Server Error",
		"GitLab: 502 Bad Gateway",
		"GitLab: 503 Service Unavailable",
		"GitLab: Internal API unreachable",
		"GitLab: Internal API error",
		"GitLab: Push operation timed out",
		"repository is temporarily read-only",
		"to a read-only GitLab instance",
		"maintenance mode",
		"Too many failed authentication attempts from this IP",
	}
}

// lacksScope says whether the git host refuses because of the token and not because of the role of its owner.
func lacksScope(said string) bool {
	return says(said, []string{"You are not allowed to download code.", "You are not allowed to upload code."})
}

func says(said string, signs []string) bool {
	said = strings.ToLower(strings.Join(strings.Fields(said), " "))
	return slices.ContainsFunc(signs, func(sign string) bool { return strings.Contains(said, strings.ToLower(sign)) })
}
