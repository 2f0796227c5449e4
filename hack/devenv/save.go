package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// save sends the request of the guide, and follows the runtime until it runs.
func save(ctx context.Context, s *stage) error {
	body, err := manifest("save.json")
	if err != nil {
		return err
	}
	s.say("The token is masked, and the answers are indented; nothing else is changed.")
	var saved wire.Saved
	if err := s.curl(ctx, http.MethodPost, s.runtimeURL("dr-dev"), strings.TrimSpace(body), &saved); err != nil {
		return err
	}
	if saved.Message != "Successfully saved dr-dev configuration" || !saved.Changed {
		return fmt.Errorf("the REST API did not save dr-dev: %+v", saved)
	}
	s.say("That is a commit in default.project now, by %s. GitLab's webhook tells of it, Argo CD syncs it, the "+
		"operator resolves and deploys.", userName)
	if err := s.nautes(ctx, "", "status", "dr", "dr-dev", "--wait"); err != nil {
		return err
	}
	if err := s.await(ctx, "2 pods of release 1.0 run on east",
		s.running(east, "dr-dev", "example.com/api-server:1.0", 2)); err != nil {
		return err
	}
	if err := s.showPods(ctx, east, "dr-dev"); err != nil {
		return err
	}
	head, err := s.head(ctx, app)
	if err != nil {
		return err
	}
	var item wire.DeploymentRuntime
	if err := s.curl(ctx, http.MethodGet, s.runtimeURL("dr-dev"), "", &item); err != nil {
		return err
	}
	if item.Status == nil || !item.Status.Ready || item.Status.Revision != head {
		return fmt.Errorf("GET does not say that dr-dev is ready at %s: %+v", head, item.Status)
	}
	return nil
}

// refuse sends what is wrong in several ways, and then tries to move a deployed runtime.
func refuse(ctx context.Context, s *stage) error {
	before, err := s.identities(ctx, east, "dr-dev")
	if err != nil {
		return err
	}
	body, err := manifest("wrong.json")
	if err != nil {
		return err
	}
	var answer wire.Problem
	if err := s.curl(ctx, http.MethodPost, s.runtimeURL("dr-wrong"), strings.TrimSpace(body), &answer); err != nil {
		return err
	}
	broken := func(what string) bool {
		return slices.ContainsFunc(answer.Violations,
			func(v wire.Violation) bool { return strings.Contains(v.Message, what) })
	}
	if answer.Status != http.StatusUnprocessableEntity || !broken("env-test") || !broken("billing") {
		return fmt.Errorf("the REST API did not refuse dr-wrong with everything that is wrong: %+v", answer)
	}
	moved, err := manifest("dr-dev.yaml", "env-dev", "env-prod")
	if err != nil {
		return err
	}
	s.say("The destination of a deployed runtime cannot change:")
	if err := s.nautesRefuses(ctx, moved, "DestinationImmutable", "apply", "-f", "-"); err != nil {
		return err
	}
	return s.await(ctx, "the same pods run on east", s.samePods(east, "dr-dev", before))
}
