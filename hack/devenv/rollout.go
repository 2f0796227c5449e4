package main

import (
	"context"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

// rollOut saves another path, in the other form that nautes takes: the resource itself.
func rollOut(ctx context.Context, s *stage) error {
	const image, replicas = "example.com/api-server:1.1", 3
	runtime, err := manifest("dr-dev.yaml", development, next)
	if err != nil {
		return err
	}
	if err := s.nautes(ctx, runtime, "diff", "-f", "-"); err != nil {
		return err
	}
	if err := s.nautes(ctx, runtime, "apply", "-f", "-"); err != nil {
		return err
	}
	if err := s.await(ctx, "3 pods of release 1.1 run in dr-dev, and none of 1.0",
		s.running(east, "dr-dev", image, replicas)); err != nil {
		return err
	}
	if err := s.await(ctx, "dr-dev is Ready", s.ready(&api.DeploymentRuntime{}, s.product, "dr-dev")); err != nil {
		return err
	}
	return s.nautes(ctx, "", "get", "dr")
}

// readyAt says whether a runtime is Ready at a commit.
func (s *stage) readyAt(product, name, sha string) look {
	var r api.DeploymentRuntime
	isReady := s.ready(&r, product, name)
	return func(ctx context.Context) (string, bool) {
		if seen, ok := isReady(ctx); !ok {
			return seen, false
		}
		return "revision " + r.Status.Revision, r.Status.Revision == sha
	}
}
