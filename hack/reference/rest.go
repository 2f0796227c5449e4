package main

import (
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/server"
)

// addREST writes the page of the REST API from its own OpenAPI document.
func addREST(out files) error {
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	s, err := server.New(server.Options{Log: log, Audit: log, Metrics: server.NewMetrics(), Now: time.Now})
	if err != nil {
		return fmt.Errorf("making a server for its document: %w", err)
	}
	doc := s.OpenAPI()
	var b strings.Builder
	fmt.Fprintf(&b, "%s# REST API\n\n%s\n\n", notice, doc.Info.Description)
	b.WriteString("A server has the document for programs at `/openapi.json`, and a page like this one at `/docs`. " +
		"[How to use it](../howto/use-the-rest-api.md) shows requests.\n\n")
	fmt.Fprintf(&b, "Authorization: `Authorization: Bearer <token>`. %s\n",
		doc.Components.SecuritySchemes["gitlab"].Description)
	r := restPage{&b, doc.Components.Schemas}
	r.operations(doc)
	r.problems(doc.Components.Responses["Problem"])
	r.schemas()
	out[pagesDir+"/rest.md"] = b.String()
	return nil
}

// restPage writes the page.
type restPage struct {
	b        *strings.Builder
	registry huma.Registry
}

// operations writes the operations by the kind that they are about.
func (r restPage) operations(doc *huma.OpenAPI) {
	byTag := map[string][]*huma.Operation{}
	for _, path := range slices.Sorted(maps.Keys(doc.Paths)) {
		item := doc.Paths[path]
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Delete} {
			if op != nil {
				byTag[op.Tags[0]] = append(byTag[op.Tags[0]], op)
			}
		}
	}
	for _, tag := range slices.Sorted(maps.Keys(byTag)) {
		fmt.Fprintf(r.b, "\n## %s\n", tag)
		for _, op := range byTag[tag] {
			r.operation(op)
		}
	}
}

func (r restPage) operation(op *huma.Operation) {
	fmt.Fprintf(r.b, "\n### %s\n\n%s.", op.OperationID, op.Summary)
	if op.Description != "" {
		fmt.Fprintf(r.b, " %s", op.Description)
	}
	fmt.Fprintf(r.b, "\n\n```\n%s %s\n```\n\n| parameter | in | type | meaning |\n|---|---|---|---|\n", op.Method, op.Path)
	for _, p := range op.Parameters {
		kind := r.typeOf(p.Schema)
		if p.Required {
			kind += ", required"
		}
		fmt.Fprintf(r.b, "| %s | %s | %s | %s |\n", code(p.Name), p.In, kind, cell(p.Description))
	}
	if op.RequestBody != nil {
		fmt.Fprintf(r.b, "\nBody: %s.", r.typeOf(op.RequestBody.Content["application/json"].Schema))
	}
	ok := op.Responses["200"]
	fmt.Fprintf(r.b, "\nAnswer %d: %s.", http.StatusOK, r.typeOf(ok.Content["application/json"].Schema))
	var headers []string
	for _, name := range slices.Sorted(maps.Keys(ok.Headers)) {
		headers = append(headers, code(name))
	}
	fmt.Fprintf(r.b, " Headers: %s.\n", strings.Join(headers, ", "))
}

// problems writes how failures are answered.
func (r restPage) problems(p *huma.Response) {
	fmt.Fprintf(r.b, "\n## Failures\n\n%s The body is a [Problem](#schema-problem) of type `application/problem+json`.\n\n",
		strings.ReplaceAll(p.Description, "; /docs lists them", ""))
	r.b.WriteString("| header | meaning |\n|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(p.Headers)) {
		fmt.Fprintf(r.b, "| %s | %s |\n", code(name), cell(p.Headers[name].Description))
	}
	r.b.WriteString("\n| status | `reason` | title |\n|---|---|---|\n")
	for _, a := range problem.Answers() {
		fmt.Fprintf(r.b, "| %d | %s | %s |\n", a.Status, code(string(a.Code)), cell(a.Title))
	}
	r.b.WriteString("\n[Reasons of failures](failures.md) lists the reasons behind them.\n")
}

// schemas writes a table for each schema with members.
func (r restPage) schemas() {
	r.b.WriteString("\n## Bodies and answers\n")
	all := r.registry.Map()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		s := all[name]
		fmt.Fprintf(r.b, "\n### Schema %s\n\n", name)
		if s.Description != "" {
			fmt.Fprintf(r.b, "%s\n\n", s.Description)
		}
		if len(s.Properties) == 0 {
			fmt.Fprintf(r.b, "%s.\n", r.typeOf(s))
			continue
		}
		r.b.WriteString("| member | type | meaning |\n|---|---|---|\n")
		r.members(s, "")
	}
}

// members writes the members of an object, and of the objects that are written in place.
func (r restPage) members(s *huma.Schema, path string) {
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		p, kind := s.Properties[name], r.typeOf(s.Properties[name])
		if slices.Contains(s.Required, name) {
			kind += ", required"
		}
		fmt.Fprintf(r.b, "| %s | %s | %s |\n", code(path+name), kind, cell(p.Description))
		r.members(p, path+name+".")
	}
}

// typeOf names a type. That of a schema with a name is a link.
func (r restPage) typeOf(s *huma.Schema) string {
	if s.Ref != "" {
		name := s.Ref[strings.LastIndex(s.Ref, "/")+1:]
		return fmt.Sprintf("[%s](#schema-%s)", name, strings.ToLower(name))
	}
	var kinds []string
	for _, one := range slices.Concat(s.OneOf, s.AnyOf) {
		kinds = append(kinds, r.typeOf(one))
	}
	switch {
	case len(kinds) > 0:
		return strings.Join(kinds, " or ")
	case len(s.Enum) > 0:
		words := make([]string, 0, len(s.Enum))
		for _, word := range s.Enum {
			words = append(words, code(fmt.Sprint(word)))
		}
		return strings.Join(words, ", ")
	case s.Type == huma.TypeArray && s.Items != nil:
		return "list of " + r.typeOf(s.Items)
	}
	if each, is := s.AdditionalProperties.(*huma.Schema); is {
		return "map of " + r.typeOf(each)
	}
	return s.Type
}
