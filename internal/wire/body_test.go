package wire_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// guide is the body of a save as the guide shows it.
const guide = `{
        "projects_ref": [
            "api-server"
        ],
        "manifest_source": {
            "code_repo": "api-server",
            "target_revision": "HEAD",
            "path": "manifests/development"
        },
        "destination": "env-dev"
    }`

// stored is a runtime that has everything that a file can hold.
func stored(changes ...func(*api.DeploymentRuntime)) *api.DeploymentRuntime {
	r := &api.DeploymentRuntime{}
	r.SetGroupVersionKind(api.GroupVersion.WithKind("DeploymentRuntime"))
	r.Name, r.Labels = "dr-dev", map[string]string{"team": "a"}
	r.Spec = api.DeploymentRuntimeSpec{
		Product: "product-7", ProjectsRef: []string{"old"}, Destination: "env-old",
		ManifestSource: api.ManifestSource{CodeRepo: "repo-3", TargetRevision: "v1", Path: "old"},
		Namespaces:     []string{"a", "b"}, DeletionPolicy: api.DeletionPolicyOrphan, Suspend: true,
	}
	for _, change := range changes {
		change(r)
	}
	return r
}

// asGuide is what the guide's body makes of a runtime.
func asGuide(r *api.DeploymentRuntime) {
	r.Spec.ProjectsRef = []string{"api-server"}
	r.Spec.ManifestSource = api.ManifestSource{CodeRepo: "api-server", TargetRevision: "HEAD",
		Path: "manifests/development"}
	r.Spec.Destination = "env-dev"
}

func TestBodyOfARuntime(t *testing.T) {
	with := func(member string) string { return strings.Replace(guide, `"destination": "env-dev"`, member, 1) }
	fresh := func(changes ...func(*api.DeploymentRuntime)) *api.DeploymentRuntime {
		r := &api.DeploymentRuntime{}
		r.SetGroupVersionKind(api.GroupVersion.WithKind("DeploymentRuntime"))
		asGuide(r)
		for _, change := range changes {
			change(r)
		}
		return r
	}
	kept := func(changes ...func(*api.DeploymentRuntime)) *api.DeploymentRuntime {
		return stored(append([]func(*api.DeploymentRuntime){asGuide}, changes...)...)
	}
	for sentence, c := range map[string]struct {
		body    string
		stored  *api.DeploymentRuntime
		want    *api.DeploymentRuntime
		unknown []string
	}{
		"the guide's body makes a new runtime":                        {body: guide, want: fresh()},
		"the guide's body keeps additive members, labels and product": {body: guide, stored: stored(), want: kept()},
		"camelCase is accepted": {body: `{"projectsRef":["api-server"],"manifestSource":{"codeRepo":"api-server","targetRevision":"HEAD","path":"manifests/development"},"destination":"env-dev"}`,
			want: fresh()},
		"the upstream CLI's manifestsource is accepted": {body: `{"projectsRef":["api-server"],"manifestsource":{"codeRepo":"api-server","targetRevision":"HEAD","path":"manifests/development"},"destination":"env-dev"}`,
			want: fresh()},
		"name, product, status and an empty account are tolerated " +
			"without a word": {body: with(`"destination":"env-dev","name":"x","product":"y","account":"","status":{"ready":true}`),
			want: fresh()},
		"an account is listed": {body: with(`"destination":"env-dev","account":"robot","zone":1`),
			want: fresh(), unknown: []string{"account", "zone"}},
		"unknown members are listed, inner ones by their path": {body: `{"projects_ref":["api-server"],"manifest_source":{"code_repo":"api-server","target_revision":"HEAD","path":"manifests/development","depth":1},"destination":"env-dev","zone":{"a":1}}`,
			want: fresh(), unknown: []string{"manifest_source.depth", "zone"}},
		"a destination object names environment and namespaces": {body: with(`"destination":{"environment":"env-dev","namespaces":["n"]}`),
			want: fresh(func(r *api.DeploymentRuntime) { r.Spec.Namespaces = []string{"n"} })},
		"a destination object with null namespaces " +
			"keeps the stored ones": {body: with(`"destination":{"environment":"env-dev","namespaces":null}`),
			stored: stored(), want: kept()},
		"a destination object without namespaces keeps " +
			"the stored ones": {body: with(`"destination":{"environment":"env-dev"}`), stored: stored(), want: kept()},
		"a destination object with an empty list resets namespaces": {body: with(`"destination":{"environment":"env-dev","namespaces":[]}`),
			stored: stored(), want: kept(func(r *api.DeploymentRuntime) { r.Spec.Namespaces = nil })},
		"null resets an additive member": {body: with(`"destination":"env-dev","namespaces":null,"suspend":null,"deletion_policy":null`),
			stored: stored(), want: kept(func(r *api.DeploymentRuntime) {
				r.Spec.Namespaces, r.Spec.Suspend, r.Spec.DeletionPolicy = nil, false, ""
			})},
		"an additive member that is given is set": {body: with(`"destination":"env-dev","suspend":false,"deletionPolicy":"Delete"`),
			stored: stored(), want: kept(func(r *api.DeploymentRuntime) {
				r.Spec.Suspend, r.Spec.DeletionPolicy = false, api.DeletionPolicyDelete
			})},
		"the default that answers name is not written where " +
			"none is stored": {body: with(`"destination":"env-dev","deletion_policy":"Delete"`), want: fresh()},
		"a member of the guide that is absent is emptied": {body: `{"manifest_source":{"code_repo":"api-server","target_revision":"HEAD","path":"manifests/development"},"destination":"env-dev"}`,
			stored: stored(), want: kept(func(r *api.DeploymentRuntime) { r.Spec.ProjectsRef = nil })},
		"without manifest_source and destination they are empty, not a panic": {body: `{}`,
			want: fresh(func(r *api.DeploymentRuntime) {
				r.Spec.ProjectsRef, r.Spec.ManifestSource, r.Spec.Destination = nil, api.ManifestSource{}, ""
			})},
	} {
		t.Run(sentence, func(t *testing.T) {
			body, err := wire.Parse("DeploymentRuntime", []byte(c.body))
			if err != nil {
				t.Fatal(err)
			}
			var on client.Object
			if c.stored != nil {
				on = c.stored
			}
			if diff := cmp.Diff(client.Object(c.want), body.Onto(on)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(c.unknown, body.Unknown); diff != "" {
				t.Error(diff)
			}
			if c.stored != nil {
				if diff := cmp.Diff(stored(), c.stored); diff != "" {
					t.Errorf("the stored object changed: %s", diff)
				}
			}
		})
	}
}

func TestBodiesThatCannotBeRead(t *testing.T) {
	const secret = "s3cr3t"
	for sentence, c := range map[string]struct{ kind, body, field string }{
		"nothing":                          {"DeploymentRuntime", ``, ""},
		"null":                             {"DeploymentRuntime", `null`, ""},
		"a list":                           {"DeploymentRuntime", `["s3cr3t"]`, ""},
		"two values":                       {"DeploymentRuntime", `{} {"s3cr3t":1}`, ""},
		"broken JSON":                      {"DeploymentRuntime", `{"destination":"s3cr3t`, ""},
		"a list that is closed by a brace": {"DeploymentRuntime", `{"projects_ref":["s3cr3t"}`, ""},
		"a number for a string":            {"DeploymentRuntime", `{"destination":5}`, "destination"},
		"a string for a list":              {"DeploymentRuntime", `{"projects_ref":"s3cr3t"}`, "projects_ref"},
		"a number in a list of strings":    {"DeploymentRuntime", `{"projects_ref":["a",7]}`, "projects_ref[1]"},
		"a string for an object":           {"DeploymentRuntime", `{"manifest_source":"s3cr3t"}`, "manifest_source"},
		"a wrong type inside an object": {"DeploymentRuntime", `{"manifestSource":{"path":["s3cr3t"]}}`,
			"manifestSource.path"},
		"a string for a boolean": {"DeploymentRuntime", `{"suspend":"s3cr3t"}`, "suspend"},
		"a list for destination": {"DeploymentRuntime", `{"destination":["s3cr3t"]}`, "destination"},
		"a wrong type inside destination": {"DeploymentRuntime", `{"destination":{"environment":true}}`,
			"destination.environment"},
		"namespaces in both places": {"DeploymentRuntime",
			`{"destination":{"environment":"s3cr3t","namespaces":["a"]},"namespaces":["b"]}`, "namespaces"},
		"a member twice": {"DeploymentRuntime", `{"destination":"a","destination":"s3cr3t"}`,
			"destination"},
		"an inner member twice": {"DeploymentRuntime",
			`{"manifest_source":{"path":"a","path":"s3cr3t"}}`, "manifest_source.path"},
		"an unknown member twice": {"DeploymentRuntime", `{"zone":"a","zone":"s3cr3t"}`, "zone"},
		"snake_case and camelCase of a member": {"DeploymentRuntime", `{"projects_ref":[],"projectsRef":["s3cr3t"]}`,
			"projectsRef"},
		"two cases of a member": {"DeploymentRuntime", `{"destination":"a","Destination":"s3cr3t"}`,
			"Destination"},
		"nested too deeply": {"DeploymentRuntime",
			strings.Repeat(`{"a":`, 40) + `"s3cr3t"` + strings.Repeat(`}`, 40), ""},
		"a wrong type of another kind": {"Environment", `{"cluster":["s3cr3t"]}`, "cluster"},
		"a fraction for an id": {"Product", `{"git":{"gitlab":{"parent_id":1.5}}}`,
			"git.gitlab.parent_id"},
		"a kind that nobody saves": {"Cluster", `{}`, ""},
	} {
		t.Run(sentence, func(t *testing.T) {
			_, err := wire.Parse(c.kind, []byte(c.body))
			p := problem.As(err)
			if p == nil || p.Class != problem.Invalid || p.Reason != problem.ReasonBadRequest {
				t.Fatalf("got %v", err)
			}
			if p.Field != c.field {
				t.Errorf("field: got %q, want %q", p.Field, c.field)
			}
			if strings.Contains(p.Message, secret) {
				t.Errorf("the message repeats what was sent: %s", p.Message)
			}
		})
	}
}

func TestBodiesOfOtherKinds(t *testing.T) {
	repo := &api.CodeRepo{Spec: api.CodeRepoSpec{CodeRepoProvider: "gitlab", Product: "product-7", URL: "https://kept",
		Webhook: &api.Webhook{Events: []string{"tag_push_events"}}}}
	for sentence, c := range map[string]struct {
		kind, body string
		stored     client.Object
		want       any
	}{
		"an environment": {"Environment", `{"cluster":"c1","env_type":"dev"}`, nil,
			api.EnvironmentSpec{Cluster: "c1", EnvType: "dev"}},
		"an environment in camelCase, with what the upstream CLI adds": {"Environment",
			`{"name":"x","product":"p","cluster":"c1","envType":"dev"}`, nil,
			api.EnvironmentSpec{Cluster: "c1", EnvType: "dev"}},
		"a project": {"Project", `{"language":"go"}`, nil, api.ProjectSpec{Language: "go"}},
		"a code repo keeps what is not in its body": {"CodeRepo",
			`{"project":"api","webhook":{"events":["push_events"]},"deployment_runtime":true,"git":{"gitlab":{"path":"api"}}}`,
			repo,
			api.CodeRepoSpec{CodeRepoProvider: "gitlab", Product: "product-7", URL: "https://kept", Project: "api",
				DeploymentRuntime: true, Webhook: &api.Webhook{Events: []string{"push_events"}}}},
		"a code repo without events has no webhook": {"CodeRepo", `{"webhook":{"events":[]}}`, repo,
			api.CodeRepoSpec{CodeRepoProvider: "gitlab", Product: "product-7", URL: "https://kept"}},
		"a binding": {"CodeRepoBinding",
			`{"product":"other","projects":["a"],"permissions":"readonly","coderepo":"api"}`, nil,
			api.CodeRepoBindingSpec{Product: "other", Projects: []string{"a"}, Permissions: "readonly",
				CodeRepo: "api"}},
		"a binding of the upstream CLI": {"CodeRepoBinding",
			`{"name":"b","productName":"mine","product":"other","permissions":"readwrite","coderepo":"api"}`, nil,
			api.CodeRepoBindingSpec{Product: "other", Permissions: "readwrite", CodeRepo: "api"}},
	} {
		t.Run(sentence, func(t *testing.T) {
			body, err := wire.Parse(c.kind, []byte(c.body))
			if err != nil || len(body.Unknown) > 0 {
				t.Fatal(err, body)
			}
			if diff := cmp.Diff(c.want, specOf(body.Onto(c.stored))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func specOf(o client.Object) any {
	switch o := o.(type) {
	case *api.Environment:
		return o.Spec
	case *api.Project:
		return o.Spec
	case *api.CodeRepo:
		return o.Spec
	case *api.CodeRepoBinding:
		return o.Spec
	}
	return nil
}

func TestTheGitLabPartTellsWhatIsSaid(t *testing.T) {
	body, err := wire.Parse("Product",
		[]byte(`{"git":{"gitlab":{"name":"Nautes Labs","path":"nautes-labs","visibility":"private","description":null,"parent_id":4}}}`))
	if err != nil {
		t.Fatal(err)
	}
	text := func(s string) *string { return &s }
	parent := int64(4)
	want := &wire.GitLabBody{Name: text("Nautes Labs"), Path: text("nautes-labs"), Visibility: text("private"),
		ParentID: &parent}
	if diff := cmp.Diff(want, body.GitLab); diff != "" {
		t.Error(diff)
	}
}

func TestACommentInJSONIsToldAsWhatItIs(t *testing.T) {
	for sentence, body := range map[string]string{
		"before the body":    "# my runtime\n{\"destination\":\"env-dev\"}",
		"behind a member":    "{\"destination\":\"env-dev\", # where it goes\n\"suspend\":true}",
		"before a comma":     "{\"destination\":\"env-dev\" # where it goes\n,\"suspend\":true}",
		"in a list":          "{\"projects_ref\":[ // mine\n\"a\"]}",
		"behind the opening": "{ # mine\n\"destination\":\"env-dev\"}",
	} {
		t.Run(sentence, func(t *testing.T) {
			_, err := wire.Parse("DeploymentRuntime", []byte(body))
			if p := problem.As(err); p == nil || !strings.Contains(p.Message, "JSON has no comments") {
				t.Errorf("got %v", err)
			}
		})
	}
}
