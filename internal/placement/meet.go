package placement

// Verdict says what to do about a runtime and the record under its name.
type Verdict string

// The verdicts.
const (
	// Record: nothing is recorded; write the record.
	Record Verdict = "Record"
	// Keep: the record is of this runtime; carry on.
	Keep Verdict = "Keep"
	// Adopt: the record is of an earlier life with the same destination; take it over and cancel its teardown.
	Adopt Verdict = "Adopt"
	// DestinationChanged: the record is of this runtime, which now names another environment. It stays where it is.
	DestinationChanged Verdict = "DestinationChanged"
	// ClusterChanged: the environment was moved to another cluster. The runtime stays where it is.
	ClusterChanged Verdict = "ClusterChanged"
	// AwaitTeardown: the record is of an earlier life elsewhere; wait until it is gone.
	AwaitTeardown Verdict = "AwaitTeardown"
	// TeardownRuns: the removal has begun and cannot be stopped; wait until it is done.
	TeardownRuns Verdict = "TeardownRuns"
	// DeletedByHand: somebody deleted the Application. Let its deletion finish without touching a namespace, then write
	// it again.
	DeletedByHand Verdict = "DeletedByHand"
)

// Situation is what exists under the name of a runtime.
type Situation struct {
	// Recorded is nil when there is no Application.
	Recorded *Placement
	// Teardown is nil when no removal was requested.
	Teardown *Teardown
	// Deleting says that the Application has a deletion timestamp.
	Deleting bool
}

// Meet decides from the UID of the runtime and the destination that it asks for. A destination without a cluster is one
// that could not be resolved. It is compared by its environment alone.
func Meet(runtimeUID string, want Destination, s Situation) Verdict {
	switch {
	case s.Recorded == nil:
		return Record
	case s.Deleting && s.Teardown != nil:
		return TeardownRuns
	case s.Deleting:
		return DeletedByHand
	}
	sameLife := s.Recorded.Runtime.UID == runtimeUID
	sameEnvironment := s.Recorded.Destination.Environment == want.Environment
	sameCluster := want.Cluster == "" || s.Recorded.Destination.Cluster == want.Cluster
	switch {
	case sameLife && !sameEnvironment:
		return DestinationChanged
	case sameEnvironment && !sameCluster:
		return ClusterChanged
	case !sameLife && !sameEnvironment:
		return AwaitTeardown
	case !sameLife:
		return Adopt
	case s.Teardown != nil:
		return Adopt // a removal of this very life was requested, such as in a restored backup
	}
	return Keep
}
