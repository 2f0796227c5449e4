package phases

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// A write that lost against another writer happens all the time, and a pass that the end of the operator cut off says
// nothing either.
func TestWhatTheNextPassTellsAnywayIsNotTold(t *testing.T) {
	ended, end := context.WithCancel(t.Context())
	end()
	lost := apierrors.NewConflict(schema.GroupResource{Resource: "products"}, "product-7", errors.New("it was changed"))
	for sentence, c := range map[string]struct {
		ctx   context.Context
		stop  error
		fails bool
	}{
		"another writer was faster": {t.Context(), lost, false},
		"the operator ends":         {ended, context.Canceled, true},
	} {
		product := &api.Product{}
		product.Status.Conditions = []metav1.Condition{{Type: api.ConditionReady, Status: metav1.ConditionTrue,
			Reason: api.ReasonReady}}
		before := product.DeepCopy()
		_, err := Finish(c.ctx, nil,
			Pass{Stored: before, Object: product, Conditions: &product.Status.Conditions, Stop: c.stop})
		if (err != nil) != c.fails {
			t.Errorf("%s: the error is %v", sentence, err)
		}
		if diff := cmp.Diff(before, product); diff != "" {
			t.Errorf("%s: the status changed:\n%s", sentence, diff)
		}
	}
}

// A phase inside of another one knows better what it is about.
func TestAnErrorIsAboutTheConditionOfItsInnermostPhase(t *testing.T) {
	type scope struct{}
	fails := func(context.Context, *scope) error {
		return problem.New(problem.Missing, api.ReasonClusterNotFound, "no cluster")
	}
	inner := func(ctx context.Context, s *scope) error { return Run(ctx, s, About(api.ConditionResolved, fails)) }
	for want, run := range map[string]Phase[scope]{
		"":                    fails,
		api.ConditionApplied:  About(api.ConditionApplied, fails),
		api.ConditionResolved: About(api.ConditionApplied, inner),
	} {
		err := Run(t.Context(), &scope{}, run)
		if got := ConditionOf(err); got != want || !problem.Is(err, problem.Missing) {
			t.Errorf("about %q, want %q: %v", got, want, err)
		}
	}
}
