package record

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/argocd"
	"github.com/nautes-labs/deployment-runtime/controllers/phases"
	"github.com/nautes-labs/deployment-runtime/internal/desired"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/resolve"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
)

// armingRetry is how soon to look again at what keeps a removal from being safe, besides the events that say so.
const armingRetry = 10 * time.Second

// Arming is what is asked before a removal begins, and what the Product tells of one that waits.
type Arming struct {
	Lookup        rules.Lookup
	Live          client.Reader
	ArgoNamespace string
}

// Check asks the API server itself whether Argo CD will find exactly what the record says: else its cascade would skip
// objects, or reach another cluster, and still call it a success.
func (r Arming) Check(ctx context.Context, p placement.Placement) error {
	if p.DeletionPolicy == api.DeletionPolicyOrphan {
		return nil // nothing is going to be removed
	}
	if err := r.clusterIsTheSame(ctx, p); err != nil {
		return err
	}
	if err := r.clusterIsRegisteredOnce(ctx, p); err != nil {
		return err
	}
	return r.projectPermits(ctx, p)
}

func (r Arming) clusterIsTheSame(ctx context.Context, p placement.Placement) error {
	cluster, err := resolve.Get[api.Cluster](ctx, r.Lookup, "", p.Destination.Cluster)
	if err != nil {
		return err
	}
	if cluster == nil {
		return notArmed("cluster %q is not registered any more: register it again", p.Destination.Cluster)
	}
	if cluster.Status.UID != p.ClusterUID {
		return notArmed("cluster %q is not the one that was deployed to: register that one again",
			p.Destination.Cluster)
	}
	return nil
}

func (r Arming) clusterIsRegisteredOnce(ctx context.Context, p placement.Placement) error {
	var secrets corev1.SecretList
	if err := r.Live.List(ctx, &secrets, client.InNamespace(r.ArgoNamespace),
		client.MatchingLabels{argocd.LabelSecretType: argocd.SecretOfCluster}); err != nil {
		return fmt.Errorf("listing the clusters of Argo CD: %w", err)
	}
	found := 0
	for _, s := range secrets.Items {
		if string(s.Data["name"]) == p.Destination.Cluster {
			found++
		}
	}
	if found != 1 {
		return notArmed("Argo CD knows %d clusters named %q, not one: the platform team has to see to its "+
			"cluster Secrets", found, p.Destination.Cluster)
	}
	return nil
}

func (r Arming) projectPermits(ctx context.Context, p placement.Placement) error {
	project, err := argocd.OwnProject(ctx, r.Live, r.ArgoNamespace, p)
	if foreign := problem.As(err); foreign != nil {
		return notArmed("%s", foreign.Message)
	}
	if err != nil {
		return err
	}
	if project == nil || !desired.Permits(project, p.RepoURL, Destinations(p)) {
		return notArmed("the AppProject does not permit every recorded namespace yet")
	}
	return nil
}

func notArmed(format string, args ...any) error {
	return phases.Waiting(api.ReasonTearingDown, format, args...).RetryAfter(armingRetry)
}
