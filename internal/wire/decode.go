package wire

import (
	"cmp"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

// One function per kind: which members a body has, and what they do to an object. Absent members of the guide are read as empty, so that the
// schema says which of them are required.

func readRuntime(r *reader, b *Body) {
	r.tolerate("name", "product", "account", "status")
	projects := r.texts("projects_ref")
	var source api.ManifestSource
	r.within("manifest_source", func(m *reader) {
		source.CodeRepo = m.text("code_repo").value
		source.TargetRevision = m.text("target_revision").value
		source.Path = m.text("path").value
	})
	destination, inside := readDestination(r)
	namespaces := r.texts("namespaces")
	if inside.present && !inside.null {
		if namespaces.present {
			r.wrongTwice("namespaces", "destination.namespaces")
		}
		namespaces = inside
	}
	policy, suspend := r.text("deletion_policy"), r.flag("suspend")

	bind(b, func(d *api.DeploymentRuntime) {
		d.Spec.ProjectsRef = projects.value
		d.Spec.ManifestSource = source
		d.Spec.Destination = destination
		d.Spec.Namespaces = namespaces.or(d.Spec.Namespaces)
		d.Spec.DeletionPolicy = policyOf(policy, d.Spec.DeletionPolicy)
		d.Spec.Suspend = suspend.or(d.Spec.Suspend)
	})
}

// policyOf leaves the stored value as it is when it means the same: answers name the default, files need not.
func policyOf(g given[string], stored api.DeletionPolicy) api.DeletionPolicy {
	wanted := api.DeletionPolicy(g.or(string(stored)))
	if cmp.Or(wanted, api.DeletionPolicyDelete) == cmp.Or(stored, api.DeletionPolicyDelete) && !g.null {
		return stored
	}
	return wanted
}

// readDestination reads a string, or newer clients' {"environment","namespaces"}.
func readDestination(r *reader) (environment string, namespaces given[[]string]) {
	v, at, _ := r.find("destination")
	switch v := v.(type) {
	case nil:
	case string:
		environment = v
	case *object:
		r.within("destination", func(d *reader) {
			environment = d.text("environment").value
			namespaces = d.texts("namespaces")
		})
	default:
		r.wrong(at, "a string or an object", v)
	}
	return environment, namespaces
}

func (r *reader) wrongTwice(a, b string) {
	if r.root.failure == nil {
		r.root.failure = badRequest("members %q and %q mean the same: remove one", a, b).At(a)
	}
}

func readEnvironment(r *reader, b *Body) {
	r.tolerate("name", "product", "account")
	cluster, envType := r.text("cluster"), r.text("env_type")
	bind(b, func(e *api.Environment) {
		e.Spec.Cluster = cluster.value
		e.Spec.EnvType = envType.value
	})
}

func readProject(r *reader, b *Body) {
	r.tolerate("name", "product", "account")
	language := r.text("language")
	bind(b, func(p *api.Project) { p.Spec.Language = language.value })
}

func readCodeRepo(r *reader, b *Body) {
	r.tolerate("name", "product", "account")
	project := r.text("project")
	var events given[[]string]
	webhook := r.within("webhook", func(w *reader) { events = w.texts("events") })
	deployment, pipeline := r.flag("deployment_runtime"), r.flag("pipeline_runtime")
	b.GitLab = readGitLab(r)
	bind(b, func(c *api.CodeRepo) {
		c.Spec.Project = project.value
		c.Spec.DeploymentRuntime = deployment.value
		c.Spec.PipelineRuntime = pipeline.value
		if c.Spec.Webhook == nil && len(events.value) == 0 {
			return
		}
		c.Spec.Webhook = nil
		if webhook && len(events.value) > 0 {
			c.Spec.Webhook = &api.Webhook{Events: events.value}
		}
	})
}

func readBinding(r *reader, b *Body) {
	r.tolerate("name", "account", "product_name") // the upstream CLI names the owner in productName
	product, projects := r.text("product"), r.texts("projects")
	permissions, repo := r.text("permissions"), r.text("coderepo")
	if !repo.present {
		repo = r.text("code_repo")
	}
	bind(b, func(c *api.CodeRepoBinding) {
		c.Spec.Product = product.value
		c.Spec.Projects = projects.value
		c.Spec.Permissions = api.Permissions(permissions.value)
		c.Spec.CodeRepo = repo.value
	})
}

func readProduct(r *reader, b *Body) {
	r.tolerate("name", "product", "account")
	b.GitLab = readGitLab(r)
	bind(b, func(*api.Product) {})
}

func readGitLab(r *reader) *GitLabBody {
	g := &GitLabBody{}
	r.within("git", func(git *reader) {
		git.within("gitlab", func(lab *reader) {
			lab.tolerate("ssh_url_to_repo", "http_url_to_repo")
			g.Name, g.Path = pointer(lab.text("name")), pointer(lab.text("path"))
			g.Visibility, g.Description = pointer(lab.text("visibility")), pointer(lab.text("description"))
			g.ParentID = pointer(lab.number("parent_id"))
		})
	})
	return g
}

func pointer[T any](g given[T]) *T {
	if !g.present || g.null {
		return nil
	}
	return &g.value
}
