package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

const (
	// grace is how long a deleted runtime keeps running in case it comes back: the default, said aloud.
	grace = 10 * time.Second
	// pollGroups is how often the operator asks GitLab for products; a release leaves GitLab in peace for 15 s.
	pollGroups = 3 * time.Second
)

// install brings our part into the management cluster, with the commands of a real installation.
func install(ctx context.Context, s *stage) error {
	for _, command := range [][]string{
		{"apply", "--server-side", "-k", "config/crd"},
		{"apply", "-f", "config/default/namespace.yaml"},
		{"apply", "-k", "config/policy"},
		{"apply", "-k", "config/rbac/operator"},
		{"apply", "-k", "config/rbac/apiserver"},
	} {
		if _, err := s.kubectl(ctx, command...); err != nil {
			return err
		}
	}
	if err := s.startOperator(ctx); err != nil {
		return err
	}
	return s.startAPIServer(ctx)
}

func (s *stage) startOperator(ctx context.Context) error {
	kubeconfig, err := s.serviceAccountKubeconfig(ctx, "nautes-operator")
	if err != nil {
		return err
	}
	probes, err := s.env.FreeAddress()
	if err != nil {
		return err
	}
	s.operator, err = s.startProgram(ctx, "the operator", probes,
		"operator", "--kubeconfig", kubeconfig, "--system-namespace", system, "--argocd-namespace", "argocd",
		"--metrics-bind-address", "0",
		"--argocd-repo-server", s.env.ArgoCD.RepoServerAddress(), "--argocd-repo-server-plaintext",
		"--health-probe-bind-address", probes, "--teardown-grace", grace.String(), "--product-poll-interval",
		pollGroups.String(), "--log-format=text")
	return err
}

// startAPIServer starts the REST API. With the secret it makes a webhook in every repository that it makes, and so a
// push arrives at once.
func (s *stage) startAPIServer(ctx context.Context) error {
	kubeconfig, err := s.serviceAccountKubeconfig(ctx, "nautes-apiserver")
	if err != nil {
		return err
	}
	hooks := filepath.Join(s.env.Dir, "webhook-secret")
	if err := os.WriteFile(hooks, []byte(newPassword()+"\n"), 0o600); err != nil {
		return fmt.Errorf("writing the secret of the webhook: %w", err)
	}
	address, err := s.env.FreeAddress()
	if err != nil {
		return err
	}
	s.apiAddress = address
	s.apiServer, err = s.startProgram(ctx, "the REST API", address,
		"apiserver", "--listen", address, "--metrics-bind-address", "0", "--gitlab-url", s.gitlab.URL(), "--kubeconfig",
		kubeconfig, "--system-namespace", system,
		"--public-url", "http://"+address, "--webhook-secret-file", hooks)
	return err
}
