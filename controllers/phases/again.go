package phases

import (
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
)

// Again is when to look again although nothing failed. The zero value is never.
type Again struct{ after time.Duration }

// LookAgain asks for another look after d at the latest; 0 asks for none.
func (a *Again) LookAgain(d time.Duration) {
	if d > 0 && (a.after == 0 || d < a.after) {
		a.after = d
	}
}

// Join asks for another look as soon as the other one does.
func (a *Again) Join(other Again) { a.LookAgain(other.after) }

// Sooner returns the result with the look that was asked for, where that is sooner.
func (a *Again) Sooner(result ctrl.Result) ctrl.Result {
	if a.after > 0 && (result.RequeueAfter == 0 || a.after < result.RequeueAfter) {
		result.RequeueAfter = a.after
	}
	return result
}
