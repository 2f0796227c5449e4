package cli

import (
	"context"
	"slices"
	"strconv"
	"strings"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/client"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// view is how one kind is fetched and shown.
type view struct {
	columns []column
	get     func(context.Context, *client.Client, client.Place, string) (shown, error)
	list    func(context.Context, *client.Client, client.Place) ([]shown, []string, error)
}

// shown is one item: a row of a table, and the document that apply takes back.
type shown struct {
	name     string
	row      []string
	document document
}

// document is an object as it is printed: the form that apply takes, with human names, and the status, which apply leaves out.
type document struct {
	APIVersion string   `json:"apiVersion"`
	Kind       string   `json:"kind"`
	Metadata   metadata `json:"metadata"`
	Spec       any      `json:"spec"`
	Status     any      `json:"status,omitempty"`
}

type metadata struct {
	Name string `json:"name"`
}

func viewOf[T any](columns []column, show func(product string, item T) shown) view {
	return view{
		columns: columns,
		get: func(ctx context.Context, c *client.Client, p client.Place, name string) (shown, error) {
			item, err := client.Get[T](ctx, c, p, name)
			if err != nil {
				return shown{}, err
			}
			return show(p.Product, item), nil
		},
		list: func(ctx context.Context, c *client.Client, p client.Place) ([]shown, []string, error) {
			items, err := client.List[T](ctx, c, p)
			if err != nil {
				return nil, nil, err
			}
			out := make([]shown, 0, len(items.Items))
			for _, item := range items.Items {
				out = append(out, show(p.Product, item))
			}
			return out, items.Warnings, nil
		},
	}
}

func docOf(kind, name string, spec, status any) document {
	return document{APIVersion: api.GroupVersion.String(), Kind: kind, Metadata: metadata{Name: name}, Spec: spec, Status: status}
}

// viewFor returns the view of a kind that the API serves.
func viewFor(kind string) (view, bool) {
	views := map[string]func() view{
		"DeploymentRuntime": runtimeView,
		"Environment":       environmentView,
		"Project":           projectView,
		"CodeRepo":          codeRepoView,
		"CodeRepoBinding":   bindingView,
		"Product":           productView,
		"Cluster":           clusterView,
	}
	build, found := views[kind]
	if !found {
		return view{}, false
	}
	return build(), true
}

func runtimeView() view {
	return viewOf([]column{
		{title: "NAME"}, {title: "READY", paint: paintReady}, {title: "ENVIRONMENT"}, {title: "CLUSTER", flexible: true},
		{title: "SYNC"}, {title: "HEALTH"}, {title: "REVISION"}, {title: "REASON", flexible: true},
		{title: "CODEREPO", wide: true, flexible: true}, {title: "PATH", wide: true, flexible: true}, {title: "TARGET", wide: true, flexible: true},
		{title: "PROJECTS", wide: true, flexible: true}, {title: "NAMESPACES", wide: true, flexible: true}, {title: "DELETION", wide: true},
	}, func(_ string, r wire.DeploymentRuntime) shown {
		namespaces := r.Namespaces
		if len(namespaces) == 0 {
			namespaces = []string{r.Name}
		}
		st := wire.Status{}
		ready := "-"
		var status any
		if r.Status != nil {
			st, status, ready = *r.Status, r.Status, yesNo(r.Status.Ready)
		}
		return shown{
			name: r.Name,
			row: []string{
				r.Name, ready, r.Destination, dash(st.Cluster), dash(st.Sync), dash(st.Health), dash(short(st.Revision)), dash(st.Reason),
				r.ManifestSource.CodeRepo, r.ManifestSource.Path, r.ManifestSource.TargetRevision, few(r.ProjectsRef), few(namespaces), r.DeletionPolicy,
			},
			document: docOf("DeploymentRuntime", r.Name, runtimeSpec{
				Product: r.Product, ProjectsRef: r.ProjectsRef, Destination: r.Destination, Namespaces: r.Namespaces,
				ManifestSource: manifestSource(r.ManifestSource), DeletionPolicy: unlessDefault(r.DeletionPolicy), Suspend: r.Suspend,
			}, status),
		}
	})
}

// runtimeSpec leaves out what is the default anyway, so that what apply takes back is what was there.
type runtimeSpec struct {
	DeletionPolicy string         `json:"deletionPolicy,omitempty"`
	Destination    string         `json:"destination"`
	ManifestSource manifestSource `json:"manifestSource"`
	Namespaces     []string       `json:"namespaces,omitempty"`
	Product        string         `json:"product"`
	ProjectsRef    []string       `json:"projectsRef"`
	Suspend        bool           `json:"suspend,omitempty"`
}

type manifestSource struct {
	CodeRepo       string `json:"codeRepo"`
	TargetRevision string `json:"targetRevision"`
	Path           string `json:"path"`
}

func unlessDefault(policy string) string {
	if policy == string(api.DeletionPolicyDelete) {
		return ""
	}
	return policy
}

func environmentView() view {
	return viewOf([]column{{title: "NAME"}, {title: "PRODUCT", flexible: true}, {title: "CLUSTER", flexible: true}, {title: "TYPE"}},
		func(_ string, e wire.Environment) shown {
			return shown{name: e.Name, row: []string{e.Name, e.Product, e.Cluster, e.EnvType},
				document: docOf("Environment", e.Name, struct {
					Product string `json:"product"`
					Cluster string `json:"cluster"`
					EnvType string `json:"envType"`
				}{e.Product, e.Cluster, e.EnvType}, nil)}
		})
}

func projectView() view {
	return viewOf([]column{{title: "NAME"}, {title: "PRODUCT", flexible: true}, {title: "LANGUAGE"}},
		func(_ string, p wire.Project) shown {
			return shown{name: p.Name, row: []string{p.Name, p.Product, dash(p.Language)},
				document: docOf("Project", p.Name, struct {
					Product  string `json:"product"`
					Language string `json:"language"`
				}{p.Product, p.Language}, nil)}
		})
}

// gitLab is what GitLab keeps, as far as apply can set it.
type gitLab struct {
	Name        string `json:"name"`
	Path        string `json:"path"`
	Visibility  string `json:"visibility,omitempty"`
	Description string `json:"description,omitempty"`
	ParentID    int64  `json:"parentId,omitempty"`
}

type git struct {
	GitLab gitLab `json:"gitlab"`
}

func gitOf(g wire.Git) git {
	return git{gitLab{Name: g.GitLab.Name, Path: g.GitLab.Path, Visibility: g.GitLab.Visibility, Description: g.GitLab.Description, ParentID: g.GitLab.ParentID}}
}

func codeRepoView() view {
	return viewOf([]column{
		{title: "NAME"}, {title: "PRODUCT", flexible: true}, {title: "PROJECT", flexible: true}, {title: "RUNTIMES"}, {title: "HTTP URL", flexible: true},
		{title: "VISIBILITY", wide: true}, {title: "PIPELINES", wide: true}, {title: "SSH URL", wide: true, flexible: true}, {title: "EVENTS", wide: true, flexible: true},
	}, func(_ string, r wire.CodeRepo) shown {
		return shown{
			name: r.Name,
			row: []string{r.Name, r.Product, dash(r.Project), yesNo(r.DeploymentRuntime), dash(r.Git.GitLab.HTTPURLToRepo),
				dash(r.Git.GitLab.Visibility), yesNo(r.PipelineRuntime), dash(r.Git.GitLab.SSHURLToRepo), few(r.Webhook.Events)},
			document: docOf("CodeRepo", r.Name, struct {
				Product           string       `json:"product"`
				Project           string       `json:"project"`
				DeploymentRuntime bool         `json:"deploymentRuntime"`
				PipelineRuntime   bool         `json:"pipelineRuntime"`
				Webhook           wire.Webhook `json:"webhook"`
				Git               git          `json:"git"`
			}{r.Product, r.Project, r.DeploymentRuntime, r.PipelineRuntime, r.Webhook, gitOf(r.Git)}, nil),
		}
	})
}

func bindingView() view {
	return viewOf([]column{
		{title: "NAME"}, {title: "CODEREPO", flexible: true}, {title: "PRODUCT", flexible: true}, {title: "PERMISSIONS"}, {title: "PROJECTS", flexible: true},
	}, func(owner string, b wire.CodeRepoBinding) shown {
		projects := few(b.Projects)
		if len(b.Projects) == 0 {
			projects = "(all)"
		}
		return shown{name: b.Name, row: []string{b.Name, b.CodeRepo, b.Product, b.Permissions, projects},
			document: docOf("CodeRepoBinding", b.Name, struct {
				ProductName string   `json:"productName"` // the owner, where the binding lies; product is who may use the code repo
				Product     string   `json:"product"`
				CodeRepo    string   `json:"codeRepo"`
				Projects    []string `json:"projects"`
				Permissions string   `json:"permissions"`
			}{owner, b.Product, b.CodeRepo, b.Projects, b.Permissions}, nil)}
	})
}

func productView() view {
	return viewOf([]column{{title: "NAME"}, {title: "VISIBILITY"}, {title: "DESCRIPTION", flexible: true}},
		func(_ string, p wire.Product) shown {
			return shown{name: p.Name, row: []string{p.Name, dash(p.Git.GitLab.Visibility), dash(p.Git.GitLab.Description)},
				document: docOf("Product", p.Name, struct {
					Git git `json:"git"`
				}{gitOf(p.Git)}, nil)}
		})
}

func clusterView() view {
	return viewOf([]column{
		{title: "NAME"}, {title: "READY", paint: paintReady}, {title: "USAGE"}, {title: "WORKER"}, {title: "TYPE"}, {title: "KIND", wide: true}, {title: "REASON", flexible: true},
	}, func(_ string, c wire.Cluster) shown {
		return shown{name: c.Name, row: []string{c.Name, yesNo(c.Ready), dash(c.Usage), dash(c.WorkerType), dash(c.ClusterType), dash(c.ClusterKind), dash(c.Reason)},
			document: docOf("Cluster", c.Name, struct {
				Usage       string `json:"usage"`
				ClusterType string `json:"clusterType"`
				ClusterKind string `json:"clusterKind"`
				WorkerType  string `json:"workerType"`
			}{c.Usage, c.ClusterType, c.ClusterKind, c.WorkerType}, struct {
				Ready  bool   `json:"ready"`
				Reason string `json:"reason"`
			}{c.Ready, c.Reason})}
	})
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

func yesNo(b bool) string {
	if b {
		return "True"
	}
	return "False"
}

func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
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
	if len(list) == 0 {
		return "-"
	}
	if len(list) <= most {
		return strings.Join(list, ",")
	}
	return strings.Join(slices.Clone(list[:most]), ",") + ",+" + strconv.Itoa(len(list)-most)
}
