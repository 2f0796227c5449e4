package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// told is all that an answer tells, and what it took to find it out, without what differs from one request to the next.
type told struct {
	Status  int
	Header  http.Header
	Body    string
	Asked   string
	Audited string
}

// question is a request; PRODUCT stands for a product in its path.
type question struct{ method, path, body string }

// ask sends a request and returns what it tells. product stands for nothing in it.
func (l *lab) ask(w *world, product string, q question, adjust ...func(*http.Request)) told {
	l.Helper()
	neutral := func(text string) string { return strings.ReplaceAll(text, product, "PRODUCT") }
	l.ForgetRequests()
	got := w.do(l.T, q.method, strings.ReplaceAll(q.path, "PRODUCT", product), q.body, adjust...)
	id := got.Header.Get("X-Request-Id")
	got.Header.Del("X-Request-Id")
	t := told{Status: got.StatusCode, Header: got.Header, Body: strings.ReplaceAll(neutral(got.body), id, "ID")}
	asked := map[string]int{}
	for _, r := range l.Requests() {
		// Branch and scopes are asked for at the same time as the project, and given up where that one is missing:
		// whether these requests arrive is chance, for a product that exists as for one that does not.
		if strings.HasSuffix(r.Path, "/repository/branches/main") ||
			strings.HasSuffix(r.Path, "/personal_access_tokens/self") {
			continue
		}
		asked[neutral(fmt.Sprintf("%s %s?%s -> %d", r.Method, r.Path, r.Query, r.Status))]++
	}
	t.Asked = fmt.Sprint(asked)
	for _, line := range w.audited.lines(l.T, "write") {
		if line["request_id"] == id {
			t.Audited = neutral(fmt.Sprint(line["verdict"], line["product"], line["product_id"], line["base"],
				line["commit"]))
		}
	}
	return t
}

// A product that a caller may not see is like one that does not exist: in status, headers and body, and in what GitLab
// is asked for, which is what the time of an answer is made of. Neither a snapshot in memory nor a good guess of an
// ETag changes that.
func TestWhoHasNoAccessLearnsNothing(t *testing.T) {
	l := newLab(t)
	warm := l.replica()
	ada, eve := l.person("ada", "api"), l.person("eve", "api")
	l.product(warm, ada, "secret")
	if got := warm.do(t, http.MethodPost, "/api/v1/products/secret/deploymentruntimes/dr-dev", guideBody,
		as(ada)); got.StatusCode != http.StatusOK {
		t.Fatal(got.body)
	}
	// and is in memory now
	item := warm.do(t, http.MethodGet, "/api/v1/products/secret/deploymentruntimes/dr-dev", "", as(ada))
	list := warm.do(t, http.MethodGet, "/api/v1/products/secret/deploymentruntimes", "", as(ada))
	blob, head := item.Header.Get("ETag"), strings.TrimPrefix(list.Header.Get("ETag"), "W/")
	if item.StatusCode != http.StatusOK || blob == "" || head == "" {
		t.Fatalf("got %d, ETags %s and %s", item.StatusCode, blob, head)
	}

	const one, all = "/api/v1/products/PRODUCT/deploymentruntimes/dr-dev", "/api/v1/products/PRODUCT/deploymentruntimes"
	for name, c := range map[string]question{
		"an item":       {http.MethodGet, one, ""},
		"a list":        {http.MethodGet, all, ""},
		"a selection":   {http.MethodGet, all + "?field_selector=destination%3Denv-dev&limit=1", ""},
		"head":          {http.MethodHead, one, ""},
		"a save":        {http.MethodPost, one, guideBody},
		"a forced save": {http.MethodPost, one + "?insecure_skip_check=true", guideBody},
		"a dry run":     {http.MethodPost, one + "?dry_run=true", guideBody},
		"a deletion":    {http.MethodDelete, one, ""},
		"a batch": {http.MethodPost, "/api/v1/products/PRODUCT/changes",
			`[{"delete":true,"kind":"Environment","name":"env-dev"}]`},
		"code repos":  {http.MethodGet, "/api/v1/products/PRODUCT/coderepos", ""},
		"the product": {http.MethodGet, "/api/v1/products/PRODUCT", ""},
	} {
		for guess, adjust := range map[string]func(*http.Request){
			"no guess": func(*http.Request) {}, "the blob to match": header("If-Match", blob),
			"the head to match":     header("If-Match", head),
			"the blob not to match": header("If-None-Match", blob),
			"anything not to match": header("If-None-Match", "*"),
		} {
			t.Run(name+" with "+guess, func(t *testing.T) {
				missing := l.ask(warm, "absent", c, as(eve), adjust)
				if missing.Status != http.StatusNotFound && missing.Status != http.StatusBadRequest {
					t.Fatalf("got %+v", missing)
				}
				for which, w := range map[string]*world{"with a snapshot in memory": warm, "without": l.replica()} {
					if diff := cmp.Diff(missing, l.ask(w, "secret", c, as(eve), adjust)); diff != "" {
						t.Errorf("%s: %s", which, diff)
					}
				}
			})
		}
	}
	if got := warm.do(t, http.MethodGet, "/api/v1/products", "", as(eve)); got.body != `{"items":[],"warnings":[]}`+
		"\n" {
		t.Errorf("the list of products: %s", got.body)
	}
	// Ids are guessed more easily than names.
	for id := range 40 {
		path := fmt.Sprintf("/api/v1/products/product-%d/deploymentruntimes/dr-dev", id)
		if got := warm.do(t, http.MethodGet, path, "", as(eve)); got.StatusCode != http.StatusNotFound ||
			got.problem(t).Reason != "PRODUCT_NOT_FOUND" {
			t.Errorf("%s: %d %s", path, got.StatusCode, got.body)
		}
	}
	if _, commits := l.main("secret"); `"`+strings.TrimSpace(commits[len(commits)-1])+`"` != head {
		t.Error("main was changed")
	}
}
