package problem

// The reasons of failures, by their class. The reasons of conditions are in api/v1alpha1/conditions.go; a failure that
// is also a condition takes its reason from there. Programs compare reasons, so a reason never changes. answers.go says
// how failures are reported to clients.
//
// A reason that is equal to its class says no more than the class.

// Invalid: the request to the REST API.
const (
	// ReasonInvalid: the change violates rules, or the git host refuses the values. The message contains the host's
	// words.
	ReasonInvalid = string(Invalid)
	// ReasonBadRequest: the request cannot be read: it is malformed, has a wrong type or an unknown member.
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
	// ReasonUnknownKind: there is no such kind, or the kind is not permitted there.
	ReasonUnknownKind = "UnknownKind"
	// ReasonUnwritable: the object cannot be written in a way that gives the same object when it is read.
	ReasonUnwritable = "Unwritable"
	// ReasonUnparsable: input is not valid YAML or JSON.
	ReasonUnparsable = "Unparsable"
	// ReasonRepositoryTooLarge: the repository is too large to be read.
	ReasonRepositoryTooLarge = "RepositoryTooLarge"
)

// Invalid: the input of the command line or the client.
const (
	// ReasonInputUnreadable: a file or stdin holds no resources, or is too large.
	ReasonInputUnreadable = "InputUnreadable"
	// ReasonNameMissing: a document does not name its resource, or the name is not valid.
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
	// ReasonServerInvalid: the address of the API server is not valid.
	ReasonServerInvalid = "ServerInvalid"
	// ReasonCertificateNotTrusted: the CA cannot be read. With class Unavailable: the server's certificate is not
	// trusted.
	ReasonCertificateNotTrusted = "CertificateNotTrusted"
	// ReasonRefused: a dry run says that the change would be refused.
	ReasonRefused = "REFUSED"
	// ReasonCheckoutInvalid: the checkout violates rules.
	ReasonCheckoutInvalid = "CheckoutInvalid"
)

// Missing.
const (
	// ReasonMissing: the object does not exist, or the caller does not see it.
	ReasonMissing = string(Missing)
	// ReasonMoved: the object has another path now. The new path is not used automatically, because another project may
	// be at the old path tomorrow.
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
	// ReasonUnauthenticated: there is no token, or the git host does not accept it: it is wrong, expired or revoked.
	ReasonUnauthenticated = string(Unauthenticated)
	// ReasonNoToken: the request has no token, or a webhook call has no secret.
	ReasonNoToken = "NoToken"

	// ReasonForbidden: the caller sees the object but may not do this.
	ReasonForbidden = string(Forbidden)
	// ReasonInsufficientScope: the token lacks a scope; the message names the scopes of which it needs one.
	ReasonInsufficientScope = "InsufficientScope"
	// ReasonArchived: the project is archived and can only be read.
	ReasonArchived = "Archived"
	// ReasonPushRefused: the git host refuses the commit. The message contains the host's words.
	ReasonPushRefused = "PushRefused"
	// ReasonCredentialsReadable: others on the machine can read the file that holds the token.
	ReasonCredentialsReadable = "CredentialsReadable"
)

// Conflict.
const (
	// ReasonConflict: something else prevents the change, such as others who push again and again.
	ReasonConflict = string(Conflict)
	// ReasonNameTaken: a group or project of that name or path exists, perhaps marked for deletion, perhaps
	// invisible to the caller.
	ReasonNameTaken = "NameTaken"
	// ReasonLostRace: main is not at the expected commit. Read the head, judge again and retry.
	ReasonLostRace = "LostRace"
	// ReasonDuplicate: several files or documents hold the object.
	ReasonDuplicate = "Duplicate"
	// ReasonPathTaken: the path of the object holds another resource or a file without a resource. Or the path needs a
	// directory where there is a file, or the reverse.
	ReasonPathTaken = "PathTaken"
	// ReasonFileUnreadable: the file with the object cannot be read, so it cannot be edited.
	ReasonFileUnreadable = "FileUnreadable"
	// ReasonPreconditionFailed: If-Match or If-None-Match is not fulfilled.
	ReasonPreconditionFailed = "PreconditionFailed"
)

// RateLimited and Unavailable: a retry may help. After says when.
const (
	// ReasonRateLimited: the git host gets too many requests.
	ReasonRateLimited = string(RateLimited)
	// ReasonTooManyRequests: the server already answers as many requests as it can.
	ReasonTooManyRequests = "TooManyRequests"
	// ReasonTooManyChanges: too many changes or reads of the product or of the caller are waiting, or this one waited
	// too long. It changed nothing.
	ReasonTooManyChanges = "TooManyChanges"

	// ReasonUnavailable: the git host does not answer, or answers with a server error.
	ReasonUnavailable = string(Unavailable)
	// ReasonTimedOut: the other side did not answer in time.
	ReasonTimedOut = "TimedOut"
	// ReasonBadAnswer: the answer is incomplete or does not come from the host, such as a page of another program, a
	// redirect to another host, or a list that breaks off.
	ReasonBadAnswer = "BadAnswer"
	// ReasonOutcomeUnknown: the commit was sent, and the answer was lost. Read main to see whether the commit is there.
	ReasonOutcomeUnknown = "OutcomeUnknown"
	// ReasonNoManagementCluster: only the management cluster can answer the request, and there is none.
	ReasonNoManagementCluster = "NoManagementCluster"
	// ReasonServerUnreachable: the API server does not answer.
	ReasonServerUnreachable = "ServerUnreachable"
	// ReasonRedirected: the API server redirects to another address.
	ReasonRedirected = "Redirected"
	// ReasonOutputFailed: the result of a command could not be written.
	ReasonOutputFailed = "OutputFailed"
	// ReasonNotAnAPI: the answer came from a proxy or another server.
	ReasonNotAnAPI = "NotAnAPI"
)

// Internal.
const (
	// ReasonInternal: a bug in the server.
	ReasonInternal = string(Internal)
	// ReasonEncoding: an object cannot be encoded.
	ReasonEncoding = "Encoding"
	// ReasonBadCommit: this program must not write such a commit.
	ReasonBadCommit = "BadCommit"
	// ReasonBadRemote: the address or the id does not name a repository or a commit.
	ReasonBadRemote = "BadRemote"
)
