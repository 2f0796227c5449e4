package phases

import (
	"context"
	"errors"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/tracing"
)

// ConflictRetry is how soon a write is tried again that lost against another writer: the cache needs a moment to catch
// up.
const ConflictRetry = 100 * time.Millisecond

// Outcome is the only retry policy. A user's mistake is not retried: a watch wakes the reconciler when something
// changes. What waits says for how long, or that an event ends it. Trouble outside and bugs are retried with the
// queue's backoff.
func Outcome(ctx context.Context, err error) (ctrl.Result, error) {
	tracing.Current(ctx).Result(word(err))
	if err == nil {
		return ctrl.Result{}, nil
	}
	if apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) {
		return ctrl.Result{RequeueAfter: ConflictRetry}, nil
	}
	p := problem.As(err)
	if p == nil {
		return ctrl.Result{}, err
	}
	switch p.Class {
	case problem.Invalid, problem.Missing, problem.Forbidden, problem.Conflict, problem.Waiting:
		return ctrl.Result{RequeueAfter: p.After}, nil
	case problem.Unavailable, problem.RateLimited:
		if p.After > 0 {
			log.FromContext(ctx).V(1).Info("outside system not available", "reason", p.Reason, "message", p.Message,
				"cause", errText(p.Cause))
			return ctrl.Result{RequeueAfter: p.After}, nil
		}
	case problem.Internal, problem.Unauthenticated:
	}
	if p.Cause != nil {
		return ctrl.Result{}, errors.Join(p, p.Cause)
	}
	return ctrl.Result{}, p
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// Refused turns an API server's refusal of a write into a problem that a person can see; other errors stay errors.
func Refused(err error) error {
	if apierrors.IsForbidden(err) || apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) {
		return problem.New(problem.Internal, api.ReasonWriteRefused,
			"the API server refuses a write of the operator: check the operator's permissions, its log "+
				"has the details").Because(err)
	}
	return err
}
