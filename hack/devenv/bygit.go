package main

import (
	"context"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

const (
	metadata = "default.project"
	gitFile  = "runtimes/dr-git.yaml"
	worker   = "manifests/worker/deployment.yaml"
)

// byGit lets a runtime come, and roll, through nothing but git.
func byGit(ctx context.Context, s *stage) error {
	if _, err := s.pushWorker(ctx, "example.com/worker:1.0", "Add a worker"); err != nil {
		return err
	}
	if err := s.clone(ctx, metadata); err != nil {
		return err
	}
	if err := s.git(ctx, "-C", metadata, "log", "--format=%h %an <%ae>: %s"); err != nil {
		return err
	}
	repo, err := s.codeRepo(ctx)
	if err != nil {
		return err
	}
	runtime, err := manifest("dr-git.yaml", "PRODUCT", s.product, "REPO", repo)
	if err != nil {
		return err
	}
	s.shell("cat > " + metadata + "/" + gitFile + " <<'EOF'\n" + runtime + "EOF")
	if err := s.write(metadata, gitFile, runtime); err != nil {
		return err
	}
	if _, err := s.commit(ctx, metadata, "Run the worker in production"); err != nil {
		return err
	}
	if err := s.await(ctx, "dr-git is Ready", s.ready(&api.DeploymentRuntime{}, s.product, "dr-git")); err != nil {
		return err
	}
	sha, err := s.pushWorker(ctx, "example.com/worker:1.1", "Release worker 1.1")
	if err != nil {
		return err
	}
	if err := s.await(ctx, "worker 1.1 runs, and no 1.0",
		s.running(west, "dr-git", "example.com/worker:1.1", 1)); err != nil {
		return err
	}
	if err := s.await(ctx, "dr-git is Ready at the new commit", s.readyAt(s.product, "dr-git", sha)); err != nil {
		return err
	}
	return s.nautes(ctx, "", "get", "dr", "-o", "wide")
}

// pushWorker pushes the worker's manifest to the code repo, and returns the commit.
func (s *stage) pushWorker(ctx context.Context, image, message string) (string, error) {
	content, err := workload("worker", image, 1)
	if err != nil {
		return "", err
	}
	s.say("In %s, %s: image %s", app, worker, image)
	if err := s.write(app, worker, content); err != nil {
		return "", err
	}
	return s.commit(ctx, app, message)
}
