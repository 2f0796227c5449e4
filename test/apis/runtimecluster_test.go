package apis

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

const podSecurity = "pod-security.kubernetes.io/enforce"

// Argo CD applies with the rights of an administrator whatever a product's manifests hold, also a Role like this one.
func TestAProductCannotChangeTheLabelsOfItsNamespace(t *testing.T) {
	ours := namespaceWith(t, "labels-shop", map[string]string{api.LabelProduct: "product-7", podSecurity: "baseline"})
	plain := namespaceWith(t, "labels-plain", nil)
	for _, ns := range []string{ours.Name, plain.Name} {
		mayChange(t, "tenant", ns)
	}
	tenant, creator := impersonating(t, "tenant"), impersonating(t, "creator")
	mayCreateNamespaces(t, "creator")

	removed(t, "runtime-cluster")
	eventually(t, "without the policy the Role is enough", func(ctx context.Context) error {
		return label(ctx, tenant, ours, podSecurity, "privileged")
	})
	applied(t, "runtime-cluster")
	for sentence, c := range map[string]attempt{
		"its pod security": {func(ctx context.Context) error {
			return label(ctx, tenant, ours, podSecurity,
				"privileged")
		}, true},
		"its product": {func(ctx context.Context) error {
			return label(ctx, tenant, ours, api.LabelProduct,
				"product-8")
		}, true},
		"any other label": {func(ctx context.Context) error { return label(ctx, tenant, ours, "team", "a") }, true},
		"through the status": {func(ctx context.Context) error {
			return tenant.Status().Patch(ctx, ours.DeepCopy(), labelPatch(podSecurity, "privileged"), client.DryRunAll)
		}, true},
		"our label on another namespace": {func(ctx context.Context) error {
			return label(ctx, tenant, plain, api.LabelProduct, "product-8")
		}, true},
		"a new namespace with our label": {func(ctx context.Context) error {
			return makeNamespace(ctx, creator, map[string]string{api.LabelProduct: "product-8"})
		}, true},
		"a new namespace without": {func(ctx context.Context) error {
			return makeNamespace(ctx, creator, map[string]string{"team": "a"})
		}, false},
		"a label of another namespace": {func(ctx context.Context) error {
			return label(ctx, tenant, plain, "team", "a")
		}, false},
		"an annotation": {func(ctx context.Context) error {
			return annotate(ctx, tenant, ours, "note", "x")
		}, false},
		"an administrator changes what he likes": {func(ctx context.Context) error {
			return label(ctx, admin, ours, podSecurity, "restricted")
		}, false},
	} {
		t.Run(sentence, func(t *testing.T) {
			c.check(t, sentence, "the labels of a product's namespace are kept by the platform")
		})
	}
}

// A namespace that is marked to be kept outlives the product.
func TestAProductCannotKeepItsNamespace(t *testing.T) {
	labelled := map[string]string{api.LabelProduct: "product-7"}
	ours, plain := namespaceWith(t, "retain-shop", labelled), namespaceWith(t, "retain-plain", nil)
	retained := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: "retain-kept", Labels: labelled, Annotations: map[string]string{api.AnnotationRetain: "true"},
	}}
	if err := admin.Create(t.Context(), retained); err != nil {
		t.Fatal(err)
	}
	for _, ns := range []string{ours.Name, plain.Name, retained.Name} {
		mayChange(t, "tenant", ns)
	}
	tenant := impersonating(t, "tenant")
	applied(t, "runtime-cluster")
	for sentence, c := range map[string]attempt{
		"its own namespace": {func(ctx context.Context) error {
			return annotate(ctx, tenant, ours, api.AnnotationRetain,
				"true")
		}, true},
		"through the status": {func(ctx context.Context) error {
			return tenant.Status().Patch(ctx, ours.DeepCopy(), annotationPatch(api.AnnotationRetain, "true"),
				client.DryRunAll)
		}, true},
		"no more what the platform keeps": {func(ctx context.Context) error {
			return annotate(ctx, tenant, retained, api.AnnotationRetain, "false")
		}, true},
		"another annotation of a kept one": {func(ctx context.Context) error {
			return annotate(ctx, tenant, retained, "note", "x")
		}, false},
		"a namespace of somebody else": {func(ctx context.Context) error {
			return annotate(ctx, tenant, plain, api.AnnotationRetain, "true")
		}, false},
		"an administrator keeps what he likes": {func(ctx context.Context) error {
			return annotate(ctx, admin, ours, api.AnnotationRetain, "true")
		}, false},
	} {
		t.Run(sentence, func(t *testing.T) {
			c.check(t, sentence,
				"whether a product's namespace is kept when its runtimes go is said by their deletionPolicy")
		})
	}
}

func TestAProductCannotChangeItsLimits(t *testing.T) {
	ours := namespaceWith(t, "limits-shop", map[string]string{api.LabelProduct: "product-7"})
	plain := namespaceWith(t, "limits-plain", nil)
	for _, ns := range []string{ours.Name, plain.Name} {
		mayChange(t, "tenant", ns)
	}
	tenant := impersonating(t, "tenant")
	quota := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: ours.Name, Name: "nautes"}}
	if err := admin.Create(t.Context(), quota); err != nil {
		t.Fatal(err)
	}
	raise := func(c client.Client) func(context.Context) error {
		return func(ctx context.Context) error {
			return c.Patch(ctx, quota.DeepCopy(), client.RawPatch("application/merge-patch+json",
				[]byte(`{"spec":{"hard":{"pods":"500"}}}`)), client.DryRunAll)
		}
	}
	remove := func(c client.Client) func(context.Context) error {
		return func(ctx context.Context) error { return c.Delete(ctx, quota.DeepCopy(), client.DryRunAll) }
	}
	limit := func(c client.Client, namespace string) func(context.Context) error {
		return func(ctx context.Context) error {
			return c.Create(ctx, &corev1.LimitRange{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "own"}},
				client.DryRunAll)
		}
	}
	applied(t, "runtime-cluster")
	for sentence, c := range map[string]attempt{
		"a quota is not raised":               {raise(tenant), true},
		"a quota is not removed":              {remove(tenant), true},
		"a limit is not added":                {limit(tenant, ours.Name), true},
		"in another namespace it is":          {limit(tenant, plain.Name), false},
		"an administrator raises it":          {raise(admin), false},
		"an administrator removes it":         {remove(admin), false},
		"an administrator adds another limit": {limit(admin, ours.Name), false},
	} {
		t.Run(sentence, func(t *testing.T) {
			c.check(t, sentence, "quotas and limits in a product's namespace are kept by the platform")
		})
	}
}

// attempt is something that a policy refuses, or lets through.
type attempt struct {
	try     func(context.Context) error
	refused bool
}

func (a attempt) check(t *testing.T, sentence, message string) {
	t.Helper()
	if !a.refused {
		if err := a.try(t.Context()); err != nil {
			t.Error(err)
		}
		return
	}
	eventually(t, sentence+" is refused", func(ctx context.Context) error {
		err := a.try(ctx)
		switch {
		case err == nil:
			return errors.New("it is let through")
		case !strings.Contains(err.Error(), message):
			return fmt.Errorf("refused by something else: %w", err)
		}
		return nil
	})
}

func namespaceWith(t *testing.T, name string, labels map[string]string) *corev1.Namespace {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}
	if err := admin.Create(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	return ns
}

// mayChange gives a user all rights on one namespace, by a Role in it.
func mayChange(t *testing.T, user, namespace string) {
	t.Helper()
	in := metav1.ObjectMeta{Namespace: namespace, Name: "own"}
	for _, o := range []client.Object{
		&rbacv1.Role{ObjectMeta: in, Rules: []rbacv1.PolicyRule{{
			APIGroups: []string{""},
			Resources: []string{"namespaces", "namespaces/status", "resourcequotas", "limitranges"},
			Verbs:     []string{"create", "get", "patch", "update", "delete"},
		}}},
		&rbacv1.RoleBinding{ObjectMeta: in,
			RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "own"}, Subjects: []rbacv1.Subject{{
				APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user,
			}}},
	} {
		if err := admin.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
}

func mayCreateNamespaces(t *testing.T, user string) {
	t.Helper()
	name := metav1.ObjectMeta{Name: "namespace-creator"}
	for _, o := range []client.Object{
		&rbacv1.ClusterRole{ObjectMeta: name, Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{""}, Resources: []string{"namespaces"}, Verbs: []string{"create"}}}},
		&rbacv1.ClusterRoleBinding{ObjectMeta: name, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName,
			Kind: "ClusterRole", Name: name.Name}, Subjects: []rbacv1.Subject{{
			APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user,
		}}},
	} {
		if err := admin.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
}

func impersonating(t *testing.T, user string) client.Client {
	t.Helper()
	config := env.Management.RESTConfig()
	config.Impersonate = rest.ImpersonationConfig{UserName: user}
	c, err := client.New(config, client.Options{Scheme: admin.Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func labelPatch(key, value string) client.Patch {
	return client.RawPatch("application/merge-patch+json",
		fmt.Appendf(nil, `{"metadata":{"labels":{%q:%q}}}`, key, value))
}

func label(ctx context.Context, c client.Client, ns *corev1.Namespace, key, value string) error {
	return c.Patch(ctx, ns.DeepCopy(), labelPatch(key, value), client.DryRunAll)
}

func annotationPatch(key, value string) client.Patch {
	return client.RawPatch("application/merge-patch+json",
		fmt.Appendf(nil, `{"metadata":{"annotations":{%q:%q}}}`, key, value))
}

func annotate(ctx context.Context, c client.Client, ns *corev1.Namespace, key, value string) error {
	return c.Patch(ctx, ns.DeepCopy(), annotationPatch(key, value), client.DryRunAll)
}

func makeNamespace(ctx context.Context, c client.Client, labels map[string]string) error {
	return c.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "labels-new-", Labels: labels}},
		client.DryRunAll)
}
