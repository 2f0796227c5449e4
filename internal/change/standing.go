package change

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/resolve"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// streamOf returns what the operator says of default.project as a whole: whether its files are applied. It is nil where
// that is not known.
func streamOf(ctx context.Context, m Management, product string) *metav1.Condition {
	if m == nil {
		return nil
	}
	p, err := resolve.Get[api.Product](ctx, m, "", product)
	if err != nil || p == nil {
		return nil
	}
	return meta.FindStatusCondition(p.Status.Conditions, api.ConditionSynced)
}

// sayWhy says in the item of a runtime why its file is not applied in the management cluster: the cluster refuses it, or
// Argo CD does not apply the files, or it is about to.
func (v *view) sayWhy(item *wire.DeploymentRuntime, file *api.DeploymentRuntime) {
	if item.Status == nil {
		item.Status = &wire.Status{}
	}
	s, earlier := item.Status, ""
	if s.Revision != "" {
		earlier = "; revision and health are those of an earlier state of the file"
	}
	judged := file.DeepCopy()
	judged.Namespace = v.product
	if refused := v.check(judged); len(refused) > 0 {
		field := ""
		if refused[0].Field != "" {
			field = refused[0].Field + ": "
		}
		s.Ready, s.Reason = false, refused[0].Reason
		s.Message = fmt.Sprintf("the management cluster refuses the file in default.project: %s%s%s", field,
			refused[0].Message, earlier)
		return
	}
	s.Ready, s.Reason = false, api.ReasonSyncing
	s.Message = "the file in default.project is not applied in the management cluster yet" + earlier
	if c := v.stream; c != nil && c.Status != metav1.ConditionTrue {
		s.Reason, s.Message = c.Reason, s.Message+": "+c.Message
	}
}

// product returns a product with what the operator says of it. That names files and runtimes, so it is only for who may
// read default.project.
func (s *Service) product(ctx context.Context, c Caller, name string) (*Answer, error) {
	answer, err := s.as(c).product(ctx, name)
	if err != nil {
		return nil, err
	}
	a := &access{visitor: s.as(c)}
	item, is := answer.Item.(*wire.Product)
	if is && s.management.lookup != nil && a.reopen(ctx, name, toRead) == nil {
		if m := s.management.of(ctx, a); m != nil {
			if live, err := resolve.Get[api.Product](ctx, m, "", a.product); err == nil && live != nil {
				item.Status = wire.StandingOf(live.Status.Conditions, live.Generation)
			}
		}
	}
	return answer, nil
}

// addStanding adds to an environment what the operator says of it.
func (v *view) addStanding(ctx context.Context, name string, item any) {
	e, is := item.(*wire.Environment)
	m := v.management.of(ctx, v.access)
	if !is || m == nil {
		return
	}
	if live, err := resolve.Get[api.Environment](ctx, m, v.product, name); err == nil && live != nil {
		e.Status = wire.StandingOf(live.Status.Conditions, live.Generation)
	}
}
