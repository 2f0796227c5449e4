package main

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// transcript is what a person reads: titles, commands with their output, what came true and when. Plain text.
type transcript struct {
	out     io.Writer
	started time.Time
	began   time.Time // of the chapter
	timings []timing
	pending []timing // of the chapter
	// mask puts something else in the place of tokens.
	mask *strings.Replacer
}

// timing is how long something took; indented, when it is a part of a chapter.
type timing struct {
	what  string
	took  time.Duration
	parts []timing
}

func newTranscript(out io.Writer) *transcript {
	now := time.Now()
	return &transcript{out: out, started: now, began: now, mask: strings.NewReplacer()}
}

// hide never shows these words from now on. They live no longer than the environment, but somebody may keep the
// transcript.
func (t *transcript) hide(tokens ...string) {
	var pairs []string
	for _, token := range tokens {
		begin, _, _ := strings.Cut(token, "-")
		pairs = append(pairs, token, begin+"-xxxxxxxxxxxxxxxxxxxx")
	}
	t.mask = strings.NewReplacer(pairs...)
}

// masked is a text without what is hidden.
func (t *transcript) masked(text string) string { return t.mask.Replace(text) }

// title begins a chapter.
func (t *transcript) title(number int, name, story string) {
	t.began = time.Now()
	fmt.Fprintf(t.out, "=== %d. %s ===\n%s\n\n", number, name, story)
}

// say prints a line of explanation.
func (t *transcript) say(format string, args ...any) {
	fmt.Fprintln(t.out, "# "+t.masked(fmt.Sprintf(format, args...)))
}

// command prints a command as a shell would take it, and its input.
func (t *transcript) command(words []string, input string) {
	line := strings.Join(quoted(words), " ")
	if input != "" {
		line += " <<'EOF'\n" + strings.TrimSpace(input) + "\nEOF"
	}
	t.shell(line)
}

// shell prints what somebody types into a shell.
func (t *transcript) shell(text string) {
	fmt.Fprintln(t.out, "$ "+t.masked(text))
}

// output prints what a command answered, if it answered something.
func (t *transcript) output(text string) {
	if text = strings.TrimRight(strings.TrimLeft(text, "\n"), " \n"); text != "" {
		fmt.Fprintf(t.out, "%s\n\n", t.masked(text))
	}
}

// gap ends commands that answered nothing.
func (t *transcript) gap() { fmt.Fprintln(t.out) }

// came says that something came true, and remembers how long it took.
func (t *transcript) came(what string, since time.Time) {
	took := time.Since(since)
	t.pending = append(t.pending, timing{what: what, took: took})
	fmt.Fprintf(t.out, "[%5.1f s] %s\n\n", took.Seconds(), what)
}

// chapterEnds remembers how long the chapter took.
func (t *transcript) chapterEnds(name string) {
	t.timings = append(t.timings, timing{what: name, took: time.Since(t.began), parts: t.pending})
	t.pending = nil
}

// summary prints all timings.
func (t *transcript) summary() {
	fmt.Fprintf(t.out, "=== Timings ===\n")
	for _, chapter := range t.timings {
		fmt.Fprintf(t.out, "%7.1f s  %s\n", chapter.took.Seconds(), chapter.what)
		for _, part := range chapter.parts {
			fmt.Fprintf(t.out, "           %6.1f s  %s\n", part.took.Seconds(), part.what)
		}
	}
	fmt.Fprintf(t.out, "%7.1f s  in all. Everything came true and everything has ended.\n",
		time.Since(t.started).Seconds())
}

// quoted puts words with special characters into single quotes.
func quoted(words []string) []string {
	out := make([]string, len(words))
	for i, w := range words {
		if strings.ContainsAny(w, " '\"{}[]()$?*;&|<>\\") {
			w = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
		out[i] = w
	}
	return out
}
