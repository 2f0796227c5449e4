package command

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"
	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers"
	"github.com/nautes-labs/deployment-runtime/controllers/shard"
	"github.com/nautes-labs/deployment-runtime/internal/desired"
	"github.com/nautes-labs/deployment-runtime/internal/kinds"
)

// releaseCommand removes the operator from a cluster: it removes the operator's finalizers from all objects and changes
// nothing else.
func releaseCommand() *cobra.Command {
	var kubeconfig, systemNamespace, argoNamespace string
	cmd := &cobra.Command{
		Use:   "release",
		Short: "Take the operator's finalizers off everything, so that it can be uninstalled",
		Long: "release takes the operator's finalizer off every object of its kinds and off every Application that " +
			"it wrote, and off the latter what\n" +
			"makes Argo CD act when somebody deletes them: delete hooks, the cascade. Workloads, Applications, " +
			"namespaces and Secrets stay as they\n" +
			"are, and Argo CD goes on syncing them. An operator that is installed again takes them over. Stop the " +
			"operator first: while one works,\n" +
			"release refuses to. Leave the admission policy no-delete-hooks in place: without it Argo CD puts its " +
			"finalizers back.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := restConfig(kubeconfig)
			if err != nil {
				return err
			}
			if err := reach(cfg); err != nil {
				return err
			}
			scheme, err := controllers.Scheme()
			if err != nil {
				return err
			}
			c, err := client.New(cfg, client.Options{Scheme: scheme})
			if err != nil {
				return fmt.Errorf("connecting to the API server: %w", err)
			}
			r := releaser{client: c, out: cmd.OutOrStdout(), systemNamespace: systemNamespace,
				argoNamespace: argoNamespace}
			return r.release(cmd.Context(), time.Now())
		},
	}
	cmd.Flags().StringVar(&kubeconfig, "kubeconfig", "",
		"kubeconfig of the management cluster (default: the cluster that this runs in)")
	cmd.Flags().StringVar(&systemNamespace, "system-namespace", api.SystemNamespaceDefault, "namespace of the operator")
	cmd.Flags().StringVar(&argoNamespace, "argocd-namespace", controllers.DefaultOptions().ArgoCDNamespace,
		"namespace that Argo CD runs in")
	return cmd
}

type releaser struct {
	client                         client.Client
	out                            io.Writer
	systemNamespace, argoNamespace string
}

func (r releaser) release(ctx context.Context, now time.Time) error {
	if err := r.operatorIsStopped(ctx, now); err != nil {
		return err
	}
	if err := r.releaseAll(ctx, schema.GroupVersionKind{Group: "argoproj.io", Version: "v1alpha1", Kind: "Application"},
		client.InNamespace(r.argoNamespace)); err != nil {
		return err
	}
	for _, k := range kinds.All() {
		if err := r.releaseAll(ctx, api.GroupVersion.WithKind(k.Name)); err != nil {
			return err
		}
	}
	fmt.Fprintln(r.out, "released: workloads keep running, and no finalizer of the operator is left")
	return nil
}

// operatorIsStopped returns an error while an operator runs, of whatever shard: it would add the finalizers again.
func (r releaser) operatorIsStopped(ctx context.Context, now time.Time) error {
	var leases coordinationv1.LeaseList
	if err := r.client.List(ctx, &leases, client.InNamespace(r.systemNamespace)); err != nil {
		return fmt.Errorf("looking whether the operator is stopped: %w", err)
	}
	for i := range leases.Items {
		s := leases.Items[i].Spec
		if !shard.IsLease(leases.Items[i].Name) || s.HolderIdentity == nil || *s.HolderIdentity == "" ||
			s.RenewTime == nil || s.LeaseDurationSeconds == nil {
			continue
		}
		if until := s.RenewTime.Add(time.Duration(*s.LeaseDurationSeconds) * time.Second); now.Before(until) {
			return fmt.Errorf("operator %s is at work: scale its Deployment to 0 first, then run this again",
				*s.HolderIdentity)
		}
	}
	return nil
}

// kept returns the finalizers that an object keeps: those of others and, on an Application of ours that is being
// deleted, the one that makes Argo CD delete what it deployed, because that deletion was requested.
func kept(o *metav1.PartialObjectMetadata) []string {
	ours := slices.Contains(o.Finalizers, api.Finalizer) || o.Annotations[api.AnnotationPlacement] != "" ||
		o.Annotations[api.AnnotationOwner] != ""
	return slices.DeleteFunc(slices.Clone(o.Finalizers), func(f string) bool {
		cascades := desired.IsArgoFinalizer(f) && o.DeletionTimestamp.IsZero()
		return ours && (f == api.Finalizer || cascades || desired.IsHookFinalizer(f))
	})
}

// releaseAll removes the finalizers from all objects of a kind. A kind that is not installed has no objects.
func (r releaser) releaseAll(ctx context.Context, kind schema.GroupVersionKind, opts ...client.ListOption) error {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
	if err := r.client.List(ctx, list, opts...); err != nil {
		if meta.IsNoMatchError(err) {
			return nil
		}
		return fmt.Errorf("listing %s: %w", kind.Kind, err)
	}
	n := 0
	for i := range list.Items {
		o := &list.Items[i]
		if len(kept(o)) == len(o.Finalizers) {
			continue
		}
		o.SetGroupVersionKind(kind)
		if err := r.releaseOne(ctx, o); err != nil {
			return fmt.Errorf("releasing %s %s/%s: %w", kind.Kind, o.Namespace, o.Name, err)
		}
		n++
	}
	fmt.Fprintf(r.out, "%-20s %d released\n", kind.Kind, n)
	return nil
}

// releaseOne removes the finalizer from one object. Argo CD may write the Application at the same time. After a
// conflict the object is read again, because the whole list of finalizers is replaced and must be the newest.
func (r releaser) releaseOne(ctx context.Context, o *metav1.PartialObjectMetadata) error {
	first := true
	err := retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		if !first {
			if err := r.client.Get(ctx, client.ObjectKeyFromObject(o), o); err != nil {
				return err
			}
		}
		first = false
		before := o.DeepCopy()
		o.Finalizers = kept(o)
		return r.client.Patch(ctx, o, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
	})
	return client.IgnoreNotFound(err)
}
