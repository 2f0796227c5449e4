package server

import (
	"context"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/nautes-labs/deployment-runtime/internal/kinds"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// Kinds that are no part of default.project.
const (
	kindProduct = "Product"
	kindCluster = "Cluster"
)

// opBatch is the operation id of a batch.
const opBatch = "Change_SaveChanges"

// resource is one row of the table of what the API serves for a kind.
type resource struct {
	kind       string
	collection string
	// prefix of the operation ids.
	prefix string
	// one and many are the words in operation ids.
	one, many string
	// body of a save and item, for the OpenAPI document.
	body, item, list reflect.Type
}

// resources are the kinds that lie in default.project.
func resources() []resource {
	return []resource{
		row[deploymentRuntimeBody, wire.DeploymentRuntime]("DeploymentRuntime"),
		row[environmentBody, wire.Environment]("Environment"),
		row[projectBody, wire.Project]("Project"),
		row[codeRepoBody, wire.CodeRepo]("CodeRepo"),
		row[codeRepoBindingBody, wire.CodeRepoBinding]("CodeRepoBinding"),
	}
}

func productResource() resource { return row[productBody, wire.Product](kindProduct) }

func clusterResource() resource { return row[struct{}, wire.Cluster](kindCluster) }

// row returns what the table of kinds has of a kind, with the types of its bodies and items.
func row[B, I any](kind string) resource {
	k, _ := kinds.ByName(kind)
	return resource{
		kind: kind, collection: k.Collection, prefix: k.Operation, one: kind, many: kind + "s",
		body: reflect.TypeFor[B](), item: reflect.TypeFor[I](), list: reflect.TypeFor[wire.List[I]](),
	}
}

// endpoint is what answers an operation.
type endpoint struct {
	op huma.Operation
	// kind of what is saved; empty for several.
	kind string
	// parameters of the query that mean something, in snake_case.
	parameters []string
	// maxBody is the limit of the body in bytes; 0 for an operation that reads none.
	maxBody int64
	// write says that the operation changes something.
	write  bool
	answer func(ctx context.Context, c *call, r *http.Request) (*response, error)
}

// response is a success.
type response struct {
	etag     string
	warnings []string // for the header; lists and saves have them in their body
	long     bool
	body     any
}

// The query parameters by what they belong to.
func saveParameters() []string {
	return []string{"insecure_skip_check", "dry_run", "strict"}
}

func listParameters() []string {
	return []string{"field_selector", "limit", "page_token", "strict"}
}

func (s *Server) addOperations() {
	for _, r := range resources() {
		s.addResource(r, "/products/{product}/"+r.collection)
	}
	s.addProducts()
	s.addClusters()
	s.add(endpoint{
		op: huma.Operation{
			OperationID: opBatch, Method: http.MethodPost, Path: "/products/{product}/changes", Tags: []string{"Change"},
			Summary: "Save and delete several objects of a product in one commit",
			Description: "One overlay, one judgement, one commit. A document is the CRD form as it stands, or {\"kind\",\"name\",\"body\"} with the REST form, " +
				"or {\"delete\":true} with either.",
			RequestBody: s.bodyOf(reflect.TypeFor[batchBody]()), Responses: s.success(reflect.TypeFor[wire.Saved]()),
		},
		parameters: saveParameters(), maxBody: maxBatch, write: true, answer: s.saveChanges,
	})
}

// addResource adds the four operations of a kind that lies in default.project.
func (s *Server) addResource(res resource, collection string) {
	item := collection + "/{name}"
	deletion := saveParameters()
	if res.kind == "CodeRepo" {
		deletion = append(deletion, "delete_repository")
	}
	s.add(endpoint{
		op: huma.Operation{
			OperationID: res.prefix + "_List" + res.many, Method: http.MethodGet, Path: collection, Tags: []string{res.kind},
			Summary: "List the " + res.collection + " of a product", Responses: s.success(res.list),
		},
		parameters: listParameters(), answer: s.list(res.kind),
	})
	s.add(endpoint{
		op: huma.Operation{
			OperationID: res.prefix + "_Get" + res.one, Method: http.MethodGet, Path: item, Tags: []string{res.kind},
			Summary: "Get one of the " + res.collection, Responses: s.success(res.item),
		},
		parameters: []string{"strict"}, answer: s.get(res.kind),
	})
	s.add(endpoint{
		op: huma.Operation{
			OperationID: res.prefix + "_Save" + res.one, Method: http.MethodPost, Path: item, Tags: []string{res.kind},
			Summary:     "Create or replace one of the " + res.collection,
			RequestBody: s.bodyOf(res.body), Responses: s.success(reflect.TypeFor[wire.Saved]()),
		},
		kind: res.kind, parameters: saveParameters(), maxBody: maxSave, write: true, answer: s.save(res.kind),
	})
	s.add(endpoint{
		op: huma.Operation{
			OperationID: res.prefix + "_Delete" + res.one, Method: http.MethodDelete, Path: item, Tags: []string{res.kind},
			Summary: "Delete one of the " + res.collection, Responses: s.success(reflect.TypeFor[wire.Deleted]()),
		},
		parameters: deletion, write: true, answer: s.remove(res.kind),
	})
}

func (s *Server) addProducts() {
	res := productResource()
	const collection, item = "/products", "/products/{product}"
	s.add(endpoint{
		op: huma.Operation{
			OperationID: "Product_ListProducts", Method: http.MethodGet, Path: collection, Tags: []string{res.kind},
			Summary: "List the products that the caller sees", Responses: s.success(res.list),
		},
		parameters: listParameters(), answer: s.list(kindProduct),
	})
	s.add(endpoint{
		op: huma.Operation{
			OperationID: "Product_GetProduct", Method: http.MethodGet, Path: item, Tags: []string{res.kind},
			Summary: "Get one of the products", Responses: s.success(res.item),
		},
		parameters: []string{"strict"}, answer: s.get(kindProduct),
	})
	s.add(endpoint{
		op: huma.Operation{
			OperationID: "Product_SaveProduct", Method: http.MethodPost, Path: item, Tags: []string{res.kind},
			Summary:     "Create or adopt the GitLab group of a product, with its default.project",
			RequestBody: s.bodyOf(res.body), Responses: s.success(reflect.TypeFor[wire.Saved]()),
		},
		kind: kindProduct, parameters: saveParameters(), maxBody: maxSave, write: true, answer: s.save(kindProduct),
	})
	s.add(endpoint{
		op: huma.Operation{
			OperationID: "Product_DeleteProduct", Method: http.MethodDelete, Path: item, Tags: []string{res.kind},
			Summary:   "Delete a product of which nothing but an unused default.project is left",
			Responses: s.success(reflect.TypeFor[wire.Deleted]()),
		},
		parameters: saveParameters(), write: true, answer: s.remove(kindProduct),
	})
}

func (s *Server) addClusters() {
	res := clusterResource()
	s.add(endpoint{
		op: huma.Operation{
			OperationID: "Cluster_ListClusters", Method: http.MethodGet, Path: "/clusters", Tags: []string{res.kind},
			Summary: "List the clusters", Responses: s.success(res.list),
		},
		parameters: listParameters(), answer: s.list(kindCluster),
	})
	s.add(endpoint{
		op: huma.Operation{
			OperationID: "Cluster_GetCluster", Method: http.MethodGet, Path: "/clusters/{name}", Tags: []string{res.kind},
			Summary: "Get one of the clusters", Responses: s.success(res.item),
		},
		parameters: []string{"strict"}, answer: s.get(kindCluster),
	})
}

// add documents an endpoint and routes to it.
func (s *Server) add(e endpoint) {
	e.op.Path = apiPrefix + e.op.Path
	e.op.Security = []map[string][]string{{securityScheme: {}}}
	e.op.Parameters = append(pathParameters(e.op.Path), queryParameters(e.parameters)...)
	e.op.Responses["200"].Headers = successHeaders(e.write)
	if e.write {
		e.op.Parameters = append(e.op.Parameters, preconditionParameters()...)
		s.orPlan(e.op.Responses)
	}
	op := &e.op
	s.api.OpenAPI().AddOperation(op)
	s.api.Adapter().Handle(op, s.serve(e))
}

func pathParameters(path string) []*huma.Param {
	var out []*huma.Param
	for part := range strings.SplitSeq(path, "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			name = strings.TrimSuffix(name, "}")
			out = append(out, &huma.Param{Name: name, In: "path", Required: true, Description: pathDescription(name), Schema: &huma.Schema{Type: huma.TypeString}})
		}
	}
	return out
}

func pathDescription(name string) string {
	if name == "product" {
		return "Full path of the GitLab group; the slashes of sub-groups escaped as %2F. Its id, such as product-7, is accepted too."
	}
	return "Name of the object."
}
