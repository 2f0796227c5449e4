package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/test/bench/figures"
	"github.com/nautes-labs/deployment-runtime/test/devenv/gitserver"
)

const (
	streamProduct = "product-2"
	streamRepo    = "team-2/default.project"
	badFile       = "envs/bad.yaml"
	mends         = 5
	mendAim       = 10 * time.Second
)

// badFiles are what holds up a default.project, and the reason that the Product gives for it.
func badFiles() []badCommit {
	head := "apiVersion: " + api.GroupVersion.String() + "\nkind: Environment\n"
	environment := head + "metadata: {name: bad}\nspec: {product: " + streamProduct + "}\n"
	return []badCommit{
		// one that looks like no object at all, Argo CD leaves out
		{"a file that is no YAML", head + "metadata: {name: [}\n", api.ReasonManifestError},
		{"a kind that is not permitted", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bad}\n",
			api.ReasonSyncFailed},
		{"an object that its CRD refuses", environment, api.ReasonSyncFailed},
	}
}

type badCommit struct{ what, content, reason string }

// mendStream times how long the fix of a bad file takes, from the push to the Product that says that it is applied. The
// operator learns of a push as from the webhook of the REST API: by an annotation of the Product.
func (b *bench) mendStream(ctx context.Context) error {
	if err := b.makeStream(ctx); err != nil {
		return fmt.Errorf("making a default.project: %w", err)
	}
	var all figures.Timings
	for _, bad := range badFiles() {
		for range mends {
			if _, err := b.push(ctx,
				gitserver.Change{Message: "break", Write: map[string]string{badFile: bad.content}}); err != nil {
				return err
			}
			if err := b.until(ctx,
				func() bool { return b.streamSays(ctx, metav1.ConditionFalse, bad.reason, "") }); err != nil {
				return fmt.Errorf("waiting until %s is noticed: %w", bad.what, err)
			}
			began := time.Now()
			fixed, err := b.push(ctx, gitserver.Change{Message: "mend", Delete: []string{badFile}})
			if err != nil {
				return err
			}
			if err := b.until(ctx,
				func() bool { return b.streamSays(ctx, metav1.ConditionTrue, "", fixed) }); err != nil {
				return fmt.Errorf("waiting until the fix of %s is applied: %w", bad.what, err)
			}
			all.Add(time.Since(began))
		}
	}
	verdict := "met"
	if all.At(100) > mendAim {
		verdict = "missed"
	}
	fmt.Println(all.Line("fix of default.project applied", nil))
	fmt.Printf("  aim %s: the longest of %d took %s, wanted at most %s\n", verdict, mends*len(badFiles()),
		figures.Round(all.At(100)), mendAim)
	return nil
}

func (b *bench) makeStream(ctx context.Context) error {
	if err := b.env.Git.CreateRepo(ctx, streamRepo); err != nil {
		return err
	}
	head, err := b.env.Git.Write(ctx, streamRepo, "resources", map[string]string{
		"projects/shop/shop.yaml": "apiVersion: " + api.GroupVersion.String() +
			"\nkind: Project\nmetadata: {name: shop}\nspec: {product: " + streamProduct + ", language: go}\n",
	})
	if err != nil {
		return err
	}
	if err := b.create(ctx, &api.Product{
		ObjectMeta: metav1.ObjectMeta{Namespace: api.SystemNamespaceDefault, Name: streamProduct},
		Spec: api.ProductSpec{Name: strings.TrimSuffix(streamRepo, "/default.project"),
			MetaDataPath: b.env.Git.URL(streamRepo)},
	}); err != nil {
		return err
	}
	if err := b.until(ctx, func() bool { return b.exists(ctx, &corev1.Namespace{}, "", streamProduct) }); err != nil {
		return fmt.Errorf("waiting for the namespace: %w", err)
	}
	if err := b.until(ctx, func() bool { return b.streamSays(ctx, metav1.ConditionTrue, "", head) }); err != nil {
		return fmt.Errorf("waiting for the first sync: %w", err)
	}
	return nil
}

// push commits to default.project and marks the Product, as the webhook does.
func (b *bench) push(ctx context.Context, c gitserver.Change) (string, error) {
	head, err := b.env.Git.Commit(ctx, streamRepo, c)
	if err != nil {
		return "", err
	}
	product := &api.Product{ObjectMeta: metav1.ObjectMeta{Namespace: api.SystemNamespaceDefault, Name: streamProduct}}
	mark := fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}}}`, api.AnnotationRefresh+"default.project", head)
	if err := b.hub.Patch(ctx, product, client.RawPatch("application/merge-patch+json", []byte(mark))); err != nil {
		return "", fmt.Errorf("marking the product: %w", err)
	}
	return head, nil
}

// streamSays tells whether the Product says this of its default.project; empty words say anything.
func (b *bench) streamSays(ctx context.Context, status metav1.ConditionStatus, reason, revision string) bool {
	var p api.Product
	if err := b.hub.Get(ctx, client.ObjectKey{Namespace: api.SystemNamespaceDefault, Name: streamProduct},
		&p); err != nil {
		return false
	}
	c := meta.FindStatusCondition(p.Status.Conditions, api.ConditionSynced)
	return c != nil && c.Status == status && (reason == "" || c.Reason == reason) &&
		(revision == "" || p.Status.Revision == revision)
}
