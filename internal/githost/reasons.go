package githost

import "strings"

// The reasons of the problems that a Host returns, with their class. A reason that reads like its class says no more than the class.
const (
	// ReasonUnauthenticated (Unauthenticated): there is no token, or the host does not accept it: wrong, expired, revoked.
	ReasonUnauthenticated = "Unauthenticated"
	// ReasonMissing (Missing): it does not exist, or the caller does not see it.
	ReasonMissing = "Missing"
	// ReasonMoved (Missing): it was there, and has another path now. It is not followed, for another project may stand at the path tomorrow.
	ReasonMoved = "Moved"
	// ReasonForbidden (Forbidden): the caller sees it and may not do this.
	ReasonForbidden = "Forbidden"
	// ReasonInsufficientScope (Forbidden): the caller's token may not; the message names the scopes of which it needs one.
	ReasonInsufficientScope = "InsufficientScope"
	// ReasonArchived (Forbidden): the project can only be read.
	ReasonArchived = "Archived"
	// ReasonNameTaken (Conflict): a group or project of that name or path exists, perhaps marked for deletion, perhaps invisible to the caller.
	ReasonNameTaken = "NameTaken"
	// ReasonConflict (Conflict): something else is in the way.
	ReasonConflict = "Conflict"
	// ReasonInvalid (Invalid): the host refuses the values; the message holds its own words.
	ReasonInvalid = "Invalid"
	// ReasonRateLimited (RateLimited): too many requests. After says how long to wait.
	ReasonRateLimited = "RateLimited"
	// ReasonUnavailable (Unavailable): the host does not answer, or answers that it is broken. After says when to try again.
	ReasonUnavailable = "Unavailable"
	// ReasonTimedOut (Unavailable): the host is too slow.
	ReasonTimedOut = "TimedOut"
	// ReasonBadAnswer (Unavailable): what came back is not the host's answer or not all of it: another program's page, a redirect to elsewhere,
	// a list that breaks off.
	ReasonBadAnswer = "BadAnswer"
)

func lastSegment(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }
