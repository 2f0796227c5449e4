package phases

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// Announce tells by an Event that an object became ready, or why it is not: once for each change. Where it is on its way
// to one of the two, its conditions tell: most of such states pass within a second.
func (p Pass) Announce() {
	stored, has := p.Stored.(interface{ GetConditions() []metav1.Condition })
	if p.Recorder == nil || !has {
		return
	}
	was := meta.FindStatusCondition(stored.GetConditions(), api.ConditionReady)
	is := meta.FindStatusCondition(*p.Conditions, api.ConditionReady)
	onItsWay := []string{api.ReasonSyncing, api.ReasonProgressing, api.ReasonWaitingForTenancy,
		api.ReasonWaitingForCredentials, api.ReasonNotYetJudged}
	switch {
	case is == nil || was != nil && was.Status == is.Status && was.Reason == is.Reason:
	case is.Status == metav1.ConditionTrue && was != nil && was.Status == metav1.ConditionTrue:
	case is.Status == metav1.ConditionTrue:
		p.Recorder.Event(p.Object, corev1.EventTypeNormal, is.Reason, is.Message)
	case was == nil && p.mayCome():
	case !slices.Contains(onItsWay, is.Reason):
		p.Recorder.Event(p.Object, corev1.EventTypeWarning, is.Reason, is.Message)
	}
}

// mayCome says whether a new object refers to what one push may bring along, and Argo CD may apply after it. A runtime has
// waited for that before it tells.
func (p Pass) mayCome() bool {
	_, waited := p.Object.(*api.DeploymentRuntime)
	why := problem.As(p.Stop)
	return !waited && why != nil && why.Class == problem.Missing
}
