package server_test

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nautes-labs/deployment-runtime/internal/change"
	"github.com/nautes-labs/deployment-runtime/internal/server"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

func TestASaveIsAnsweredAsTheGuideSays(t *testing.T) {
	w := newWorld(t)
	w.outcome.Warnings = []string{"STREAM_BLOCKED: runtimes/x.yaml"}
	got := w.do(t, http.MethodPost, runtimes+"/dr-dev", guideBody, header("If-Match", `"abc"`),
		header("User-Agent", "curl/8"), header("X-Request-Id", "mine-1"))
	want := `{"message":"Successfully saved dr-dev configuration","commit":"c1","changed":true,"warnings":["STREAM_BLOCKED: runtimes/x.yaml"]}` +
		"\n"
	if got.StatusCode != http.StatusOK || got.body != want || got.Header.Get("Content-Type") != "application/json" {
		t.Errorf("got %d %s", got.StatusCode, got.body)
	}
	request := change.Request{
		Product: "nautes-labs", IfMatch: `"abc"`,
		Operations: []change.Operation{{Kind: "DeploymentRuntime", Name: "dr-dev", Body: []byte(guideBody)}},
	}
	if diff := cmp.Diff([]change.Request{request}, w.changes); diff != "" {
		t.Error(diff)
	}
	caller := w.callers[0]
	if caller.Token.Reveal() != canary || caller.Client != "curl/8" || caller.RequestID != "mine-1" ||
		got.Header.Get("X-Request-Id") != "mine-1" {
		t.Errorf("got caller %+v", caller)
	}
}

func TestADeletionIsAnsweredAsTheGuideSays(t *testing.T) {
	w := newWorld(t)
	got := w.do(t, http.MethodDelete, runtimes+"/dr-dev?insecureSkipCheck=1", "")
	if want := `{"message":"Successfully deleted dr-dev configuration","commit":"c1","warnings":[]}` +
		"\n"; got.StatusCode != http.StatusOK || got.body != want {
		t.Errorf("got %d %s", got.StatusCode, got.body)
	}
	request := change.Request{
		Product: "nautes-labs", SkipCheck: true,
		Operations: []change.Operation{{Delete: true, Kind: "DeploymentRuntime", Name: "dr-dev"}},
	}
	if diff := cmp.Diff([]change.Request{request}, w.changes); diff != "" {
		t.Error(diff)
	}
}

func TestListsAndItems(t *testing.T) {
	w := newWorld(t)
	w.listing = &change.Listing{Items: []any{&wire.Project{Name: "a"}}, ETag: `W/"h"`, NextPageToken: "next"}
	got := w.do(t, http.MethodGet, "/api/v1/products/p/projects?fieldSelector=project_name%3Da&limit=1&page_token=tok",
		"")
	if want := `{"items":[{"product":"","name":"a","language":""}],"warnings":[],"next_page_token":"next"}` +
		"\n"; got.body != want || got.Header.Get("ETag") != `W/"h"` {
		t.Errorf("got %s %s", got.Header.Get("ETag"), got.body)
	}
	want := []listed{{"p", "Project", change.ListOptions{Selector: "project_name=a", Limit: 1, PageToken: "tok"}}}
	if diff := cmp.Diff(want, w.lists); diff != "" {
		t.Error(diff)
	}

	w = newWorld(t)
	w.listing = &change.Listing{}
	if got := w.do(t, http.MethodGet, runtimes, ""); got.body != `{"items":[],"warnings":[]}`+"\n" {
		t.Errorf("an empty list: %s", got.body)
	}

	w = newWorld(t)
	w.answer = &change.Answer{Item: &wire.Project{Name: "a"}, ETag: `"blob"`,
		Warnings: []string{"DUPLICATE: two \"files\"\n项"}}
	got = w.do(t, http.MethodGet, "/api/v1/products/p/projects/a", "")
	if got.body != `{"product":"","name":"a","language":""}`+"\n" || got.Header.Get("ETag") != `"blob"` {
		t.Errorf("got %s %s", got.Header.Get("ETag"), got.body)
	}
	if warning := got.Header.Get("Warning"); warning != `299 - "DUPLICATE: two \"files\""` {
		t.Errorf("got warning %s", warning)
	}
}

func TestADryRunTellsItsPlan(t *testing.T) {
	plan := wire.Plan{Name: "x", Cluster: "c", Namespaces: []string{"n"}}
	for name, c := range map[string]struct {
		path, body string
		plans      []wire.Plan
		want       string
	}{
		"one":  {runtimes + "/x?dry_run=true", guideBody, []wire.Plan{plan}, `"plan":{"name":"x"`},
		"none": {runtimes + "/x?dryRun=true", guideBody, nil, `"plan":null`},
		"of a batch": {"/api/v1/products/p/changes?dry_run=1", `[{"kind":"Project","name":"a","delete":true}]`,
			[]wire.Plan{plan}, `"plan":[{"name":"x"`},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.outcome = &change.Outcome{Verdict: wire.VerdictRefused, Base: "b", Diff: "d", Plan: c.plans}
			got := w.do(t, http.MethodPost, c.path, c.body)
			if got.StatusCode != http.StatusOK || !strings.HasPrefix(got.body,
				`{"verdict":"refused","base":"b","diff":"d","violations":[],"warnings":[],`) ||
				!strings.Contains(got.body, c.want) {
				t.Errorf("got %d %s", got.StatusCode, got.body)
			}
			if !w.changes[0].DryRun {
				t.Error("the service was not asked for a dry run")
			}
		})
	}
}

func TestABatchIsReadInBothForms(t *testing.T) {
	w := newWorld(t)
	got := w.do(t, http.MethodPost, "/api/v1/products/p/changes", `{"changes":[
		{"kind":"Project","name":"a","body":{"language":"go"}},
		{"delete":true,"kind":"Environment","name":"b"},
		{"apiVersion":"nautes.resource.nautes.io/v1alpha1","kind":"Project","metadata":{"name":"c"},"spec":{"product":"product-7","language":"go"}}]}`)
	if got.StatusCode != http.StatusOK ||
		!strings.HasPrefix(got.body, `{"message":"Successfully saved 3 changes: saved Project a, deleted Environment b, saved Project c","commit":"c1"`) {
		t.Fatalf("got %d %s", got.StatusCode, got.body)
	}
	o := w.changes[0].Operations
	if len(o) != 3 || o[0].Name != "a" || !o[1].Delete || o[1].Kind != "Environment" || o[2].Object == nil ||
		o[2].Name != "c" || o[2].Kind != "Project" {
		t.Errorf("got %+v", o)
	}
}

func TestTheOrderOfChecks(t *testing.T) {
	noToken := header("Authorization", "")
	for name, c := range map[string]struct {
		method, path, body string
		adjust             []func(*http.Request)
		want               string
	}{
		"an unclean path before the token": {http.MethodDelete, runtimes + "/..", "", []func(*http.Request){noToken},
			"NO_ROUTE"},
		"a wrong verb before the token": {http.MethodPut, runtimes, "{}", []func(*http.Request){noToken},
			"METHOD_NOT_ALLOWED"},
		"the token before the query": {http.MethodGet, runtimes + "?limit=x", "",
			[]func(*http.Request){noToken}, "UNAUTHENTICATED"},
		"the token before the body": {http.MethodPost, runtimes + "/x", `{"qqq`,
			[]func(*http.Request){noToken}, "UNAUTHENTICATED"},
		"another scheme is no token": {http.MethodGet, runtimes, "",
			[]func(*http.Request){header("Authorization", "Basic "+canary)}, "UNAUTHENTICATED"},
		"an empty token is none": {http.MethodGet, runtimes, "",
			[]func(*http.Request){header("Authorization", "Bearer ")}, "UNAUTHENTICATED"},
		"a token with a space is none": {http.MethodGet, runtimes, "",
			[]func(*http.Request){header("Authorization", "Bearer a b")}, "UNAUTHENTICATED"},
		"GitLab's own header is no token": {http.MethodGet, runtimes, "",
			[]func(*http.Request){noToken, header("Private-Token", canary)}, "UNAUTHENTICATED"},
		"the media type": {http.MethodPost, runtimes + "/x", "a=b", []func(*http.Request){
			header("Content-Type", "application/x-www-form-urlencoded")}, "UNSUPPORTED_MEDIA_TYPE"},
		"another character set": {http.MethodPost, runtimes + "/x", guideBody, []func(*http.Request){
			header("Content-Type", "application/json; charset=utf-16")}, "UNSUPPORTED_MEDIA_TYPE"},
		"a compressed body": {http.MethodPost, runtimes + "/x", guideBody,
			[]func(*http.Request){header("Content-Encoding", "gzip")}, "UNSUPPORTED_MEDIA_TYPE"},
		"no UTF-8": {http.MethodPost, runtimes + "/x", "{\"a\":\"\xff\"}", nil, "BAD_REQUEST"},
		"a body of 10 MB": {http.MethodPost, runtimes + "/x",
			`{"a":"` + strings.Repeat("a", 10<<20) + `"}`, nil, "TOO_LARGE"},
		"a body of 10 MB of unknown length": {http.MethodPost, runtimes + "/x", `{"a":"` + strings.Repeat("a",
			10<<20) + `"}`, []func(*http.Request){func(r *http.Request) { r.ContentLength = -1 }}, "TOO_LARGE"},
		"a batch of 5 MB": {http.MethodPost, "/api/v1/products/p/changes",
			`[` + strings.Repeat(" ", 5<<20) + `]`, nil, "TOO_LARGE"},
		"a batch that is no JSON": {http.MethodPost, "/api/v1/products/p/changes", `[{`, nil, "BAD_REQUEST"},
		"a bad boolean": {http.MethodPost, runtimes + "/x?dry_run=yes", guideBody,
			nil, "BAD_REQUEST"},
		"an empty boolean": {http.MethodDelete, runtimes + "/x?insecure_skip_check=", "",
			nil, "BAD_REQUEST"},
		"a boolean twice": {http.MethodDelete, runtimes + "/x?dry_run=true&dry_run=false", "",
			nil, "BAD_REQUEST"},
		"a boolean in both spellings": {http.MethodDelete, runtimes + "/x?dry_run=true&dryRun=true", "",
			nil, "BAD_REQUEST"},
		"a bad limit":       {http.MethodGet, runtimes + "?limit=0", "", nil, "BAD_REQUEST"},
		"an empty selector": {http.MethodGet, runtimes + "?field_selector=", "", nil, "BAD_REQUEST"},
		"a broken query":    {http.MethodGet, runtimes + "?a=%zz", "", nil, "BAD_REQUEST"},
		"strict with an unknown parameter": {http.MethodDelete, runtimes + "/x?strict=true&force=true", "",
			nil, "BAD_REQUEST"},
		"a token in the URL": {http.MethodGet, runtimes + "?private_token=" + canary, "",
			nil, "BAD_REQUEST"},
		"a token in the URL in another style": {http.MethodGet, runtimes + "?accessToken=" + canary, "",
			nil, "BAD_REQUEST"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			got := w.do(t, c.method, c.path, c.body, c.adjust...)
			p := got.problem(t)
			if p.Reason != c.want {
				t.Errorf("got %d %s", got.StatusCode, got.body)
			}
			if w.calls() != 0 {
				t.Error("the service was asked")
			}
			if c.body != "" && len(c.body) < 100 && strings.Contains(got.body, c.body) {
				t.Errorf("the body is repeated: %s", got.body)
			}
		})
	}
}

func TestTenThousandProjectsFitAndAreTheServicesBusiness(t *testing.T) {
	w := newWorld(t)
	body := `{"projects_ref":["p` + strings.Join(strings.Split(strings.Repeat("0", 10000), ""), `","p`) + `"]}`
	if got := w.do(t, http.MethodPost, runtimes+"/x", body); got.StatusCode != http.StatusOK ||
		string(w.changes[0].Operations[0].Body) != body {
		t.Errorf("got %d %s", got.StatusCode, got.body)
	}
}

func TestAnUnknownParameterIsAWarning(t *testing.T) {
	w := newWorld(t)
	got := w.do(t, http.MethodDelete, runtimes+"/x?force=true&delete_repository=true", "")
	want := `"warnings":["UNKNOWN_PARAMETER: the query parameter delete_repository means nothing here and is ignored",` +
		`"UNKNOWN_PARAMETER: the query parameter force means nothing here and is ignored"]`
	if got.StatusCode != http.StatusOK || !strings.Contains(got.body, want) {
		t.Errorf("got %d %s", got.StatusCode, got.body)
	}
	if w.changes[0].DeleteRepository {
		t.Error("delete_repository took effect on a runtime")
	}
	w = newWorld(t)
	if got := w.do(t, http.MethodDelete, "/api/v1/products/p/coderepos/x?deleteRepository=true",
		""); got.StatusCode != http.StatusOK || !w.changes[0].DeleteRepository {
		t.Errorf("on a code repo: %d %s", got.StatusCode, got.body)
	}
}

func TestMoreRequestsThanTheServerCanAnswerAreToldToComeBack(t *testing.T) {
	w := newWorld(t, func(o *server.Options) { o.MaxConcurrent = 1 })
	w.during = func(context.Context) {
		w.service.during = nil
		got := w.do(t, http.MethodGet, runtimes, "")
		if got.StatusCode != http.StatusTooManyRequests || got.problem(t).Reason != "RATE_LIMITED" ||
			got.Header.Get("Retry-After") != "1" {
			t.Errorf("got %d %s", got.StatusCode, got.body)
		}
		if got := w.do(t, http.MethodGet, "/healthz", ""); got.StatusCode != http.StatusOK {
			t.Errorf("healthz: %d", got.StatusCode)
		}
	}
	if got := w.do(t, http.MethodGet, runtimes, ""); got.StatusCode != http.StatusOK {
		t.Errorf("got %d", got.StatusCode)
	}
	if got := w.do(t, http.MethodGet, runtimes, ""); got.StatusCode != http.StatusOK {
		t.Errorf("the slot is not free again: %d", got.StatusCode)
	}
}

func TestAWriteGoesOnWhenTheCallerHangsUpAndAReadDoesNot(t *testing.T) {
	for method, goesOn := range map[string]bool{http.MethodDelete: true, http.MethodGet: false} {
		w := newWorld(t)
		ctx, hangUp := context.WithCancel(t.Context())
		w.during = func(inside context.Context) {
			hangUp()
			if got := inside.Err() == nil; got != goesOn {
				t.Errorf("%s goes on: %t", method, got)
			}
			if _, bounded := inside.Deadline(); !bounded {
				t.Errorf("%s is not bounded in time", method)
			}
		}
		w.do(t, method, runtimes+"/x", "", func(r *http.Request) { *r = *r.WithContext(ctx) })
		if w.calls() != 1 {
			t.Errorf("%s did not reach the service", method)
		}
	}
}

func TestAnIdThatIsNotHarmlessIsReplaced(t *testing.T) {
	for _, id := range []string{"a b", "a\"b", strings.Repeat("a", 65), "ä"} {
		if got := newWorld(t).do(t, http.MethodGet, runtimes, "",
			header("X-Request-Id", id)).Header.Get("X-Request-Id"); got == id || len(got) < 16 {
			t.Errorf("%s: got %q", strconv.Quote(id), got)
		}
	}
}
