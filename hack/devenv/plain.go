package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

// The product that has no GitLab. Its number is above those that GitLab gives to the groups that people make in `make
// dev`.
const (
	plainProduct = "product-10007"
	plainApp     = "shop/web"
	plainStream  = "shop/default.project"
)

// withoutGitLab is the life of two runtimes that are made, changed and deleted with kubectl.
func withoutGitLab(ctx context.Context, s *stage) error {
	for _, play := range []func(context.Context, *stage) error{deployPlain, refuseMove, comeBack} {
		if err := play(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// deployPlain makes a product on the git server, and two runtimes to two environments on two clusters.
func deployPlain(ctx context.Context, s *stage) error {
	if err := s.fillRepositories(ctx); err != nil {
		return err
	}
	tenant, err := manifest("plain-tenant.yaml", "GIT_URL", s.env.Git.BaseURL())
	if err != nil {
		return err
	}
	if err := s.apply(ctx, system, tenant); err != nil {
		return err
	}
	if err := s.await(ctx, "the product has its namespace", s.namespaceExists(plainProduct)); err != nil {
		return err
	}
	for _, file := range []string{"plain-product.yaml", "shop-dev.yaml", "shop-prod.yaml"} {
		if err := s.applyPlain(ctx, file); err != nil {
			return err
		}
	}
	if err := s.await(ctx, "shop-dev and shop-prod are Ready",
		s.ready(&api.DeploymentRuntime{}, plainProduct, "shop-dev", "shop-prod")); err != nil {
		return err
	}
	if _, err := s.kubectl(ctx, "get", "dr", "--namespace="+plainProduct, "-o", "wide"); err != nil {
		return err
	}
	return s.showApplications(ctx)
}

// applyPlain applies a file of this directory to the product's namespace.
func (s *stage) applyPlain(ctx context.Context, file string) error {
	content, err := manifest(file)
	if err != nil {
		return err
	}
	return s.apply(ctx, plainProduct, content)
}

// fillRepositories makes the product's repositories on the git server: the application's manifests, and an empty
// default.project.
func (s *stage) fillRepositories(ctx context.Context) error {
	content := map[string]map[string]string{plainApp: {},
		plainStream: {"README.md": "The resources of product shop.\n"}}
	for stage, replicas := range map[string]int{"development": 1, "production": 2} {
		deployment, err := workload("web", "example.com/web:1.0", replicas)
		if err != nil {
			return err
		}
		content[plainApp]["manifests/"+stage+"/deployment.yaml"] = deployment
	}
	for repo, files := range content {
		if err := s.env.Git.CreateRepo(ctx, repo); err != nil {
			return err
		}
		if _, err := s.env.Git.Write(ctx, repo, "Begin", files); err != nil {
			return err
		}
	}
	s.say("The git server has %s with manifests, and %s", s.env.Git.URL(plainApp), s.env.Git.URL(plainStream))
	return nil
}

// showApplications shows the Applications, with the labels that say what they are for.
func (s *stage) showApplications(ctx context.Context) error {
	_, err := s.kubectl(ctx, "get", "applications", "--namespace=argocd", "-L",
		api.LabelProduct+","+api.LabelRuntime+","+api.LabelCluster)
	return err
}

// refuseMove tries to move a deployed runtime to another environment, where no REST API stands in between.
func refuseMove(ctx context.Context, s *stage) error {
	before, err := s.identities(ctx, east, "shop-dev")
	if err != nil {
		return err
	}
	out, err := s.setDestination(ctx, "env-prod")
	if err != nil {
		return err
	}
	if !strings.Contains(out, "Warning:") {
		return fmt.Errorf("the admission policy did not warn of the new destination; kubectl said: %s", out)
	}
	s.say("The policy warns and lets it pass: one refused object would hold up all others of default.project. The " +
		"operator refuses it.")
	if err := s.await(ctx, "shop-dev is not Ready: DestinationImmutable",
		s.refused(plainProduct, "shop-dev", api.ReasonDestinationImmutable)); err != nil {
		return err
	}
	if _, err := s.kubectl(ctx, "get", "dr", "--namespace="+plainProduct); err != nil {
		return err
	}
	if err := s.await(ctx, "the same pods run on east", s.samePods(east, "shop-dev", before)); err != nil {
		return err
	}
	if err := s.await(ctx, "west got nothing of shop-dev", s.namespaceIsGone(west, "shop-dev")); err != nil {
		return err
	}
	if _, err := s.setDestination(ctx, "env-dev"); err != nil {
		return err
	}
	return s.await(ctx, "back at env-dev, shop-dev is Ready",
		s.ready(&api.DeploymentRuntime{}, plainProduct, "shop-dev"))
}

func (s *stage) setDestination(ctx context.Context, environment string) (string, error) {
	return s.kubectl(ctx, "patch", "dr", "shop-dev", "--namespace="+plainProduct, "--type=merge", "-p",
		`{"spec":{"destination":"`+environment+`"}}`)
}

// comeBack deletes a runtime, creates it again, and watches its pods until long after they would have gone.
func comeBack(ctx context.Context, s *stage) error {
	s.say("shop-prod is deleted by mistake, and comes back within the grace of %s: the same pods run on.", grace)
	before, err := s.identities(ctx, west, "shop-prod")
	if err != nil {
		return err
	}
	if err := s.showPods(ctx, west, "shop-prod"); err != nil {
		return err
	}
	if _, err := s.kubectl(ctx, "delete", "dr", "shop-prod", "--namespace="+plainProduct); err != nil {
		return err
	}
	deleted := time.Now()
	if err := s.await(ctx, "the removal is written down in the Application",
		s.removalIsRequested("shop-prod", true)); err != nil {
		return err
	}
	if err := s.applyPlain(ctx, "shop-prod.yaml"); err != nil {
		return err
	}
	if err := s.await(ctx, "the removal is called off", s.removalIsRequested("shop-prod", false)); err != nil {
		return err
	}
	if err := s.await(ctx, "the new shop-prod is Ready",
		s.ready(&api.DeploymentRuntime{}, plainProduct, "shop-prod")); err != nil {
		return err
	}
	until := deleted.Add(grace + 3*time.Second)
	if err := s.remains(ctx, "the same pods run on, also after the grace", until,
		s.samePods(west, "shop-prod", before)); err != nil {
		return err
	}
	return s.showPods(ctx, west, "shop-prod")
}

// removalIsRequested says whether the Application of a runtime carries the intent to tear it down, or does not.
func (s *stage) removalIsRequested(runtime string, want bool) look {
	return func(ctx context.Context) (string, bool) {
		apps, err := s.applications(ctx, plainProduct, runtime)
		if err != nil {
			return err.Error(), false
		}
		if len(apps) != 1 {
			return fmt.Sprintf("%d Applications of %s", len(apps), runtime), false
		}
		intent := apps[0].Annotations[api.AnnotationTeardown]
		return fmt.Sprintf("intent %q", intent), (intent != "") == want && apps[0].DeletionTimestamp.IsZero()
	}
}
