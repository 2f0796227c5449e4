package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/client"
	"github.com/nautes-labs/deployment-runtime/internal/kinds"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// shown is one item: its row of a table, and the document that apply accepts.
type shown struct {
	name     string
	row      []string
	document document
	// phase of a runtime that is deleted and not gone yet; else empty.
	phase string
}

// document is an object as it is printed: the form that apply takes, with human names, and the status, which apply
// leaves out.
type document struct {
	APIVersion string       `json:"apiVersion"`
	Kind       string       `json:"kind"`
	Metadata   metadata     `json:"metadata"`
	Spec       wire.Members `json:"spec"`
	Status     any          `json:"status,omitempty"`
}

type metadata struct {
	Name string `json:"name"`
}

// getItem fetches one item of a kind.
func getItem(ctx context.Context, c *client.Client, k kinds.Kind, p client.Place, name string) (shown, error) {
	raw, err := client.Get[json.RawMessage](ctx, c, p, name)
	if err != nil {
		return shown{}, err
	}
	return show(c, k, p.Product, raw)
}

// listItems fetches all items of a kind, with the warnings about them.
func listItems(ctx context.Context, c *client.Client, k kinds.Kind, p client.Place) ([]shown, []string, error) {
	items, err := client.List[json.RawMessage](ctx, c, p)
	if err != nil {
		return nil, nil, err
	}
	out := make([]shown, 0, len(items.Items))
	for _, raw := range items.Items {
		item, err := show(c, k, p.Product, raw)
		if err != nil {
			return nil, nil, err
		}
		out = append(out, item)
	}
	return out, items.Warnings, nil
}

// show returns an item that lies in product in the form in which it is printed.
func show(c *client.Client, k kinds.Kind, product string, raw json.RawMessage) (shown, error) {
	res, _ := wire.ResourceOf(k.Name)
	item := reflect.New(res.Item).Interface()
	if err := c.Decode(raw, item); err != nil {
		return shown{}, err
	}
	name := wire.Texts(item, "name")[0]
	d := document{APIVersion: api.GroupVersion.String(), Kind: k.Name, Metadata: metadata{Name: name}}
	d.Spec, d.Status = wire.Document(item)
	// product is the product that may use the code repo; the binding lies in the owner's product
	if k.Name == "CodeRepoBinding" {
		d.Spec = append(d.Spec, wire.Member{Name: "productName", Value: product})
	}
	v := viewOf(k.Name)
	slices.SortStableFunc(d.Spec, func(a, b wire.Member) int { return cmp.Compare(v.placeOf(a), v.placeOf(b)) })
	out := shown{name: name, row: v.row(item), document: d}
	if r, is := item.(*wire.DeploymentRuntime); is {
		out.phase = phaseOf(*r)
	}
	return out, nil
}

// view describes how the items of a kind are printed.
type view struct {
	columns []column
	// order of the members of the spec in -o json, where it is not that of the item. Others come after them.
	order []string
}

func (v view) placeOf(m wire.Member) int {
	if i := slices.Index(v.order, m.Name); i >= 0 {
		return i
	}
	return len(v.order)
}

func (v view) row(item any) []string {
	row := make([]string, 0, len(v.columns))
	for _, c := range v.columns {
		row = append(row, c.cell(item))
	}
	return row
}

// cell returns the text of an item in the column: the first of its members that is not empty.
func (c column) cell(item any) string {
	for path := range strings.SplitSeq(c.path, "|") {
		text := few(wire.Texts(item, path))
		if text != "" && c.show != nil {
			text = c.show(text)
		}
		if text != "" {
			return text
		}
	}
	return c.empty
}

const none = "-"

// viewOf returns the view of a kind. Of a kind without one the names are shown, and -o json and -o yaml show all.
func viewOf(kind string) view {
	product := column{title: "PRODUCT", path: "product", flexible: true}
	switch kind {
	case "DeploymentRuntime":
		return view{columns: runtimeColumns(), order: []string{
			"deletionPolicy", "destination", "manifestSource", "namespaces", "product", "projectsRef", "suspend",
		}}
	case "Environment":
		return view{columns: []column{
			nameColumn(), product, {title: "CLUSTER", path: "cluster", flexible: true},
			{title: "TYPE", path: "env_type"},
		}}
	case "Project":
		return view{columns: []column{nameColumn(), product, {title: "LANGUAGE", path: "language", empty: none}}}
	case "CodeRepo":
		return view{columns: codeRepoColumns(product), order: []string{
			"product", "project", "deploymentRuntime", "pipelineRuntime", "webhook", "git",
		}}
	case "CodeRepoBinding":
		return view{columns: []column{
			nameColumn(), {title: "CODEREPO", path: "coderepo", flexible: true}, product,
			{title: "PERMISSIONS", path: "permissions"},
			{title: "PROJECTS", path: "projects", empty: "(all)", flexible: true},
		}, order: []string{"productName", "product", "codeRepo", "projects", "permissions"}}
	case "Product":
		return view{columns: []column{
			nameColumn(), {title: "VISIBILITY", path: "git.gitlab.visibility", empty: none},
			{title: "DESCRIPTION", path: "git.gitlab.description", empty: none, flexible: true},
		}}
	case "Cluster":
		return view{columns: clusterColumns()}
	}
	return view{columns: []column{nameColumn()}}
}

func nameColumn() column { return column{title: "NAME", path: "name"} }

// statusColumns are those of nautes status, and the first ones of nautes get dr. A reason is read as a whole or not at
// all, so other columns make room for it.
func statusColumns() []column {
	return []column{
		nameColumn(),
		{title: "READY", path: "status.ready", empty: none, show: yesNo, paint: paintReady},
		{title: "ENVIRONMENT", path: "destination"},
		{title: "CLUSTER", path: "status.cluster", empty: none, flexible: true, spare: 1},
		{title: "SYNC", path: "status.sync", empty: none, spare: 3},
		{title: "HEALTH", path: "status.health", empty: none, spare: 4},
		{title: "REVISION", path: "status.revision", empty: none, show: short, spare: 2},
		{title: "SUSPEND", path: "suspend", empty: none, show: onlyYes, optional: true},
		{title: "REASON", path: "status.reason", empty: none},
	}
}

func runtimeColumns() []column {
	return append(statusColumns(), []column{
		{title: "CODEREPO", path: "manifest_source.code_repo", wide: true, flexible: true},
		{title: "PATH", path: "manifest_source.path", wide: true, flexible: true},
		{title: "TARGET", path: "manifest_source.target_revision", wide: true, flexible: true},
		{title: "PROJECTS", path: "projects_ref", empty: none, wide: true, flexible: true},
		{title: "NAMESPACES", path: "namespaces|name", empty: none, wide: true, flexible: true},
		{title: "DELETION", path: "deletion_policy", wide: true},
	}...)
}

func codeRepoColumns(product column) []column {
	return []column{
		nameColumn(), product,
		{title: "PROJECT", path: "project", empty: none, flexible: true},
		{title: "RUNTIMES", path: "deployment_runtime", show: yesNo},
		{title: "HTTP URL", path: "git.gitlab.http_url_to_repo", empty: none, flexible: true},
		{title: "VISIBILITY", path: "git.gitlab.visibility", empty: none, wide: true},
		{title: "PIPELINES", path: "pipeline_runtime", show: yesNo, wide: true},
		{title: "SSH URL", path: "git.gitlab.ssh_url_to_repo", empty: none, wide: true, flexible: true},
		{title: "EVENTS", path: "webhook.events", empty: none, wide: true, flexible: true},
	}
}

func clusterColumns() []column {
	return []column{
		nameColumn(),
		{title: "READY", path: "ready", show: yesNo, paint: paintReady},
		{title: "USAGE", path: "usage", empty: none},
		{title: "WORKER", path: "worker_type", empty: none},
		{title: "TYPE", path: "cluster_type", empty: none},
		{title: "KIND", path: "cluster_kind", empty: none, wide: true},
		{title: "REASON", path: "reason", empty: none, flexible: true},
	}
}

func paintReady(s style, text string) string {
	switch text {
	case "True":
		return s.good(text)
	case "False":
		return s.bad(text)
	}
	return s.dim(text)
}

func yesNo(text string) string {
	if text == "true" {
		return "True"
	}
	return "False"
}

// onlyYes shows nothing of what is usual.
func onlyYes(text string) string {
	if text == "true" {
		return "True"
	}
	return ""
}

// short is a commit id as people write it.
func short(revision string) string {
	const length = 8
	if len(revision) > length && strings.Trim(revision, "0123456789abcdef") == "" {
		return revision[:length]
	}
	return revision
}

// few joins a list for a table.
func few(list []string) string {
	const most = 5
	if len(list) <= most {
		return strings.Join(list, ",")
	}
	return strings.Join(list[:most], ",") + ",+" + strconv.Itoa(len(list)-most)
}
