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

// Kinds that the server treats apart.
const (
	kindRuntime = "DeploymentRuntime"
	kindProduct = "Product"
	kindCluster = "Cluster"
)

// opBatch is the operation id of a batch.
const opBatch = "Change_SaveChanges"

// resource describes how the API serves a kind.
type resource struct {
	kinds.Kind
	wire.Resource
}

func resourceOf(kind string) resource {
	k, _ := kinds.ByName(kind)
	r, _ := wire.ResourceOf(kind)
	return resource{k, r}
}

// endpoint describes how an operation is answered.
type endpoint struct {
	op huma.Operation
	// kind of the saved object; empty for several.
	kind string
	// parameters are the query parameters of the operation, in snake_case.
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
	warnings []string // for the header; lists and saves have warnings in their body
	long     bool
	body     any
}

// The query parameters, by the operations that have them.
func saveParameters() []string {
	return []string{"insecure_skip_check", "dry_run", "strict"}
}

func listParameters() []string {
	return []string{"field_selector", "limit", "page_token", "strict"}
}

func (s *Server) addOperations() {
	for _, k := range kinds.OfScope(kinds.Product) {
		s.addResource(resourceOf(k.Name), "/products/{product}/"+k.Collection)
	}
	s.describeDestination()
	s.addHistory()
	s.addProducts()
	s.addClusters()
	s.add(endpoint{
		op: huma.Operation{
			OperationID: opBatch, Method: http.MethodPost, Path: "/products/{product}/changes",
			Tags:    []string{"Change"},
			Summary: "Save and delete several objects of a product in one commit",
			Description: "One overlay, one judgement, one commit. A document is the CRD form as it stands, " +
				"or {\"kind\",\"name\",\"body\"} with the REST form, " +
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
	if res.Name == "CodeRepo" {
		deletion = append(deletion, "delete_repository")
	}
	s.add(endpoint{
		op: huma.Operation{
			OperationID: res.Operation + "_List" + res.Name + "s", Method: http.MethodGet, Path: collection,
			Tags: []string{res.Name}, Summary: "List the " + res.Collection + " of a product",
			Responses: s.success(res.List),
		},
		parameters: listParameters(), answer: s.list(res.Name),
	})
	s.add(endpoint{
		op: huma.Operation{
			OperationID: res.Operation + "_Get" + res.Name, Method: http.MethodGet, Path: item,
			Tags: []string{res.Name}, Summary: "Get one of the " + res.Collection, Responses: s.success(res.Item),
		},
		parameters: []string{"strict"}, answer: s.get(res.Name),
	})
	s.add(endpoint{
		op: huma.Operation{
			OperationID: res.Operation + "_Save" + res.Name, Method: http.MethodPost, Path: item,
			Tags: []string{res.Name}, Summary: "Create or replace one of the " + res.Collection,
			RequestBody: s.bodyOf(res.Body), Responses: s.success(reflect.TypeFor[wire.Saved]()),
		},
		kind: res.Name, parameters: saveParameters(), maxBody: maxSave, write: true, answer: s.save(res.Name),
	})
	s.add(endpoint{
		op: huma.Operation{
			OperationID: res.Operation + "_Delete" + res.Name, Method: http.MethodDelete, Path: item,
			Tags: []string{res.Name}, Summary: "Delete one of the " + res.Collection,
			Responses: s.success(reflect.TypeFor[wire.Deleted]()),
		},
		parameters: deletion, write: true, answer: s.remove(res.Name),
	})
}

func (s *Server) addHistory() {
	res := resourceOf(kindRuntime)
	s.add(endpoint{
		op: huma.Operation{
			OperationID: res.Operation + "_GetDeploymentRuntimeHistory", Method: http.MethodGet,
			Path: "/products/{product}/" + res.Collection + "/{name}/history", Tags: []string{res.Name},
			Summary:   "Get the last 20 rollouts of one of the " + res.Collection + ", the newest first",
			Responses: s.success(reflect.TypeFor[wire.List[wire.Rollout]]()),
		},
		parameters: []string{"strict"}, answer: s.history,
	})
}

func (s *Server) addProducts() {
	res := resourceOf(kindProduct)
	const collection, item = "/products", "/products/{product}"
	s.add(endpoint{
		op: huma.Operation{
			OperationID: "Product_ListProducts", Method: http.MethodGet, Path: collection, Tags: []string{res.Name},
			Summary: "List the products that the caller sees", Responses: s.success(res.List),
		},
		parameters: listParameters(), answer: s.list(kindProduct),
	})
	s.add(endpoint{
		op: huma.Operation{
			OperationID: "Product_GetProduct", Method: http.MethodGet, Path: item, Tags: []string{res.Name},
			Summary: "Get one of the products", Responses: s.success(res.Item),
		},
		parameters: []string{"strict"}, answer: s.get(kindProduct),
	})
	s.add(endpoint{
		op: huma.Operation{
			OperationID: "Product_SaveProduct", Method: http.MethodPost, Path: item, Tags: []string{res.Name},
			Summary:     "Create or adopt the GitLab group of a product, with its default.project",
			RequestBody: s.bodyOf(res.Body), Responses: s.success(reflect.TypeFor[wire.Saved]()),
		},
		kind: kindProduct, parameters: saveParameters(), maxBody: maxSave, write: true, answer: s.save(kindProduct),
	})
	s.add(endpoint{
		op: huma.Operation{
			OperationID: "Product_DeleteProduct", Method: http.MethodDelete, Path: item, Tags: []string{res.Name},
			Summary:   "Delete a product of which nothing but an unused default.project is left",
			Responses: s.success(reflect.TypeFor[wire.Deleted]()),
		},
		parameters: saveParameters(), write: true, answer: s.remove(kindProduct),
	})
}

func (s *Server) addClusters() {
	res := resourceOf(kindCluster)
	s.add(endpoint{
		op: huma.Operation{
			OperationID: "Cluster_ListClusters", Method: http.MethodGet, Path: "/clusters",
			Tags: []string{res.Name}, Summary: "List the clusters", Responses: s.success(res.List),
		},
		parameters: listParameters(), answer: s.list(kindCluster),
	})
	s.add(endpoint{
		op: huma.Operation{
			OperationID: "Cluster_GetCluster", Method: http.MethodGet, Path: "/clusters/{name}",
			Tags: []string{res.Name}, Summary: "Get one of the clusters", Responses: s.success(res.Item),
		},
		parameters: []string{"strict"}, answer: s.get(kindCluster),
	})
}

// add documents an endpoint and adds its route.
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
			out = append(out, &huma.Param{Name: name, In: "path", Required: true, Description: pathDescription(name),
				Schema: &huma.Schema{Type: huma.TypeString}})
		}
	}
	return out
}

func pathDescription(name string) string {
	if name == "product" {
		return "Full path of the GitLab group; the slashes of sub-groups escaped as %2F. Its id, such as product-7, " +
			"is accepted too."
	}
	return "Name of the object."
}
