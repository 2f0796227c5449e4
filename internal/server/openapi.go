package server

import (
	"reflect"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

const (
	jsonType       = "application/json"
	problemType    = "application/problem+json"
	securityScheme = "gitlab"
)

// description is the configuration of huma without the defaults that break our contract: no links or $schema in bodies
// (CreateHooks), no page with scripts from other hosts, no routes of its own. This package reads the requests itself:
// an unknown member is then no error, an answer repeats nothing of a body, and every failure has our form. huma keeps
// the operations and writes the document.
func (s *Server) description() huma.Config {
	config := huma.DefaultConfig("Deployment runtimes", s.o.Version)
	config.CreateHooks = nil
	config.OpenAPIPath, config.DocsPath, config.SchemasPath = "", "", ""
	config.AllowAdditionalPropertiesByDefault = true
	config.Info.Description = "Saves, lists and deletes what a product deploys and where: files on " +
		"branch main of its " +
		"default.project, which Argo CD and the " +
		"operator bring to the clusters. Permissions are GitLab's, checked with the caller's own token " +
		"in every request."
	if s.o.PublicURL != "" {
		config.Servers = []*huma.Server{{URL: s.o.PublicURL}}
	}
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		securityScheme: {
			Type: "http", Scheme: "bearer",
			Description: "A GitLab access token: personal, project, group or OAuth2. Reading needs api or read_api; " +
				"writing needs api, or read_api and write_repository.",
		},
	}
	return config
}

func (s *Server) schema(t reflect.Type) *huma.Schema {
	return s.api.OpenAPI().Components.Schemas.Schema(t, true, t.Name())
}

func (s *Server) bodyOf(t reflect.Type) *huma.RequestBody {
	return &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{jsonType: {Schema: s.schema(t)}}}
}

// success describes the answers of an operation: a success with the given type, and a problem for every failure.
func (s *Server) success(t reflect.Type) map[string]*huma.Response {
	return map[string]*huma.Response{
		"200":     {Description: "Success", Content: map[string]*huma.MediaType{jsonType: {Schema: s.schema(t)}}},
		"default": {Ref: "#/components/responses/Problem"},
	}
}

// orPlan adds the answer of a dry run to the answers of a write.
func (s *Server) orPlan(responses map[string]*huma.Response) {
	dryRun, plan := s.schema(reflect.TypeFor[wire.DryRun]()), s.schema(reflect.TypeFor[wire.Plan]())
	s.api.OpenAPI().Components.Schemas.SchemaFromRef(dryRun.Ref).Properties["plan"] = &huma.Schema{
		Description: "Where the runtime would go; null where none is saved. Of a batch, a list.",
		AnyOf:       []*huma.Schema{plan, {Type: huma.TypeArray, Items: plan}, {Type: "null"}},
	}
	content := responses["200"].Content[jsonType]
	content.Schema = &huma.Schema{AnyOf: []*huma.Schema{content.Schema, dryRun}}
}

func (s *Server) describeErrors() {
	components := s.api.OpenAPI().Components
	components.Responses = map[string]*huma.Response{
		"Problem": {
			Description: "A failure (RFC 9457). The member reason is a stable code; /docs lists them.",
			Content:     map[string]*huma.MediaType{problemType: {Schema: s.schema(reflect.TypeFor[wire.Problem]())}},
			Headers: map[string]*huma.Param{
				requestIDHeader: requestIDDescription(),
				"Retry-After": {Description: "Seconds to wait, with 429, 503 and 504.",
					Schema: &huma.Schema{Type: huma.TypeInteger}},
				"WWW-Authenticate": {Description: "Bearer, with 401.", Schema: &huma.Schema{Type: huma.TypeString}},
			},
		},
	}
}

// successHeaders describes the headers of a success. A read answers with a version, and with warnings in a header
// because its body has no place for them.
func successHeaders(write bool) map[string]*huma.Param {
	headers := map[string]*huma.Param{requestIDHeader: requestIDDescription()}
	if !write {
		text := &huma.Schema{Type: huma.TypeString}
		headers["ETag"] = &huma.Param{Description: "Version of the object for If-Match; of a list, the commit that " +
			"was read. Absent for what lies in no file.", Schema: text}
		headers["Warning"] = &huma.Param{Description: "299 with a text, once for each warning of an item. Lists have " +
			"theirs in the body.", Schema: text}
	}
	return headers
}

func requestIDDescription() *huma.Param {
	return &huma.Param{Description: "Names the request in the log of the server and in the commit.",
		Schema: &huma.Schema{Type: huma.TypeString}}
}

// queryParameters describes query parameters.
func queryParameters(names []string) []*huma.Param {
	boolean := &huma.Schema{Type: huma.TypeBoolean, Default: false}
	texts := map[string]*huma.Param{
		"insecure_skip_check": {Schema: boolean, Description: "Skip all checks of references and policies. " +
			"Permissions and the form of the request are checked all the same, " +
			"and the operator judges again."},
		"dry_run": {Schema: boolean, Description: "Tell what would happen, and push nothing."},
		"strict": {Schema: boolean,
			Description: "Refuse members and parameters that mean nothing, instead of warning of them."},
		"delete_repository": {Schema: boolean, Description: "Delete the GitLab project with its history, too."},
		"field_selector": {Schema: &huma.Schema{Type: huma.TypeString},
			Description: "key=value, several separated by commas; all must hold. A value is a part of the name; " +
				"of a list, some element contains it."},
		"limit": {
			Schema: &huma.Schema{Type: huma.TypeInteger, Minimum: pointer(1.0), Maximum: pointer(float64(maxPage))},
			Description: "Length of a page. Without it a page has up to 1000 items, and ends earlier where they are " +
				"large; next_page_token says that there are more.",
		},
		"page_token": {Schema: &huma.Schema{Type: huma.TypeString}, Description: "next_page_token of the page before."},
	}
	var out []*huma.Param
	for _, name := range names {
		p := texts[name]
		p.Name, p.In = name, "query"
		out = append(out, p)
	}
	return out
}

func preconditionParameters() []*huma.Param {
	text := &huma.Schema{Type: huma.TypeString}
	return []*huma.Param{
		{Name: "If-Match", In: "header", Schema: text, Description: "The ETag that the object must have; or a commit " +
			"id: the object must not have changed since; or *."},
		{Name: "If-None-Match", In: "header", Schema: text, Description: "*: only create."},
	}
}

func pointer[T any](v T) *T { return &v }

// describeDestination adds the form that newer clients send to the body of a runtime.
func (s *Server) describeDestination() {
	text := &huma.Schema{Type: huma.TypeString}
	body := s.schema(reflect.TypeFor[wire.DeploymentRuntimeBody]())
	destination := s.api.OpenAPI().Components.Schemas.SchemaFromRef(body.Ref).Properties["destination"]
	destination.Type = ""
	destination.OneOf = []*huma.Schema{text, {
		Type: huma.TypeObject, Required: []string{"environment"}, AdditionalProperties: true,
		Properties: map[string]*huma.Schema{
			"environment": text, "namespaces": {Type: huma.TypeArray, Items: text, Nullable: true},
		},
	}}
}

// The body of a batch, for the document. Package wire reads it; a test compares the two.

type batchBody struct {
	Changes []batchChange `json:"changes" nullable:"false" minItems:"1" maxItems:"1000"`
}

type batchChange struct {
	Delete bool           `json:"delete" required:"false" doc:"Delete the object instead of saving it."`
	Kind   string         `json:"kind" required:"false" doc:"With name and body: the REST form."`
	Name   string         `json:"name" required:"false"`
	Body   map[string]any `json:"body" required:"false"`
	Object map[string]any `json:"object" required:"false" doc:"The CRD form: apiVersion, kind, metadata, spec."`
}

// operations returns all operations of the document in a stable order, for the page.
func operations(o *huma.OpenAPI) []*huma.Operation {
	var paths []string
	for path := range o.Paths {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	var out []*huma.Operation
	for _, path := range paths {
		item := o.Paths[path]
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Delete} {
			if op != nil {
				out = append(out, op)
			}
		}
	}
	return out
}
