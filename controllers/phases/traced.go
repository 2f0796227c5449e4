package phases

import (
	"context"
	"errors"
	"reflect"
	"runtime"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/tracing"
)

// Traced returns a reconciler each of whose passes is a trace, where the operator makes traces: its phases and what they
// ask other systems are its steps. kind is what a pass is about, such as Product; controller is the name that the reconciler
// has in the metrics of controller-runtime.
func Traced(kind, controller string, r reconcile.Reconciler) reconcile.Reconciler {
	title := "reconcile " + kind
	return reconcile.Func(func(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
		ctx, span := tracing.Root(ctx, title)
		defer span.End()
		span.Set("kind", kind)
		span.Set("controller", controller)
		span.Set("namespace", req.Namespace)
		span.Set("name", req.Name)
		span.Result(tracing.ResultOK)
		result, err := r.Reconcile(ctx, req)
		if err != nil {
			span.Result(word(err))
			span.Fail()
		}
		return result, err
	})
}

// step runs one phase as a step of the pass.
func step[S any](ctx context.Context, scope *S, run Phase[S]) error {
	if !tracing.Recording(ctx) {
		return run(ctx, scope)
	}
	ctx, span := tracing.Child(ctx, nameOf(run))
	defer span.End()
	err := run(ctx, scope)
	span.Result(word(err))
	return err
}

// word is what a trace says of an error: the reason of a problem, and otherwise nothing that somebody else wrote.
func word(err error) string {
	switch p := problem.As(err); {
	case err == nil:
		return tracing.ResultOK
	case errors.Is(err, ErrDone):
		return "Done"
	case p != nil:
		return p.Reason
	case apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err):
		return "Conflict"
	case errors.Is(err, context.Canceled):
		return "Canceled"
	}
	return "Error"
}

// nameOf returns the name of a method that is a phase, such as readRecord. Of another function it returns a name that
// leads to it.
func nameOf(phase any) string {
	name := runtime.FuncForPC(reflect.ValueOf(phase).Pointer()).Name()
	name = strings.TrimSuffix(name[strings.LastIndex(name, "/")+1:], "-fm")
	if i := strings.LastIndex(name, ")."); i >= 0 {
		return name[i+2:]
	}
	_, name, _ = strings.Cut(name, ".")
	return name
}
