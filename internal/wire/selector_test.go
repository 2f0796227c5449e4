package wire_test

import (
	"strings"
	"testing"

	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

func TestSelectors(t *testing.T) {
	dr := &wire.DeploymentRuntime{ProjectsRef: []string{"api-server", "web"},
		ManifestSource: wire.ManifestSource{CodeRepo: "api-server"}, Destination: "env-dev"}
	for sentence, c := range map[string]struct {
		kind, selector string
		item           any
		want           bool
	}{
		"nothing selects everything": {"DeploymentRuntime", "", dr, true},
		"a substring of a string":    {"DeploymentRuntime", "destination=dev", dr, true},
		"no substring":               {"DeploymentRuntime", "destination=prod", dr, false},
		"case counts":                {"DeploymentRuntime", "destination=DEV", dr, false},
		"some element contains it":   {"DeploymentRuntime", "projects_ref.in=server", dr, true},
		"no element contains it":     {"DeploymentRuntime", "projects_ref.in=db", dr, false},
		"all terms have to hold": {"DeploymentRuntime", "projects_ref.in=web,destination=prod",
			dr, false},
		"all terms hold": {"DeploymentRuntime",
			"projects_ref.in=web,manifest_source.code_repo=api,destination=env", dr, true},
		"camelCase keys, as published docs have them": {"DeploymentRuntime", "manifestSource.codeRepo=api", dr, true},
		"the value keeps later equal signs": {"Environment", "env_type=a=b",
			&wire.Environment{EnvType: "a=b"}, true},
		"a cluster of an environment": {"Environment", "cluster=c1",
			&wire.Environment{Cluster: "c10"}, true},
		"booleans are exact: true": {"CodeRepo", "deployment_runtime=true",
			&wire.CodeRepo{DeploymentRuntime: true}, true},
		"booleans are exact: false": {"CodeRepo", "pipeline_runtime=false",
			&wire.CodeRepo{PipelineRuntime: true}, false},
		"the project of a code repo": {"CodeRepo", "project=api", &wire.CodeRepo{Project: "api"}, true},
		"a binding": {"CodeRepoBinding", "coderepo=a,product=p,projects.in=x",
			&wire.CodeRepoBinding{CodeRepo: "api", Product: "p", Projects: []string{"y", "xx"}}, true},
		"a project by name": {"Project", "project_name=p", &wire.Project{Name: "api"}, true},
		"a product by name": {"Product", "product_name=z",
			&wire.Product{Name: "nautes"}, false},
	} {
		t.Run(sentence, func(t *testing.T) {
			s, err := wire.ParseSelector(c.kind, c.selector)
			if err != nil {
				t.Fatal(err)
			}
			if got := s.Matches(c.item); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestSelectorsThatAreNotUnderstoodNameTheKnownKeys(t *testing.T) {
	for sentence, c := range map[string]struct{ kind, selector, names string }{
		"an unknown key": {"DeploymentRuntime", "name=x",
			"projects_ref.in, manifest_source.code_repo, destination"},
		"a key of another kind":  {"Environment", "destination=x", "cluster, env_type"},
		"no value":               {"Environment", "cluster=", "cluster, env_type"},
		"no equal sign":          {"Environment", "cluster", "cluster, env_type"},
		"an empty term":          {"Environment", "cluster=a,", "cluster, env_type"},
		"a repeated key":         {"Environment", "cluster=a,cluster=b", "cluster, env_type"},
		"a key in two spellings": {"Environment", "env_type=a,envType=b", "cluster, env_type"},
		"another operator":       {"DeploymentRuntime", "destination!=x", "destination"},
		"a boolean that is none": {"CodeRepo", "deployment_runtime=yes",
			"project, pipeline_runtime, deployment_runtime"},
		"a kind that has no keys": {"Cluster", "name=x", "no keys"},
	} {
		t.Run(sentence, func(t *testing.T) {
			_, err := wire.ParseSelector(c.kind, c.selector)
			p := problem.As(err)
			if p == nil || p.Reason != problem.ReasonBadRequest || p.Field != "field_selector" ||
				!strings.Contains(p.Message, c.names) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestFieldsInTheWordsOfTheForm(t *testing.T) {
	for _, c := range []struct{ kind, path, want string }{
		{"DeploymentRuntime", "spec.manifestSource.codeRepo", "manifest_source.code_repo"},
		{"DeploymentRuntime", "spec.projectsRef[1]", "projects_ref[1]"},
		{"CodeRepoBinding", "spec.codeRepo", "coderepo"},
		{"CodeRepo", "spec.codeRepoProvider", "code_repo_provider"},
		{"CodeRepo", "spec.repoName", "git.gitlab.path"},
		{"Environment", "metadata.name", "name"},
		{"Environment", "metadata.labels", "metadata.labels"},
	} {
		if got := wire.Field(c.kind, c.path); got != c.want {
			t.Errorf("%s %s: got %s, want %s", c.kind, c.path, got, c.want)
		}
	}
}

func TestSentencesInTheWordsOfTheForm(t *testing.T) {
	for _, c := range []struct{ kind, said, want string }{
		{"DeploymentRuntime", "correct spec.destination, or spec.manifestSource.codeRepo.",
			"correct destination, or manifest_source.code_repo."},
		{"DeploymentRuntime", "spec.projectsRef[1] is empty: set it", "projects_ref[1] is empty: set it"},
		{"Environment", "add the product to spec.allowedProducts", "add the product to spec.allowedProducts"},
		{"CodeRepoBinding", "correct spec.codeRepo", "correct coderepo"},
		{"DeploymentRuntime", "the inspec.destination", "the inspec.destination"},
		{"Nothing", "correct spec.destination", "correct spec.destination"},
	} {
		if got := wire.Sentence(c.kind, c.said); got != c.want {
			t.Errorf("%s: got %q, want %q", c.kind, got, c.want)
		}
	}
}

func TestWordsInSnakeCaseBeginWithALetter(t *testing.T) {
	for word, want := range map[string]string{"PermissionRevoked": "permission_revoked", "projectsRef": "projects_ref"} {
		if got := wire.Snake(word); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
