package cluster

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
)

// usersOf says, by the API server itself, what needs the cluster, or nothing.
func (r *Reconciler) usersOf(ctx context.Context, cluster string) (string, error) {
	var users []string
	environments, err := r.environmentsOn(ctx, cluster)
	if err != nil {
		return "", err
	}
	users = append(users, listed("environment", environments)...)
	var apps observed.ApplicationList
	if err := r.Live.List(ctx, &apps, client.InNamespace(r.ArgoCDNamespace)); err != nil {
		return "", fmt.Errorf("listing the Applications: %w", err)
	}
	var deployed []string
	for i := range apps.Items {
		if deploysTo(&apps.Items[i], cluster) {
			deployed = append(deployed, apps.Items[i].Name)
		}
	}
	users = append(users, listed("Application", deployed)...)
	guests, err := r.guestsOf(ctx, cluster)
	if err != nil {
		return "", err
	}
	users = append(users, listed("virtual cluster", guests)...)
	return strings.Join(users, "; "), nil
}

// deploysTo says whether the Application needs the cluster: by its record, its destination or its label. It is enough
// that one of them says so.
func deploysTo(app *observed.Application, cluster string) bool {
	if app.Spec.Destination.Name == cluster || app.Labels[api.LabelCluster] == cluster {
		return true
	}
	record, err := placement.Decode(app.Annotations[api.AnnotationPlacement])
	return err == nil && record.Destination.Cluster == cluster
}

func (r *Reconciler) environmentsOn(ctx context.Context, cluster string) ([]string, error) {
	var all api.EnvironmentList
	if err := r.Live.List(ctx, &all); err != nil {
		return nil, fmt.Errorf("listing the Environments: %w", err)
	}
	var names []string
	for _, e := range all.Items {
		if e.Spec.Cluster == cluster {
			names = append(names, e.Namespace+"/"+e.Name)
		}
	}
	return names, nil
}

func (r *Reconciler) guestsOf(ctx context.Context, cluster string) ([]string, error) {
	all, err := r.clusters(ctx, r.Live)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, c := range all {
		if c.Spec.HostCluster == cluster {
			names = append(names, c.Name)
		}
	}
	return names, nil
}

// listed returns "2 environments (a, b)", or nothing when there are none.
func listed(what string, names []string) []string {
	const shown = 5
	if len(names) == 0 {
		return nil
	}
	slices.Sort(names)
	count, more := len(names), ""
	if count > shown {
		names, more = names[:shown], ", ..."
	}
	if count > 1 {
		what += "s"
	}
	return []string{fmt.Sprintf("%d %s (%s%s)", count, what, strings.Join(names, ", "), more)}
}
