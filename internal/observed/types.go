// Package observed reads what Argo CD reports into facts. It is pure. Only this package and package desired know Argo
// CD's types; the rest of the system uses the aliases below.
package observed

import argo "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"

// The kinds of Argo CD that the operator reads.
type (
	Application     = argo.Application
	ApplicationList = argo.ApplicationList
	AppProject      = argo.AppProject
	Condition       = argo.ApplicationCondition
	OperationState  = argo.OperationState
	SyncResult      = argo.SyncOperationResult
)
