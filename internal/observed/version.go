package observed

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/version"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

// The oldest and the newest minor version of Argo CD that the scenarios run on. docs/versions.md says which ones.
const (
	OldestTested = "2.14"
	NewestTested = "3.5"
)

// VersionTested says whether the version of Argo CD lies in the range that was tried, as its repo-server tells it. It is
// advice: nothing else depends on it. Empty is a version that could not be read.
func VersionTested(told string) metav1.Condition {
	c := metav1.Condition{Type: api.ConditionArgoCDTested, Status: metav1.ConditionUnknown,
		Reason: api.ReasonVersionUnknown}
	if told == "" {
		c.Message = "Argo CD's repo-server does not say its version: nothing depends on it"
		return c
	}
	is, err := version.ParseGeneric(told)
	if err != nil {
		c.Message = fmt.Sprintf("Argo CD says that its version is %.40q, which is none: nothing depends on it", told)
		return c
	}
	minor := fmt.Sprintf("%d.%d", is.Major(), is.Minor())
	if below(minor, OldestTested) || below(NewestTested, minor) {
		c.Status, c.Reason = metav1.ConditionFalse, api.ReasonOutsideTestedRange
		c.Message = fmt.Sprintf("Argo CD is %s: it works on, but nobody has tried this operator with it; it was tried with "+
			"%s to %s, see docs/versions.md", is, OldestTested, NewestTested)
		return c
	}
	c.Status, c.Reason = metav1.ConditionTrue, api.ReasonInTestedRange
	c.Message = fmt.Sprintf("Argo CD is %s; this operator was tried with %s to %s", is, OldestTested, NewestTested)
	return c
}

func below(a, b string) bool {
	return version.MustParseGeneric(a).LessThan(version.MustParseGeneric(b))
}
