package problem

// The reasons of failures, by the class that they have. The reasons of conditions are in
// api/v1alpha1/conditions.go, and a failure that is also a condition has its reason from there. Programs compare
// reasons, so a word never changes. answers.go says how clients are told.
//
// A reason that reads like its class says no more than the class.

// Invalid: what was sent.
const (
	// ReasonInvalid: the change violates rules, or the git host refuses the values; the message holds its own words.
	ReasonInvalid = string(Invalid)
	// ReasonBadRequest: what was sent cannot be read: malformed, of the wrong type, or not known.
	ReasonBadRequest = "BadRequest"
	// ReasonTooLarge: the body of a request is too large.
	ReasonTooLarge = "TooLarge"
	// ReasonUnsupportedMediaType: the body of a request is not JSON.
	ReasonUnsupportedMediaType = "UnsupportedMediaType"
	// ReasonMethodNotAllowed: the path does not answer this verb.
	ReasonMethodNotAllowed = "MethodNotAllowed"
	// ReasonInvalidField: the schema of the kind does not permit a field.
	ReasonInvalidField = "InvalidField"
	// ReasonInvalidName: the name cannot be part of a path.
	ReasonInvalidName = "InvalidName"
	// ReasonUnknownKind: there is no such kind, or it cannot stand there.
	ReasonUnknownKind = "UnknownKind"
	// ReasonUnwritable: the object cannot be written so that it is read again as it is.
	ReasonUnwritable = "Unwritable"
	// ReasonUnparsable: input is not valid YAML or JSON.
	ReasonUnparsable = "Unparsable"
	// ReasonRepositoryTooLarge: the repository is larger than what is read.
	ReasonRepositoryTooLarge = "RepositoryTooLarge"
)

// Invalid: what the command line or the client was given.
const (
	// ReasonInputUnreadable: a file or stdin holds no resources, or is too large.
	ReasonInputUnreadable = "InputUnreadable"
	// ReasonNameMissing: a document does not name its resource, or the name cannot be one.
	ReasonNameMissing = "NameMissing"
	// ReasonProductMissing: neither the documents nor the user name the product, or they name several.
	ReasonProductMissing = "ProductMissing"
	// ReasonNothingGiven: the input holds no resource.
	ReasonNothingGiven = "NothingGiven"
	// ReasonGivenTwice: two documents are about the same resource.
	ReasonGivenTwice = "GivenTwice"
	// ReasonNoName: the call names no resource.
	ReasonNoName = "NoName"
	// ReasonTooMany: more resources than one batch may hold.
	ReasonTooMany = "TooMany"
	// ReasonServerInvalid: the address of the API server is none.
	ReasonServerInvalid = "ServerInvalid"
	// ReasonCertificateNotTrusted: the CA cannot be read. Unavailable: the certificate of the server is not trusted.
	ReasonCertificateNotTrusted = "CertificateNotTrusted"
	// ReasonRefused: a dry run says that the change would be refused.
	ReasonRefused = "REFUSED"
	// ReasonCheckoutInvalid: the checkout violates rules.
	ReasonCheckoutInvalid = "CheckoutInvalid"
)

// Missing.
const (
	// ReasonMissing: it does not exist, or the caller does not see it.
	ReasonMissing = string(Missing)
	// ReasonMoved: it was there, and has another path now. It is not followed, for another project may stand at the
	// path tomorrow.
	ReasonMoved = "Moved"
	// ReasonDefaultProjectNotFound: the caller sees the group, but no default.project in it.
	ReasonDefaultProjectNotFound = "DefaultProjectNotFound"
	// ReasonMainNotFound: default.project has commits, but no branch main.
	ReasonMainNotFound = "MainNotFound"
	// ReasonResourceNotFound: no file holds the object.
	ReasonResourceNotFound = "ResourceNotFound"
	// ReasonNoRoute: there is nothing at this path of the REST API.
	ReasonNoRoute = "NoRoute"
	// ReasonNoRuntimes: the product has no deployment runtime to wait for.
	ReasonNoRuntimes = "NoRuntimes"
)

// Unauthenticated and Forbidden.
const (
	// ReasonUnauthenticated: there is no token, or the git host does not accept it: wrong, expired, revoked.
	ReasonUnauthenticated = string(Unauthenticated)
	// ReasonNoToken: no token was sent, or a webhook without its secret.
	ReasonNoToken = "NoToken"

	// ReasonForbidden: the caller sees it and may not do this.
	ReasonForbidden = string(Forbidden)
	// ReasonInsufficientScope: the caller's token may not; the message names the scopes of which it needs one.
	ReasonInsufficientScope = "InsufficientScope"
	// ReasonArchived: the project can only be read.
	ReasonArchived = "Archived"
	// ReasonPushRefused: the git host does not take the commit; the message holds its own words.
	ReasonPushRefused = "PushRefused"
	// ReasonCredentialsReadable: others on the machine can read the file that holds the token.
	ReasonCredentialsReadable = "CredentialsReadable"
)

// Conflict.
const (
	// ReasonConflict: something else is in the way, such as others who push again and again.
	ReasonConflict = string(Conflict)
	// ReasonNameTaken: a group or project of that name or path exists, perhaps marked for deletion, perhaps
	// invisible to the caller.
	ReasonNameTaken = "NameTaken"
	// ReasonLostRace: main is not, or not any more, at the commit that was named. Read the head, judge and try again.
	ReasonLostRace = "LostRace"
	// ReasonDuplicate: the object stands in more than one place.
	ReasonDuplicate = "Duplicate"
	// ReasonPathTaken: another resource, or a file that is none, stands where the object belongs; or a file where a
	// directory does, or the reverse.
	ReasonPathTaken = "PathTaken"
	// ReasonFileUnreadable: the file in which the object stands cannot be read, so it cannot be edited.
	ReasonFileUnreadable = "FileUnreadable"
	// ReasonPreconditionFailed: If-Match or If-None-Match does not hold.
	ReasonPreconditionFailed = "PreconditionFailed"
)

// RateLimited and Unavailable: trying again may help. After says when.
const (
	// ReasonRateLimited: the git host gets too many requests.
	ReasonRateLimited = string(RateLimited)
	// ReasonTooManyRequests: the server answers as many requests as it can.
	ReasonTooManyRequests = "TooManyRequests"
	// ReasonTooManyChanges: as many changes or reads of the product or of the caller wait for their turn as may, or
	// this one waited until its time was over. It changed nothing.
	ReasonTooManyChanges = "TooManyChanges"

	// ReasonUnavailable: the git host does not answer, or answers that it is broken.
	ReasonUnavailable = string(Unavailable)
	// ReasonTimedOut: the other side is too slow.
	ReasonTimedOut = "TimedOut"
	// ReasonBadAnswer: what came back is not the host's answer or not all of it: another program's page, a redirect
	// to elsewhere, a list that breaks off.
	ReasonBadAnswer = "BadAnswer"
	// ReasonOutcomeUnknown: the commit was sent, and the answer got lost. Read main to learn what became of it.
	ReasonOutcomeUnknown = "OutcomeUnknown"
	// ReasonNoManagementCluster: what was asked for is known in the management cluster alone.
	ReasonNoManagementCluster = "NoManagementCluster"
	// ReasonServerUnreachable: the API server does not answer.
	ReasonServerUnreachable = "ServerUnreachable"
	// ReasonRedirected: the API server sends to another address.
	ReasonRedirected = "Redirected"
	// ReasonNotAnAPI: a proxy answered, or another server.
	ReasonNotAnAPI = "NotAnAPI"
)

// Internal.
const (
	// ReasonInternal: something went wrong in the server.
	ReasonInternal = string(Internal)
	// ReasonEncoding: an object cannot be encoded.
	ReasonEncoding = "Encoding"
	// ReasonBadCommit: the commit is none that this program writes.
	ReasonBadCommit = "BadCommit"
	// ReasonBadRemote: what should be read is no repository or no commit.
	ReasonBadRemote = "BadRemote"
)
