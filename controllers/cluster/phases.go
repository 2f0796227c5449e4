package cluster

import (
	"context"
	"fmt"
	"slices"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/argocd"
	"github.com/nautes-labs/deployment-runtime/controllers/phases"
	"github.com/nautes-labs/deployment-runtime/internal/apply"
	"github.com/nautes-labs/deployment-runtime/internal/clusters"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
	"github.com/nautes-labs/deployment-runtime/internal/statuspatch"
)

// hubURL is where Argo CD finds the cluster that it runs in. A second cluster with this URL would take its place.
const hubURL = "https://kubernetes.default.svc"

// leaveUnlessUsed removes what was made for a Cluster that is being deleted, and lets it go. While something needs it,
// it is looked after like any other: what runs there, and its removal, depend on it.
func (r *Reconciler) leaveUnlessUsed(ctx context.Context, s *scope) error {
	if s.cluster.DeletionTimestamp.IsZero() {
		return nil
	}
	if s.gone() {
		return phases.ErrDone
	}
	usedBy, err := r.usersOf(ctx, s.cluster.Name)
	if err != nil || usedBy != "" {
		s.usedBy = usedBy
		return err
	}
	if err := r.secrets().Remove(ctx, secretName(s.cluster.Name), r.owner(s.cluster)); err != nil {
		return err
	}
	r.Registry.Forget(s.cluster.Name)
	controllerutil.RemoveFinalizer(s.cluster, api.Finalizer)
	if _, err := apply.Patch(ctx, r.Client, s.stored, s.cluster); client.IgnoreNotFound(err) != nil {
		return err
	}
	return phases.ErrDone
}

// gone says whether the Cluster is being deleted and nothing of us holds it any more.
func (s *scope) gone() bool {
	return !s.cluster.DeletionTimestamp.IsZero() && !controllerutil.ContainsFinalizer(s.cluster, api.Finalizer)
}

// holdFinalizer makes sure that the Cluster does not go unseen, before anything is made for it.
func (r *Reconciler) holdFinalizer(ctx context.Context, s *scope) error {
	if !controllerutil.AddFinalizer(s.cluster, api.Finalizer) {
		return nil
	}
	if _, err := apply.Patch(ctx, r.Client, s.stored, s.cluster); err != nil {
		return phases.Refused(err)
	}
	s.stored = s.cluster.DeepCopy()
	return nil
}

func (r *Reconciler) pinGrants(ctx context.Context, s *scope) error {
	var products api.ProductList
	if err := r.Client.List(ctx, &products, client.InNamespace(r.SystemNamespace)); err != nil {
		return fmt.Errorf("listing the Products: %w", err)
	}
	s.cluster.Status.PinnedProducts = rules.PinProducts(s.cluster, products.Items)
	return nil
}

func (r *Reconciler) checkName(_ context.Context, s *scope) error {
	if s.cluster.Name == r.HubClusterName {
		return problem.New(problem.Conflict, api.ReasonClusterDuplicate,
			"%q is Argo CD's name of the management cluster: register the cluster under another name", s.cluster.Name)
	}
	return nil
}

// findHost checks the host of a virtual cluster.
func (r *Reconciler) findHost(ctx context.Context, s *scope) error {
	if s.cluster.Spec.ClusterType != api.ClusterTypeVirtual {
		return nil
	}
	all, err := r.clusters(ctx, r.Client)
	if err != nil {
		return err
	}
	isHost := func(c api.Cluster) bool {
		return c.Name == s.cluster.Spec.HostCluster && c.Spec.Usage == api.ClusterUsageHost
	}
	if !slices.ContainsFunc(all, isHost) {
		return problem.New(problem.Missing, api.ReasonHostClusterNotFound,
			"host cluster %q is not a registered Cluster with usage host: register it, or correct spec.hostCluster",
			s.cluster.Spec.HostCluster)
	}
	return nil
}

func (r *Reconciler) connect(ctx context.Context, s *scope) (err error) {
	s.connection, err = r.Registry.Connect(ctx, s.cluster)
	return err
}

// probe asks the cluster who it is. One that does not answer is asked again at the next look, not with a backoff.
func (r *Reconciler) probe(ctx context.Context, s *scope) (err error) {
	began := r.Clock.Now()
	s.info, err = s.connection.Probe(ctx)
	r.tellProbe(s.cluster.Name, r.Clock.Since(began), err)
	if p := problem.As(err); p != nil {
		return p.RetryAfter(r.nextLook())
	}
	return err
}

func (r *Reconciler) tellProbe(cluster string, took time.Duration, err error) {
	if r.Probed == nil {
		return
	}
	outcome := "OK"
	if err != nil {
		outcome = api.ReasonInternal
	}
	if p := problem.As(err); p != nil {
		outcome = p.Reason
	}
	r.Probed(cluster, outcome, took)
}

// checkIdentity refuses a cluster that is not the one that was registered. Argo CD keeps what it has.
func (r *Reconciler) checkIdentity(_ context.Context, s *scope) error {
	err := clusters.VerifyIdentity(s.cluster, s.info)
	if err != nil {
		r.Registry.Forget(s.cluster.Name)
		return err
	}
	s.cluster.Status.Version = s.info.Version
	return nil
}

// checkUniqueness refuses a cluster that is registered already. A Cluster that is not registered yet is compared with
// what the API server has, not the cache.
func (r *Reconciler) checkUniqueness(ctx context.Context, s *scope) error {
	if s.connection.Server == hubURL {
		return problem.New(problem.Conflict, api.ReasonClusterDuplicate,
			"%s is Argo CD's URL of the management cluster: give the URL at which other clusters reach it", hubURL)
	}
	var from client.Reader = r.Client
	if s.cluster.Status.UID == "" {
		from = r.Live
	}
	others, err := r.clusters(ctx, from)
	if err != nil {
		return err
	}
	if p := duplicateOf(s.cluster, s.info, others); p != nil {
		return p
	}
	secrets, err := r.secrets().List(ctx, from, argocd.SecretOfCluster)
	if err != nil {
		return err
	}
	for _, secret := range secrets {
		if secret.Name == secretName(s.cluster.Name) {
			continue
		}
		if string(secret.Data["name"]) == s.cluster.Name ||
			clusters.SameURL(string(secret.Data["server"]), s.connection.Server) {
			return problem.New(problem.Conflict, api.ReasonClusterDuplicate,
				"Argo CD has another cluster Secret, %q, with the same name or URL: remove it, or this Cluster",
				secret.Name)
		}
	}
	return nil
}

// duplicateOf says which other Cluster is the same one and goes first, or nil.
func duplicateOf(c *api.Cluster, reached clusters.Info, others []api.Cluster) *problem.Problem {
	for i := range others {
		other := &others[i]
		same := ""
		switch {
		case other.Name == c.Name:
		case clusters.SameURL(other.Spec.APIServer, c.Spec.APIServer):
			same = "URL"
		case other.Status.UID == reached.UID:
			same = "identity"
		}
		if same != "" && goesFirst(other, c) {
			return problem.New(problem.Conflict, api.ReasonClusterDuplicate,
				"Cluster %q has the same %s: a cluster is registered once; delete one of the two", other.Name, same)
		}
	}
	return nil
}

// goesFirst: registered beats older beats name.
func goesFirst(a, b *api.Cluster) bool {
	if (a.Status.UID != "") != (b.Status.UID != "") {
		return a.Status.UID != ""
	}
	if !a.CreationTimestamp.Equal(&b.CreationTimestamp) {
		return a.CreationTimestamp.Before(&b.CreationTimestamp)
	}
	return a.Name < b.Name
}

// pinIdentity remembers which cluster this is, before Argo CD is told of it.
func (r *Reconciler) pinIdentity(ctx context.Context, s *scope) error {
	if s.cluster.Status.UID != "" {
		return nil
	}
	s.cluster.Status.UID = s.info.UID
	if err := statuspatch.Patch(ctx, r.Client, s.stored, s.cluster); err != nil {
		return err
	}
	s.stored = s.cluster.DeepCopy()
	return nil
}

func (r *Reconciler) register(ctx context.Context, s *scope) error {
	secret := r.secrets().New(secretName(s.cluster.Name), argocd.SecretOfCluster, r.owner(s.cluster))
	secret.Labels[api.LabelCluster] = s.cluster.Name
	secret.Labels[api.LabelInstance] = r.Instance
	config, err := argoClusterConfig(s.connection.Credentials)
	if err != nil {
		return err
	}
	secret.Data = map[string][]byte{"name": []byte(s.cluster.Name), "server": []byte(s.connection.Server),
		"config": config}
	// A shard is the business of whoever runs Argo CD.
	return r.secrets().Write(ctx, secret, "shard")
}

func (r *Reconciler) owner(c *api.Cluster) string {
	return argocd.OwnerOf("Cluster", client.ObjectKeyFromObject(c), r.Instance)
}

func (r *Reconciler) clusters(ctx context.Context, from client.Reader) ([]api.Cluster, error) {
	var all api.ClusterList
	if err := from.List(ctx, &all, client.InNamespace(r.SystemNamespace)); err != nil {
		return nil, fmt.Errorf("listing the Clusters: %w", err)
	}
	return all.Items, nil
}
