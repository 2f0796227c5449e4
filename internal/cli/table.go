package cli

import (
	"io"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

const (
	columnGap   = 3
	shortestCut = 8 // a column is never cut below this
	ellipsis    = "…"
)

// column is a column of a table.
type column struct {
	title string
	// path of the member of an item, or several with | between them.
	path string
	// show formats a value; nil prints it as it is. empty is printed for an absent value.
	show  func(string) string
	empty string
	// wide columns are shown only with -o wide.
	wide bool
	// optional columns are shown only where a row says something, or with -o wide.
	optional bool
	// flexible columns are cut first where the terminal is too narrow.
	flexible bool
	// spare is the order in which columns are left out where cutting does not help; 0 never.
	spare int
	// paint colours a cell that was already cut and padded; nil leaves it.
	paint func(style, string) string
}

// table is rows of text that fit a terminal.
type table struct {
	columns []column
	rows    [][]string
}

// write prints the table. On a terminal it cuts flexible columns to fit the width, the longest first.
func (t *table) write(w io.Writer, term Terminal, wide bool) error {
	shown := t.shown(wide)
	widths := t.widths(shown)
	if term.Width > 0 {
		t.fit(shown, widths, term.Width)
		if !wide {
			shown, widths = t.leaveOut(shown, widths, term.Width)
		}
	}
	var b strings.Builder
	st := style{colour: term.Colour}
	for n := -1; n < len(t.rows); n++ {
		for i, c := range shown {
			text, paint := t.columns[c].title, func(s style, text string) string { return s.bold(text) }
			if n >= 0 {
				text, paint = t.rows[n][c], t.columns[c].paint
			}
			text = cut(clean(text), widths[i])
			painted := text
			if paint != nil {
				painted = paint(st, text)
			}
			b.WriteString(painted)
			if i < len(shown)-1 {
				b.WriteString(strings.Repeat(" ", widths[i]-columns(text)+columnGap))
			}
		}
		b.WriteString("\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (t *table) shown(wide bool) []int {
	var out []int
	for i, c := range t.columns {
		if wide || !c.wide && (!c.optional || t.says(i)) {
			out = append(out, i)
		}
	}
	return out
}

// says tells whether a column holds anything.
func (t *table) says(column int) bool {
	return slices.ContainsFunc(t.rows, func(row []string) bool { return row[column] != t.columns[column].empty })
}

// leaveOut drops columns that can be spared until the rest fits.
func (t *table) leaveOut(shown, widths []int, limit int) (left, leftWidths []int) {
	for sum(widths) > limit {
		next := -1
		for i, c := range shown {
			if t.columns[c].spare > 0 && (next < 0 || t.columns[c].spare < t.columns[shown[next]].spare) {
				next = i
			}
		}
		if next < 0 {
			break
		}
		shown, widths = slices.Delete(shown, next, next+1), slices.Delete(widths, next, next+1)
	}
	return shown, widths
}

// sum returns the width of a line.
func sum(widths []int) int {
	total := columnGap * (len(widths) - 1)
	for _, w := range widths {
		total += w
	}
	return total
}

func (t *table) widths(shown []int) []int {
	widths := make([]int, len(shown))
	for i, c := range shown {
		widths[i] = columns(t.columns[c].title)
		for _, row := range t.rows {
			widths[i] = max(widths[i], columns(clean(row[c])))
		}
	}
	return widths
}

func (t *table) fit(shown, widths []int, limit int) {
	for total := sum(widths); total > limit; total-- {
		widest := -1
		for i, c := range shown {
			if t.columns[c].flexible && widths[i] > max(shortestCut, columns(t.columns[c].title)) &&
				(widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return
		}
		widths[widest]--
	}
}

// columns returns how many columns of a terminal the text takes: two for each wide character.
func columns(text string) int {
	n := 0
	for _, r := range text {
		n += columnsOf(r)
	}
	return n
}

func columnsOf(r rune) int {
	if unicode.In(r, unicode.Mn, unicode.Me) {
		return 0
	}
	if k := width.LookupRune(r).Kind(); k == width.EastAsianWide || k == width.EastAsianFullwidth {
		return 2
	}
	return 1
}

// cut shortens the text to that many columns.
func cut(text string, limit int) string {
	if columns(text) <= limit {
		return text
	}
	var b strings.Builder
	room := limit - columns(ellipsis)
	for _, r := range text {
		if room -= columnsOf(r); room < 0 {
			break
		}
		b.WriteRune(r)
	}
	return b.String() + ellipsis
}

// clean removes characters that would control a terminal from foreign text.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp):
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

// style colours text on terminals that want it.
type style struct{ colour bool }

// style is that of stdout, errorStyle that of stderr.
func (s *Surroundings) style() style      { return style{colour: s.Terminal.Colour} }
func (s *Surroundings) errorStyle() style { return style{colour: s.ColourErrors} }

func (s style) in(code, text string) string {
	if !s.colour || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (s style) good(text string) string { return s.in("32", text) }
func (s style) warn(text string) string { return s.in("33", text) }
func (s style) bad(text string) string  { return s.in("31", text) }
func (s style) dim(text string) string  { return s.in("2", text) }
func (s style) bold(text string) string { return s.in("1", text) }
