package phases

import (
	"context"
	"errors"
	"net"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	events "k8s.io/client-go/tools/record"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/statuspatch"
)

// Pass is a pass over one object, at its end.
type Pass struct {
	// Stored is the object as it was read, Object as it was changed since. Conditions are those of Object.
	Stored, Object client.Object
	Conditions     *[]metav1.Condition
	// Summary is the condition that sums up what the reconciler looks after. Default Ready.
	Summary string
	// Stop is what Run returned.
	Stop error
	// Tell fills in the status from the facts of the pass and from the problem that stopped it, which is nil for none.
	// It returns the conditions that are to be set.
	Tell func(stop *problem.Problem) []metav1.Condition
	// Recorder announces that the object became ready, or why it is not; nil announces nothing.
	Recorder events.EventRecorder
	// Told is called once the status is written; nil for nothing.
	Told func()
	// Again is when to look again although nothing failed; nil is never.
	Again *Again
	// Doubts say how long errors that are no problem stay untold; nil is not at all.
	Doubts *Doubts
}

// Finish writes the status, and says when to look again. An error that is no problem says nothing about the object: the
// condition that it is about and the summary become Unknown, once that has lasted a while. Tell is not asked, so that
// all other conditions stay, with the generation that they speak of.
func Finish(ctx context.Context, c client.Client, p Pass) (ctrl.Result, error) {
	result, err := Outcome(ctx, p.Stop)
	switch stop := problem.As(p.Stop); {
	case stop != nil || p.Stop == nil:
		p.Doubts.end(p.doubt())
		p.set(p.Tell(stop)...)
	case err == nil || ctx.Err() != nil:
		return result, err // another writer was faster, or the operator ends: the next pass tells
	case !p.Doubts.due(p.doubt()):
		return result, err
	default:
		p.set(p.failed()...)
	}
	if patchErr := statuspatch.Patch(ctx, c, p.Stored, p.Object); patchErr != nil {
		if err == nil {
			return Outcome(ctx, patchErr)
		}
		return ctrl.Result{}, errors.Join(err, patchErr)
	}
	p.Announce()
	if p.Told != nil {
		p.Told()
	}
	if err == nil && p.Again != nil {
		result = p.Again.Sooner(result)
	}
	return result, err
}

// set sets conditions, and Ready last, which sums up those of other reconcilers too. One that has no generation speaks
// of the object as it is now.
func (p Pass) set(conditions ...metav1.Condition) {
	var ready *metav1.Condition
	for _, c := range conditions {
		if c.ObservedGeneration == 0 {
			c.ObservedGeneration = p.Object.GetGeneration()
		}
		if c.Type == api.ConditionReady {
			ready = &c
			continue
		}
		statuspatch.Condition(p.Conditions, c)
	}
	Sum(p.Conditions, ready)
}

func (p Pass) doubt() doubt { return doubt{object: p.Object.GetUID(), summary: p.Summary} }

// failed returns the conditions that tell of an error which is no problem. The error itself is for the log: its text
// may differ from pass to pass.
func (p Pass) failed() []metav1.Condition {
	c := metav1.Condition{Type: p.Summary, Status: metav1.ConditionUnknown, Reason: api.ReasonInternal,
		Message: "the operator met an error that it does not know: it is tried again; " +
			"if this stays, report it with the operator's log"}
	if isLookup(p.Stop) {
		c.Reason = api.ReasonLookupFailed
		c.Message = "the API server did not answer a request, or refused it: it is tried again; if this stays, see " +
			"the operator's log"
	}
	if c.Type == "" {
		c.Type = api.ConditionReady
	}
	out := []metav1.Condition{c}
	if about := ConditionOf(p.Stop); about != "" {
		c.Type = about
		out = append(out, c)
	}
	return out
}

// isLookup says whether an error is the API server's, or that of the way to it.
func isLookup(err error) bool {
	var answer apierrors.APIStatus
	var connection net.Error
	return errors.As(err, &answer) || errors.As(err, &connection) || errors.Is(err, context.DeadlineExceeded)
}
