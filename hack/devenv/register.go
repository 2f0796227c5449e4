package main

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

// system is the namespace of what the platform team registers.
const system = "nautes"

// register does what the platform team does: it registers clusters and connects GitLab.
func register(ctx context.Context, s *stage) error {
	for _, name := range []string{east, west} {
		_, err := s.kubectl(ctx, "create", "secret", "generic", name+"-kubeconfig", "--namespace="+system,
			"--from-file=value="+s.env.Cluster(name).KubeconfigFile())
		if err != nil {
			return err
		}
	}
	clusters, err := manifest("clusters.yaml", "EAST_URL", s.env.Cluster(east).URL(), "WEST_URL",
		s.env.Cluster(west).URL())
	if err != nil {
		return err
	}
	if err := s.apply(ctx, system, clusters); err != nil {
		return err
	}
	if _, err := s.kubectl(ctx, "create", "secret", "generic", "gitlab", "--namespace="+system,
		"--from-file=token="+s.gitlab.rootTokenFile); err != nil {
		return err
	}
	gitlab, err := manifest("gitlab.yaml", "GITLAB_URL", s.gitlab.URL())
	if err != nil {
		return err
	}
	if err := s.apply(ctx, system, gitlab); err != nil {
		return err
	}
	if err := s.await(ctx, "both clusters are Ready", s.ready(&api.Cluster{}, system, east, west)); err != nil {
		return err
	}
	if err := s.await(ctx, "GitLab is connected: the ProductProvider is Ready",
		s.ready(&api.ProductProvider{}, system, "gitlab")); err != nil {
		return err
	}
	_, err = s.kubectl(ctx, "get", "clusters,coderepoproviders,productproviders,products", "--namespace="+system)
	return err
}

// namespaceExists says whether the management cluster has a namespace.
func (s *stage) namespaceExists(name string) look {
	return s.exists(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
}

// exists says whether an object exists.
func (s *stage) exists(o client.Object) look {
	return func(ctx context.Context) (string, bool) {
		if err := s.management().Get(ctx, client.ObjectKeyFromObject(o), o); err != nil {
			return err.Error(), false
		}
		return fmt.Sprintf("%s exists", o.GetName()), true
	}
}
