package server

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// maxPage is the longest page of a list.
const maxPage = 1000

// parameters are the query parameters of a request, known by their snake_case names.
type parameters struct {
	values map[string]string
	// unknown holds a warning for each parameter that the operation does not have.
	unknown []string
}

// secretParameters are names under which other systems take tokens in a URL. Such a request is refused, because URLs
// are written to logs.
func secretParameters() []string {
	return []string{"access_token", "private_token", "job_token", "token", "authorization", "password"}
}

// readParameters reads a query string. Names are accepted in snake_case and camelCase. BAD_REQUEST is the answer to a
// parameter that is given twice, to a value that is no boolean or number and, with strict, to an unknown parameter. No
// message repeats a value.
func readParameters(rawQuery string, known []string) (parameters, error) {
	p := parameters{values: map[string]string{}}
	query, err := url.ParseQuery(rawQuery)
	if err != nil {
		return p, badRequest("the query string of the URL cannot be read")
	}
	names := make([]string, 0, len(query))
	for name := range query {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		snake := snakeCase(name)
		if slices.Contains(secretParameters(), snake) {
			return p, badRequest("a token does not belong into a URL: send it in the header Authorization: Bearer")
		}
		i := slices.IndexFunc(known, func(k string) bool { return spelling(k) == spelling(name) })
		switch {
		case i >= 0:
			snake = known[i]
		case strings.HasPrefix(spelling(name), "dry") && slices.Contains(known, "dry_run"):
			return p, badRequest("the query parameter %s is not known: the one for a dry run is dry_run; "+
				"nothing was changed", shown(name)) // a save in its place would be the last thing that was meant
		default:
			p.unknown = append(p.unknown,
				"UNKNOWN_PARAMETER: the query parameter "+shown(name)+" means nothing here and is ignored")
			continue
		}
		if _, twice := p.values[snake]; twice || len(query[name]) != 1 {
			return p, badRequest("the query parameter %s is given more than once", snake)
		}
		p.values[snake] = query[name][0]
	}
	strict, err := p.boolean("strict")
	if err != nil {
		return p, err
	}
	if strict && len(p.unknown) > 0 {
		return p, badRequest("there are query parameters that mean nothing here, which strict=true forbids; "+
			"those that do: %s", strings.Join(known, ", "))
	}
	return p, nil
}

// spelling returns the same text for all spellings of a parameter: dry_run, dryRun, dry-run and dryrun.
func spelling(name string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(name))
}

// boolean returns a parameter that is true, false, 1 or 0; false when it is not given.
func (p parameters) boolean(name string) (bool, error) {
	value, ok := p.values[name]
	switch {
	case !ok:
		return false, nil
	case value == "true", value == "1":
		return true, nil
	case value == "false", value == "0":
		return false, nil
	}
	return false, badRequest("the query parameter %s must be true, false, 1 or 0", name)
}

// limit returns the length of a page, 0 when it is not given.
func (p parameters) limit() (int, error) {
	text, ok := p.values["limit"]
	if !ok {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxPage {
		return 0, badRequest("the query parameter limit must be a number from 1 to %d", maxPage)
	}
	return n, nil
}

// snakeCase turns insecureSkipCheck into insecure_skip_check.
func snakeCase(name string) string {
	var b strings.Builder
	for i, c := range name {
		if 'A' <= c && c <= 'Z' {
			if i > 0 {
				b.WriteByte('_')
			}
			c += 'a' - 'A'
		}
		b.WriteRune(c)
	}
	return b.String()
}
