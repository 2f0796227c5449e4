package devenv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/restmapper"
)

const fieldManager = "devenv"

// Apply applies a stream of YAML documents server-side, in its order, and waits until the CustomResourceDefinitions
// among them are served.
func (c *Cluster) Apply(ctx context.Context, manifests []byte) error {
	return c.applyIn(ctx, metav1.NamespaceDefault, manifests)
}

// ApplyKustomization applies a kustomization of this repository, such as config/policy.
func (c *Cluster) ApplyKustomization(ctx context.Context, directory string) error {
	rendered, err := c.host.kubectl(ctx, "kustomize", filepath.Join(c.host.tools.Root(), filepath.FromSlash(directory)))
	if err != nil {
		return err
	}
	return c.Apply(ctx, []byte(rendered))
}

// applyIn puts objects that name no namespace into the given one.
func (c *Cluster) applyIn(ctx context.Context, namespace string, manifests []byte) error {
	objects, err := decode(manifests)
	if err != nil {
		return err
	}
	client, err := dynamic.NewForConfig(c.RESTConfig())
	if err != nil {
		return fmt.Errorf("making a client for %s: %w", c.Name, err)
	}
	disco, err := discovery.NewDiscoveryClientForConfig(c.RESTConfig())
	if err != nil {
		return fmt.Errorf("making a client for %s: %w", c.Name, err)
	}
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(disco))
	var definitions []string
	for _, o := range objects {
		if o.GetKind() == "CustomResourceDefinition" {
			definitions = append(definitions, o.GetName())
		}
		if o.GetNamespace() == "" {
			o.SetNamespace(namespace)
		}
		if err := applyOne(ctx, client, mapper, o); err != nil {
			return fmt.Errorf("applying %s %s to %s: %w", o.GetKind(), o.GetName(), c.Name, err)
		}
	}
	for _, name := range definitions {
		if err := awaitServed(ctx, client, name); err != nil {
			return fmt.Errorf("waiting for %s in %s: %w", name, c.Name, err)
		}
	}
	return nil
}

func applyOne(ctx context.Context, client dynamic.Interface, mapper meta.RESTMapper,
	o *unstructured.Unstructured) error {
	gvk := o.GroupVersionKind()
	mapping, err := mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
	if err != nil {
		return err
	}
	var target dynamic.ResourceInterface = client.Resource(mapping.Resource)
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		target = client.Resource(mapping.Resource).Namespace(o.GetNamespace())
	} else {
		o.SetNamespace("")
	}
	_, err = target.Apply(ctx, o.GetName(), o, metav1.ApplyOptions{FieldManager: fieldManager, Force: true})
	return err
}

// awaitServed waits until the API server accepts objects of a new kind.
func awaitServed(ctx context.Context, client dynamic.Interface, name string) error {
	crds := client.Resource(apiextensionsv1.SchemeGroupVersion.WithResource("customresourcedefinitions"))
	return wait.PollUntilContextTimeout(ctx, poll, startLimit, true, func(ctx context.Context) (bool, error) {
		found, err := crds.Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		var crd apiextensionsv1.CustomResourceDefinition
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(found.Object, &crd); err != nil {
			return false, err
		}
		return slices.ContainsFunc(crd.Status.Conditions,
			func(c apiextensionsv1.CustomResourceDefinitionCondition) bool {
				return c.Type == apiextensionsv1.Established && c.Status == apiextensionsv1.ConditionTrue
			}), nil
	})
}

func decode(manifests []byte) ([]*unstructured.Unstructured, error) {
	var objects []*unstructured.Unstructured
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(manifests), 4096)
	for {
		o := &unstructured.Unstructured{}
		err := decoder.Decode(&o.Object)
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, fmt.Errorf("decoding manifests: %w", err)
		}
		if len(o.Object) > 0 {
			objects = append(objects, o)
		}
	}
}
