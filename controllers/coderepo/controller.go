// Package coderepo reconciles CodeRepos: it gives Argo CD the credentials to read them.
package coderepo

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	events "k8s.io/client-go/tools/record"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/argocd"
	"github.com/nautes-labs/deployment-runtime/controllers/phases"
	"github.com/nautes-labs/deployment-runtime/controllers/shard"
	"github.com/nautes-labs/deployment-runtime/internal/catalog"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
)

// +kubebuilder:rbac:groups=nautes.resource.nautes.io,resources=coderepoes;coderepobindings;projects,verbs=get;list;watch
// +kubebuilder:rbac:groups=nautes.resource.nautes.io,resources=coderepoes/status,verbs=patch
// +kubebuilder:rbac:groups=nautes.resource.nautes.io,namespace=nautes,resources=products;coderepoproviders,verbs=get;list;watch
// +kubebuilder:rbac:groups=argoproj.io,namespace=argocd,resources=applications,verbs=get;list;watch
// +kubebuilder:rbac:groups="",namespace=nautes,resources=secrets,verbs=get;list;watch
// +kubebuilder:rbac:groups="",namespace=argocd,resources=secrets,verbs=get;list;watch;create;patch;delete

// Reconciler gives Argo CD the credentials to read a code repo: one repository Secret per product that may use it,
// which serves that product's AppProject only. It is the only writer of the Secrets that it made. It holds no
// finalizer: a CodeRepo that is gone is still reconciled, and a Secret goes when no Application needs it any more.
type Reconciler struct {
	Client client.Client
	// Live reads from the API server itself.
	Live   client.Reader
	Lookup rules.Lookup

	SystemNamespace string
	ArgoCDNamespace string
	// Instance is the UID of the management cluster's kube-system namespace.
	Instance string
	// Projects looks after the projects behind the code repos; nil for nobody.
	Projects *ProjectWatch
	// Shard is the part of the products that this operator serves; nil for all.
	Shard *shard.Shard
	// Recorder announces that an object became ready, or why it is not; nil announces nothing.
	Recorder events.EventRecorder
	// Doubts say how long errors that are no problem stay untold; nil is not at all.
	Doubts *phases.Doubts
}

// scope holds the facts of one reconcile.
type scope struct {
	key client.ObjectKey
	// repo is nil when the CodeRepo is gone.
	repo *api.CodeRepo
	url  string
	// credentials are the part of a Secret's data that they make up; nil means that the repository is read anonymously.
	credentials map[string][]byte
	// minted says that they are the operator's deploy token of the whole group, which no other product is given.
	minted bool
	// waiting are products that the code repo is bound to and that cannot read it yet; lent says that there are others.
	waiting, lent bool
	// wanted Secrets, by name.
	wanted map[string]*corev1.Secret
	phases.Again
}

// Reconcile brings the Secrets of one code repo closer to what is wanted.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	s := &scope{key: req.NamespacedName, wanted: map[string]*corev1.Secret{}}
	var stored api.CodeRepo
	absent, err := catalog.IsAbsent(ctx, r.Client, s.key, &stored)
	if err != nil {
		return phases.Outcome(ctx, err)
	}
	if absent {
		r.Projects.forget(s.key)
		return phases.Outcome(ctx, phases.Run(ctx, s, r.confirmGone, r.removeUnneeded))
	}
	s.repo = stored.DeepCopy()
	stop := phases.Run(ctx, s,
		r.findProject,
		r.judge,
		r.findCredentials,
		r.planSecrets,
		r.writeSecrets,
		r.removeUnneeded,
	)
	return phases.Finish(ctx, r.Client, phases.Pass{
		Stored: &stored, Object: s.repo, Conditions: &s.repo.Status.Conditions, Stop: stop,
		Tell: s.tell, Again: &s.Again, Doubts: r.Doubts, Recorder: r.Recorder,
	})
}

// tell says whether Argo CD can read the code repo, and, while it can, whether those that it is lent to can.
func (s *scope) tell(stop *problem.Problem) []metav1.Condition {
	status := &s.repo.Status
	status.ObservedGeneration, status.URL = s.repo.Generation, s.url
	ready := phases.Ready(stop, "Argo CD can read the code repo")
	lent := metav1.Condition{Type: api.ConditionLent, Status: metav1.ConditionTrue, Reason: api.ReasonLent,
		Message: "the products that it is bound to read the code repo with a deploy token of its project"}
	switch {
	case stop != nil:
		return []metav1.Condition{ready}
	case s.credentials == nil:
		ready.Message = "Argo CD reads the code repo without credentials"
	}
	switch {
	case s.waiting:
		lent.Status, lent.Reason = metav1.ConditionFalse, api.ReasonWaitingForCredentials
		lent.Message = "products that it is bound to cannot read the code repo yet: there is no deploy token " +
			"of its project; " +
			"see the condition CredentialsReady"
	case !s.lent:
		apimeta.RemoveStatusCondition(&status.Conditions, api.ConditionLent)
		return []metav1.Condition{ready}
	}
	return []metav1.Condition{ready, lent}
}

func (r *Reconciler) secrets() argocd.Secrets {
	return argocd.Secrets{Client: r.Client, Live: r.Live, Namespace: r.ArgoCDNamespace}
}
