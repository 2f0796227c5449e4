// Package observed reads what Argo CD reports into facts. It is pure. Together with package desired it is the only place that
// knows Argo CD's types; the rest of the system names them by the aliases below.
package observed

import argo "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"

// The kinds of Argo CD that the operator reads.
type (
	Application     = argo.Application
	ApplicationList = argo.ApplicationList
	AppProject      = argo.AppProject
)
