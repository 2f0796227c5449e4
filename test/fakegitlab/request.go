package fakegitlab

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// values are the parameters of a request, with the types of their description: string, int64, bool, time.Time, []any,
// map[string]any. null and empty values of other types than string are left out.
type values map[string]any

func (v values) has(name string) bool { _, ok := v[name]; return ok }

func (v values) text(name string) string {
	s, _ := v[name].(string)
	return s
}

func (v values) integer(name string) int64 {
	n, _ := v[name].(int64)
	return n
}

func (v values) truth(name string) bool {
	b, _ := v[name].(bool)
	return b
}

func (v values) texts(name string) []string {
	list, _ := v[name].([]any)
	texts := make([]string, 0, len(list))
	for _, item := range list {
		if s, ok := item.(string); ok {
			texts = append(texts, s)
		}
	}
	return texts
}

// readRequest checks a request against the description of its operation. Findings are what GitLab refuses itself; a
// parameter that GitLab ignores because it doesn't know it is a violation.
func (o *operationDescription) readRequest(r *http.Request) (in values, finding, violation string) {
	in = values{}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, "query is invalid", ""
	}
	for _, name := range sortedKeys(query) {
		plain := strings.TrimSuffix(name, "[]")
		f, known := o.fields[plain]
		if slices.Contains([]string{"private_token", "access_token", "sudo"}, plain) {
			return nil, "", "the token belongs into a header, not into the URL"
		}
		if !known {
			return nil, "", fmt.Sprintf("GitLab has no parameter %q here", name)
		}
		if f.body && r.Method != http.MethodDelete {
			return nil, "", fmt.Sprintf("parameter %q belongs into the body", name)
		}
		if finding := in.addQuery(f, query[name]); finding != "" {
			return nil, finding, ""
		}
	}
	finding, violation = o.readBody(r, in)
	if finding == "" && violation == "" {
		finding = o.missing(in)
	}
	return in, finding, violation
}

func (v values) addQuery(f field, texts []string) string {
	if !f.kind.list {
		return v.add(f, texts[len(texts)-1])
	}
	list := make([]any, 0, len(texts))
	for _, text := range texts {
		for _, part := range strings.Split(text, ",") {
			list = append(list, part)
		}
	}
	return v.add(f, list)
}

func (o *operationDescription) readBody(r *http.Request, in values) (finding, violation string) {
	data, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return "body is invalid", ""
	}
	if len(data) == 0 || string(data) == "null" {
		return "", ""
	}
	if r.Method == http.MethodGet || r.Method == http.MethodDelete {
		return "", "a " + r.Method + " has no body"
	}
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		return "", "this stand-in reads bodies in application/json only"
	}
	var body map[string]any
	decoder := json.NewDecoder(strings.NewReader(string(data)))
	decoder.UseNumber()
	if err := decoder.Decode(&body); err != nil {
		return "message body does not match declared format", ""
	}
	for _, name := range sortedKeys(body) {
		f, known := o.fields[name]
		if !known {
			return "", fmt.Sprintf("GitLab has no member %q in this body", name)
		}
		if finding := in.add(f, body[name]); finding != "" {
			return finding, ""
		}
	}
	return "", ""
}

func (o *operationDescription) missing(in values) string {
	var missing []string
	for _, name := range sortedKeys(o.fields) {
		if o.fields[name].required && !in.has(name) {
			missing = append(missing, name+" is missing")
		}
	}
	for _, names := range o.oneOf {
		if !slices.ContainsFunc(names, in.has) {
			missing = append(missing, strings.Join(names, ", ")+" are missing, at least one parameter must be provided")
		}
	}
	return strings.Join(missing, ", ")
}

// add converts a value as GitLab does, which reads "1" as a number, "true" as a truth and "a,b" as a list.
func (v values) add(f field, value any) string {
	if value == nil || (value == "" && (f.kind.name != "string" || f.kind.list)) {
		return ""
	}
	if !f.kind.list {
		converted, finding := f.read(value)
		if finding == "" {
			v[f.name] = converted
		}
		return finding
	}
	list, ok := value.([]any)
	if text, isText := value.(string); isText {
		ok = true
		for _, part := range strings.Split(text, ",") {
			list = append(list, part)
		}
	}
	if !ok {
		return f.name + " is invalid"
	}
	converted := make([]any, 0, len(list))
	for _, item := range list {
		c, finding := f.read(item)
		if finding != "" {
			return finding
		}
		converted = append(converted, c)
	}
	v[f.name] = converted
	return ""
}

func (f field) read(value any) (converted any, finding string) {
	converted, ok := f.kind.convert(value)
	if !ok {
		return nil, f.name + " is invalid"
	}
	if !f.kind.permits(converted) {
		return nil, f.name + " does not have a valid value"
	}
	return converted, ""
}

func (k kind) permits(value any) bool {
	return k.choices == nil || slices.Contains(k.choices, fmt.Sprint(value))
}

func (k kind) convert(value any) (any, bool) {
	switch k.name {
	case "string":
		switch value := value.(type) {
		case string:
			return value, true
		case json.Number:
			return value.String(), true
		}
		return nil, false
	case "integer":
		n, err := strconv.ParseInt(fmt.Sprint(value), 10, 64)
		return n, err == nil
	case "boolean":
		return truth(value)
	case "date", "time":
		return moment(value)
	}
	object, ok := value.(map[string]any)
	return object, ok
}

func truth(value any) (any, bool) {
	switch fmt.Sprint(value) {
	case "true", "1", "t", "on":
		return true, true
	case "false", "0", "f", "off":
		return false, true
	}
	return nil, false
}

// moment keeps the text: who needs a date asks for its day.
func moment(value any) (any, bool) {
	text, ok := value.(string)
	if !ok {
		return nil, false
	}
	_, err := readTime(text)
	return text, err == nil
}

func readTime(text string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return t.UTC(), nil
	}
	return time.Parse(time.DateOnly, text)
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
