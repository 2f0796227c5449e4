package main

import (
	"context"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

// What the guide calls the developer's product and its code repo.
const (
	group = "nautes-labs"
	app   = "api-server"
)

// The directories of the code repo.
const (
	development = "manifests/development"
	next        = "manifests/next"
)

// makeProduct lets a developer make a product and what a runtime needs, with nothing but a token.
func makeProduct(ctx context.Context, s *stage) error {
	var err error
	if s.developer, err = newDeveloper(s.env.Dir, "http://"+s.apiAddress, group, s.gitlab.userToken); err != nil {
		return err
	}
	s.say("%s has an account in the stand-in for GitLab, and made a token there.", userName)
	s.shell("export API_SERVER=http://" + s.apiAddress + " PRODUCT=" + group + " GIT_TOKEN=" + s.developer.token)
	if err := s.nautes(ctx, "", "get", "clusters"); err != nil {
		return err
	}
	prerequisites, err := manifest("prerequisites.yaml")
	if err != nil {
		return err
	}
	if err := s.nautes(ctx, prerequisites, "apply", "-f", "-"); err != nil {
		return err
	}
	if err := s.pushManifests(ctx); err != nil {
		return err
	}
	if err := s.await(ctx, "the operator found the group in GitLab", s.findProduct); err != nil {
		return err
	}
	for _, wait := range []struct {
		what string
		look look
	}{
		{"the product is Ready: its default.project is synced, with a read-only deploy token of its own",
			s.ready(&api.Product{}, system, s.product)},
		{"both environments are Ready", s.ready(&api.Environment{}, s.product, "env-dev", "env-prod")},
	} {
		if err := s.await(ctx, wait.what, wait.look); err != nil {
			return err
		}
	}
	if err := s.nautes(ctx, "", "get", "coderepos"); err != nil {
		return err
	}
	s.say("And what the platform team sees:")
	_, err = s.kubectl(ctx, "get", "products", "--namespace="+system)
	return err
}

// pushManifests fills the code repo that nautes made in GitLab.
func (s *stage) pushManifests(ctx context.Context) error {
	if err := s.clone(ctx, app); err != nil {
		return err
	}
	for directory, w := range map[string]struct {
		image    string
		replicas int
	}{development: {"example.com/api-server:1.0", 2}, next: {"example.com/api-server:1.1", 3}} {
		content, err := workload(app, w.image, w.replicas)
		if err != nil {
			return err
		}
		if err := s.write(app, directory+"/deployment.yaml", content); err != nil {
			return err
		}
	}
	s.say("%s/deployment.yaml: image 1.0, 2 replicas; %s/deployment.yaml: image 1.1, 3 replicas", development, next)
	_, err := s.commit(ctx, app, "Add manifests")
	return err
}

// findProduct looks for the Product that the operator makes of the developer's group in GitLab.
func (s *stage) findProduct(ctx context.Context) (string, bool) {
	var products api.ProductList
	if err := s.management().List(ctx, &products, client.InNamespace(system)); err != nil {
		return err.Error(), false
	}
	for i := range products.Items {
		if products.Items[i].Spec.Name == group {
			s.product = products.Items[i].Name
			return s.product, true
		}
	}
	return fmt.Sprintf("%d products, none of them %s", len(products.Items), group), false
}

// codeRepo returns the resource name of the developer's code repo: repo-<id of the project in GitLab>.
func (s *stage) codeRepo(ctx context.Context) (string, error) {
	var repos api.CodeRepoList
	if err := s.management().List(ctx, &repos, client.InNamespace(s.product)); err != nil {
		return "", fmt.Errorf("listing the code repos of %s: %w", s.product, err)
	}
	for i := range repos.Items {
		if repos.Items[i].Spec.RepoName == app {
			return repos.Items[i].Name, nil
		}
	}
	return "", fmt.Errorf("%s has no code repo %s", s.product, app)
}
