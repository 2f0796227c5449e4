package main

import (
	"context"
	"fmt"
	"net/http"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// remove deletes a runtime and shows that the other one is untouched. Then it deletes that one by git, and lookAgain
// sees it gone.
func remove(ctx context.Context, s *stage) error {
	others, err := s.identities(ctx, west, "dr-git")
	if err != nil {
		return err
	}
	var deleted wire.Deleted
	if err := s.curl(ctx, http.MethodDelete, s.runtimeURL("dr-dev"), "", &deleted); err != nil {
		return err
	}
	if deleted.Message != "Successfully deleted dr-dev configuration" {
		return fmt.Errorf("the REST API did not delete dr-dev: %+v", deleted)
	}
	s.say("Its file is gone from default.project. Its Application remembers what is to be removed, waits %s in case "+
		"it comes back, and goes.", grace)
	if err := s.awaitGone(ctx, s.product, "dr-dev", east); err != nil {
		return err
	}
	for _, cluster := range []string{east, west} {
		if _, err := s.kubectl(ctx, "--context="+cluster, "get", "namespaces", "-l",
			api.LabelProduct+"="+s.product); err != nil {
			return err
		}
	}
	if err := s.await(ctx, "the pods of dr-git on west are the same as before",
		s.samePods(west, "dr-git", others)); err != nil {
		return err
	}
	if err := s.nautes(ctx, "", "get", "dr"); err != nil {
		return err
	}
	s.say("Now dr-git, by git. It goes while the next chapter plays.")
	if err := s.git(ctx, "-C", metadata, "pull", "--quiet"); err != nil {
		return err
	}
	if err := s.git(ctx, "-C", metadata, "rm", "--quiet", gitFile); err != nil {
		return err
	}
	_, err = s.commit(ctx, metadata, "Retire the worker")
	return err
}

// lookAgain looks at what came of the chapters before.
func lookAgain(ctx context.Context, s *stage) error {
	if err := s.awaitGone(ctx, s.product, "dr-git", west); err != nil {
		return err
	}
	if _, err := s.kubectl(ctx, "get", "dr", "--all-namespaces"); err != nil {
		return err
	}
	return s.gitlab.wasAskedProperly()
}

// awaitGone waits until nothing of a runtime is left. Its namespace has its name.
func (s *stage) awaitGone(ctx context.Context, product, name, cluster string) error {
	if err := s.await(ctx, fmt.Sprintf("namespace %s is gone from %s, with its pods", name, cluster),
		s.namespaceIsGone(cluster, name)); err != nil {
		return err
	}
	return s.await(ctx, "the Application of "+name+" is gone", s.applicationIsGone(product, name))
}

// namespaceIsGone says whether a runtime cluster has no such namespace.
func (s *stage) namespaceIsGone(cluster, name string) look {
	return func(ctx context.Context) (string, bool) {
		var ns corev1.Namespace
		err := s.clients[cluster].Get(ctx, client.ObjectKey{Name: name}, &ns)
		switch {
		case apierrors.IsNotFound(err):
			return "gone", true
		case err != nil:
			return err.Error(), false
		}
		return fmt.Sprintf("namespace %s on %s is %s", name, cluster, ns.Status.Phase), false
	}
}

// applications returns the Applications of a runtime: one, or none.
func (s *stage) applications(ctx context.Context, product, runtime string) ([]metav1.PartialObjectMetadata, error) {
	var list metav1.PartialObjectMetadataList
	list.SetGroupVersionKind(schema.GroupVersionKind{Group: "argoproj.io", Version: "v1alpha1",
		Kind: "ApplicationList"})
	err := s.management().List(ctx, &list, client.InNamespace("argocd"),
		client.MatchingLabels{api.LabelProduct: product, api.LabelRuntime: runtime})
	if err != nil {
		return nil, fmt.Errorf("listing the Applications of %s: %w", runtime, err)
	}
	return list.Items, nil
}

func (s *stage) applicationIsGone(product, runtime string) look {
	return func(ctx context.Context) (string, bool) {
		apps, err := s.applications(ctx, product, runtime)
		if err != nil {
			return err.Error(), false
		}
		return fmt.Sprintf("%d Applications of %s", len(apps), runtime), len(apps) == 0
	}
}
