// Package cluster reconciles Clusters: it registers them with Argo CD and keeps an eye on them.
package cluster

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/wait"
	events "k8s.io/client-go/tools/record"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/argocd"
	"github.com/nautes-labs/deployment-runtime/controllers/phases"
	"github.com/nautes-labs/deployment-runtime/internal/clusters"
)

// +kubebuilder:rbac:groups=nautes.resource.nautes.io,namespace=nautes,resources=clusters,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=nautes.resource.nautes.io,namespace=nautes,resources=clusters/status,verbs=patch
// +kubebuilder:rbac:groups=nautes.resource.nautes.io,namespace=nautes,resources=products,verbs=get;list;watch
// +kubebuilder:rbac:groups=nautes.resource.nautes.io,resources=environments,verbs=get;list;watch
// +kubebuilder:rbac:groups=argoproj.io,namespace=argocd,resources=applications,verbs=get;list;watch
// +kubebuilder:rbac:groups="",namespace=nautes,resources=secrets,verbs=get;list;watch
// +kubebuilder:rbac:groups="",namespace=argocd,resources=secrets,verbs=get;list;watch;create;patch;delete

// Reconciler registers clusters with Argo CD and keeps an eye on them. It is the only writer of the cluster Secrets
// that it made. Argo CD gets an address or a credential only after it was seen to lead to the cluster that was
// registered.
type Reconciler struct {
	Client client.Client
	// Live reads from the API server itself.
	Live     client.Reader
	Registry *clusters.Registry

	SystemNamespace string
	ArgoCDNamespace string
	// HubClusterName is the name under which Argo CD knows the management cluster. No Cluster may have it.
	HubClusterName string
	// Instance is the UID of the management cluster's kube-system namespace.
	Instance string
	// ProbeInterval is how often a cluster is looked at without an event. Default 30 s.
	ProbeInterval time.Duration
	// Probed is told how long a cluster took to answer, and with what: OK or a reason. Forgotten is told of a cluster
	// that is gone. Nil tells nobody.
	Probed    func(cluster, outcome string, took time.Duration)
	Forgotten func(cluster string)
	Clock     clock.PassiveClock
	// Recorder announces that an object became ready, or why it is not; nil announces nothing.
	Recorder events.EventRecorder
	// Doubts say how long errors that are no problem stay untold; nil is not at all.
	Doubts *phases.Doubts
}

// DefaultProbeInterval is how often a cluster is looked at unless an option says otherwise.
const DefaultProbeInterval = 30 * time.Second

// scope holds the facts of one reconcile.
type scope struct {
	// stored is the Cluster as it was written last, cluster as it is to be.
	stored, cluster *api.Cluster
	// usedBy says what keeps a Cluster that is being deleted.
	usedBy string
	// connection leads to whatever is at spec.apiServer; info is what that said of itself.
	connection *clusters.Connection
	info       clusters.Info
	phases.Again
}

// Reconcile looks at one cluster and brings its registration closer to what is wanted.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	if req.Namespace != r.SystemNamespace {
		return ctrl.Result{}, nil
	}
	var stored api.Cluster
	if err := r.Client.Get(ctx, req.NamespacedName, &stored); err != nil {
		if apierrors.IsNotFound(err) {
			r.Registry.Forget(req.Name)
			if r.Forgotten != nil {
				r.Forgotten(req.Name)
			}
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	s := &scope{stored: &stored, cluster: stored.DeepCopy()}
	defer s.close()
	stop := phases.Run(ctx, s,
		r.leaveUnlessUsed,
		r.holdFinalizer,
		r.pinGrants,
		r.checkName,
		r.findHost,
		r.connect,
		r.probe,
		r.checkIdentity,
		r.checkUniqueness,
		r.pinIdentity,
		r.register,
	)
	if s.gone() {
		return phases.Outcome(ctx, stop)
	}
	s.LookAgain(r.nextLook())
	return phases.Finish(ctx, r.Client, phases.Pass{
		Stored: s.stored, Object: s.cluster, Conditions: &s.cluster.Status.Conditions, Stop: stop,
		Tell: s.tell, Again: &s.Again, Doubts: r.Doubts, Recorder: r.Recorder,
	})
}

// nextLook is when to look again. The jitter keeps many clusters from being probed in one moment.
func (r *Reconciler) nextLook() time.Duration {
	interval := r.ProbeInterval
	if interval == 0 {
		interval = DefaultProbeInterval
	}
	return wait.Jitter(interval, 0.1)
}

func (r *Reconciler) secrets() argocd.Secrets {
	return argocd.Secrets{Client: r.Client, Live: r.Live, Namespace: r.ArgoCDNamespace}
}

func (s *scope) close() {
	if s.connection != nil {
		s.connection.Close()
	}
}
