package gitlab

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nautes-labs/deployment-runtime/internal/secret"
	"github.com/nautes-labs/deployment-runtime/internal/text"
)

const (
	maxWords = 1 << 10
	minAfter = time.Second
	maxAfter = time.Hour
)

// refusal is GitLab's message in an answer other than success.
type refusal struct {
	text string
	// code is the error code of OAuth 2, such as insufficient_scope.
	code  string
	scope string
	// mayNotUseNamespace says that the caller may not create projects in the namespace.
	mayNotUseNamespace bool
}

// readRefusal reads GitLab's forms: {"message": text or {"field": ["..."]}} and {"error", "error_description",
// "scope"}. A body that is not JSON comes from a proxy before GitLab and gives no message.
func readRefusal(body []byte) refusal {
	var said struct {
		Message     any    `json:"message"`
		Error       any    `json:"error"`
		Description string `json:"error_description"`
		Scope       any    `json:"scope"`
	}
	if json.Unmarshal(body, &said) != nil {
		return refusal{}
	}
	r := refusal{text: sentence(said.Message), scope: strings.Join(scopesIn(said.Scope), " ")}
	r.code, _ = said.Error.(string)
	if r.text == "" {
		r.text = strings.TrimPrefix(sentence(said.Error)+": "+said.Description, ": ")
		r.text = strings.TrimSuffix(r.text, ": ")
	}
	if fields, ok := said.Message.(map[string]any); ok {
		r.mayNotUseNamespace = sentence(fields["namespace"]) == "is not valid"
	}
	return r
}

// sentence makes one text of a text, a list of texts, or texts by field, in a stable order.
func sentence(v any) string {
	switch v := v.(type) {
	case string:
		return strings.TrimSpace(v)
	case []any:
		parts := make([]string, 0, len(v))
		for _, one := range v {
			parts = append(parts, sentence(one))
		}
		return strings.Join(slices.DeleteFunc(parts, isEmpty), ", ")
	case map[string]any:
		parts := make([]string, 0, len(v))
		for field, one := range v {
			if words := sentence(one); words != "" {
				parts = append(parts, field+" "+words)
			}
		}
		slices.Sort(parts)
		return strings.Join(parts, "; ")
	default:
		return ""
	}
}

func isEmpty(s string) bool { return s == "" }

var scopeInHeader = regexp.MustCompile(`scope="([^"]*)"`)

// missingScopes returns the scopes of which the token needs one, if that is why GitLab refuses. GitLab names them in
// the body, in the header, or in both.
func missingScopes(header http.Header, said refusal) ([]string, bool) {
	challenge := header.Get("WWW-Authenticate")
	if said.code != "insufficient_scope" && !strings.Contains(challenge, "insufficient_scope") {
		return nil, false
	}
	scopes := strings.Fields(said.scope)
	if match := scopeInHeader.FindStringSubmatch(challenge); len(scopes) == 0 && match != nil {
		scopes = strings.Fields(match[1])
	}
	if len(scopes) == 0 {
		scopes = []string{"api"}
	}
	return scopes, true
}

func scopesIn(v any) []string {
	switch v := v.(type) {
	case string:
		return strings.Fields(v)
	case []any:
		var scopes []string
		for _, one := range v {
			if scope, ok := one.(string); ok {
				scopes = append(scopes, scope)
			}
		}
		return scopes
	default:
		return nil
	}
}

// clean removes the secrets of the request from a foreign text, and shortens it to one line of maxWords.
func (t task) clean(said string) string {
	for _, one := range append([]secret.Token{t.token}, t.also...) {
		if one.IsZero() {
			continue
		}
		for _, form := range []string{one.Reveal(), url.QueryEscape(one.Reveal()), url.PathEscape(one.Reveal())} {
			said = strings.ReplaceAll(said, form, one.String())
		}
	}
	return text.Cut(text.OneLine(said), maxWords, " ...")
}

// after returns how long to wait, or 0 where GitLab does not say it. It compares with the Date of the answer, so that
// our clock need not agree with GitLab's.
func after(header http.Header) time.Duration {
	date, dateErr := http.ParseTime(header.Get("Date"))
	wait := time.Duration(0)
	retry := header.Get("Retry-After")
	if seconds, err := strconv.ParseInt(retry, 10, 32); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(retry); err == nil && dateErr == nil {
		wait = at.Sub(date)
	} else if reset, err := strconv.ParseInt(header.Get("RateLimit-Reset"), 10, 64); err == nil && dateErr == nil {
		wait = time.Unix(reset, 0).Sub(date)
	}
	if wait <= 0 {
		return 0
	}
	return min(max(wait, minAfter), maxAfter)
}
