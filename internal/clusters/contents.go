package clusters

import (
	"context"
	"errors"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/metadata"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

// Contents is what a namespace of a runtime cluster holds: the metadata of all objects, with their kinds.
type Contents struct {
	Objects []metav1.PartialObjectMetadata
	// Unlisted names, in order, the kinds whose objects could not be listed.
	Unlisted []string
}

const (
	// contentsPage is how many objects of a kind one request lists. A kind with more than contentsPages pages is not
	// read to its end.
	contentsPage, contentsPages = 500, 20
)

// Contents lists all objects of a namespace, of every kind that the cluster serves, except those that skip names.
func (r *Registry) Contents(ctx context.Context, cluster *api.Cluster, namespace string,
	skip func(schema.GroupKind) bool) (Contents, error) {
	v, err := r.verified(ctx, cluster)
	if err != nil {
		return Contents{}, err
	}
	served, err := discovery.NewDiscoveryClientForConfigAndClient(v.connection.config, v.connection.http)
	if err != nil {
		return Contents{}, fmt.Errorf("asking cluster %s for its kinds: %w", cluster.Name, err)
	}
	objects, err := metadata.NewForConfigAndClient(v.connection.config, v.connection.http)
	if err != nil {
		return Contents{}, fmt.Errorf("making a client for cluster %s: %w", cluster.Name, err)
	}
	return ContentsOf(ctx, served, objects, namespace, skip)
}

// ContentsOf does what Contents does, with the clients of a cluster. It leaves out kinds that cannot be deleted, such
// as metrics of pods: they are views of other objects.
func ContentsOf(
	ctx context.Context, kinds discovery.DiscoveryInterface, objects metadata.Interface, namespace string,
	skip func(schema.GroupKind) bool,
) (Contents, error) {
	var out Contents
	lists, err := discovery.ServerPreferredNamespacedResources(kinds)
	var broken *discovery.ErrGroupDiscoveryFailed
	if errors.As(err, &broken) {
		for group := range broken.Groups {
			out.Unlisted = append(out.Unlisted, "all of "+group.String())
		}
	} else if err != nil {
		return out, fmt.Errorf("asking for the kinds of the cluster: %w", err)
	}
	for _, list := range lists {
		version, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			return out, fmt.Errorf("reading the kinds of the cluster: %w", err)
		}
		for _, r := range list.APIResources {
			kind := version.WithKind(r.Kind)
			if !slices.Contains(r.Verbs, "delete") || skip(kind.GroupKind()) {
				continue
			}
			c := objects.Resource(version.WithResource(r.Name)).Namespace(namespace)
			if err := out.add(ctx, c, kind, namespace, slices.Contains(r.Verbs, "list")); err != nil {
				return out, err
			}
		}
	}
	slices.Sort(out.Unlisted)
	return out, nil
}

// add lists one kind. A kind that cannot be listed is added to Unlisted. A cluster that does not answer is an error.
func (o *Contents) add(ctx context.Context, c metadata.ResourceInterface, kind schema.GroupVersionKind,
	namespace string, listable bool) error {
	next := ""
	for page := 0; listable && page < contentsPages; page++ {
		list, err := c.List(ctx, metav1.ListOptions{Limit: contentsPage, Continue: next})
		switch {
		case apierrors.IsForbidden(err), apierrors.IsMethodNotSupported(err), apierrors.IsNotFound(err),
			apierrors.IsServiceUnavailable(err), apierrors.IsResourceExpired(err):
			listable = false
			continue
		case err != nil:
			return fmt.Errorf("listing %s in %s: %w", kind.GroupKind(), namespace, err)
		}
		for i := range list.Items {
			list.Items[i].SetGroupVersionKind(kind)
		}
		o.Objects = append(o.Objects, list.Items...)
		if next = list.Continue; next == "" {
			return nil
		}
	}
	o.Unlisted = append(o.Unlisted, kind.GroupKind().String())
	return nil
}
