package server

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

//go:embed docs.html
var docsTemplate string

// addPages adds the paths that are no operation of the API: the document, the page for people, and probes. The document
// and the page are made once, because they are the same for every caller.
func (s *Server) addPages() error {
	document, err := json.Marshal(s.api.OpenAPI())
	if err != nil {
		return fmt.Errorf("encoding the OpenAPI document: %w", err)
	}
	page, err := docsPage(s.api.OpenAPI())
	if err != nil {
		return err
	}
	s.page("/openapi.json", opDocs, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/openapi+json")
		_, _ = w.Write(document)
	})
	s.page("/docs", opDocs, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors "+
			"'none'; base-uri 'none'; form-action 'none'")
		_, _ = w.Write(page)
	})
	s.page("/healthz", opProbe, func(w http.ResponseWriter, _ *http.Request) { plainText(w, http.StatusOK, "ok\n") })
	s.page("/readyz", opProbe, func(w http.ResponseWriter, _ *http.Request) {
		if s.stopping.Load() {
			plainText(w, http.StatusServiceUnavailable, "stopping\n")
			return
		}
		plainText(w, http.StatusOK, "ok\n")
	})
	return nil
}

// page adds a path that answers GET.
func (s *Server) page(path, operation string, serve http.HandlerFunc) {
	s.api.Adapter().Handle(&huma.Operation{Method: http.MethodGet, Path: path, Hidden: true}, func(hc huma.Context) {
		r, w := humago.Unwrap(hc)
		callOf(r.Context()).operation = operation
		serve(w, r)
	})
}

func plainText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text))
}

// Stop makes the server report that it is not ready, so that it gets no new connections. It still answers requests.
func (s *Server) Stop() { s.stopping.Store(true) }

// docsPage renders the document for people. It needs no script, so it loads nothing from other hosts.
func docsPage(o *huma.OpenAPI) ([]byte, error) {
	t, err := template.New("docs").
		Funcs(template.FuncMap{"forms": func(content map[string]*huma.MediaType) []form {
			return formsOf(o.Components.Schemas, content)
		}}).Parse(docsTemplate)
	if err != nil {
		return nil, fmt.Errorf("reading the page of the documentation: %w", err)
	}
	var page bytes.Buffer
	if err := t.Execute(&page, map[string]any{
		"Info": o.Info, "Operations": operations(o), "Answers": answers(),
		"Problem": o.Components.Responses["Problem"].Content,
	}); err != nil {
		return nil, fmt.Errorf("rendering the page of the documentation: %w", err)
	}
	return page.Bytes(), nil
}

// answers returns one answer for each code, sorted by code.
func answers() []problem.Answer {
	byCode := func(a, b problem.Answer) int { return strings.Compare(string(a.Code), string(b.Code)) }
	sorted := slices.SortedStableFunc(slices.Values(problem.Answers()), byCode)
	return slices.CompactFunc(sorted, func(a, b problem.Answer) bool { return a.Code == b.Code })
}
