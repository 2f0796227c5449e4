package change

import (
	"cmp"
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

const (
	// maxLimit bounds a page, also where no limit is given.
	maxLimit = 1000
	// maxPageBytes bounds the text of its objects: a page ends before the object that would exceed it.
	maxPageBytes = 4 << 20
)

// page is a part of a list. It stays a part of the same list while main moves on, because its token names the head.
type page struct {
	limit, offset int
	head          string
}

func parsePage(o ListOptions) (page, error) {
	p := page{limit: cmp.Or(o.Limit, maxLimit)}
	if o.Limit < 0 || o.Limit > maxLimit {
		return p, problem.New(problem.Invalid, problem.ReasonBadRequest, "limit must be 1 to %d", maxLimit).At("limit")
	}
	if o.PageToken == "" {
		return p, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(o.PageToken)
	head, offset, found := strings.Cut(string(raw), " ")
	n, numberErr := strconv.Atoi(offset)
	if err != nil || !found || numberErr != nil || n < 1 || !isHash(head) && head != "" {
		return p, badToken()
	}
	p.head, p.offset = head, n
	return p, nil
}

func badToken() *problem.Problem {
	return problem.New(problem.Invalid, problem.ReasonBadRequest,
		"page_token is not one of this list, or is too old: list again from the beginning").At("page_token")
}

// cut returns the items of the page, and the token of the next one. bytes is what an item takes, nil where that is
// little.
func cut[T any](p page, items []T, bytes func(T) int, head string) (part []T, next string) {
	if p.offset > len(items) {
		return []T{}, ""
	}
	items = items[p.offset:]
	end, left := 0, maxPageBytes
	for ; end < min(len(items), p.limit); end++ {
		if bytes != nil {
			left -= bytes(items[end])
		}
		if left < 0 && end > 0 {
			break
		}
	}
	if end == len(items) {
		return items, ""
	}
	token := head + " " + strconv.Itoa(p.offset+end)
	return items[:end], base64.RawURLEncoding.EncodeToString([]byte(token))
}

// isHash says whether s can be the id of a git object.
func isHash(s string) bool {
	if len(s) != 40 && len(s) != 64 {
		return false
	}
	return strings.Trim(s, "0123456789abcdef") == ""
}
