package v1alpha1

// Conditions are positive: True is good. A condition that was not reached is Unknown with reason NotReached. Messages
// are one sentence, stable from pass to pass, say what is wrong, where, and what to do next, and never name another
// product.

// Condition types of a DeploymentRuntime, in the order in which they are reached. Other kinds use Ready, and those
// named below.
const (
	// ConditionReady sums the others up: what is wanted runs, and was looked at after it was last changed.
	ConditionReady = "Ready"
	// ConditionAccepted says whether the rules permit the runtime as it stands.
	ConditionAccepted = "Accepted"
	// ConditionResolved says whether everything that the runtime refers to was found and is usable.
	ConditionResolved = "Resolved"
	// ConditionApplied says whether the Application, the AppProject and the namespaces are written.
	ConditionApplied = "Applied"
	// ConditionSynced says whether Argo CD applied the resolved revision. On a Product: whether default.project is
	// applied.
	ConditionSynced = "Synced"
	// ConditionHealthy says whether what was deployed works, as Argo CD judges it.
	ConditionHealthy = "Healthy"
	// ConditionRuntimesSettled, on a Product, says whether no teardown is held and no Application has lost its runtime.
	ConditionRuntimesSettled = "RuntimesSettled"
	// ConditionTenancyReady, on a Product, says whether all namespaces of the product on runtime clusters are prepared.
	ConditionTenancyReady = "TenancyReady"
	// ConditionCredentialsReady, on a Product that comes from a ProductProvider, says whether Argo CD has a deploy
	// token to read the product's repositories with. On a CodeRepo that such a product lends: whether there is one of
	// its project alone.
	ConditionCredentialsReady = "CredentialsReady"
	// ConditionRepositoryFound, on a CodeRepo that is named by the id of a project, such as repo-3, says whether its
	// path leads to that project. It is there once the git host told.
	ConditionRepositoryFound = "RepositoryFound"
	// ConditionLent, on a CodeRepo that is bound to other products, says whether those can read it. Absent where they
	// need no deploy token of its project.
	ConditionLent = "Lent"
	// ConditionServed, on a Product that has a shard, says whether an operator of that shard is at work. Absent where
	// the operator without a shard serves the product, as it should.
	ConditionServed = "Served"
	// ConditionGroupsFound, on a ProductProvider, says whether every Product that came from it still has its group and
	// default.project.
	ConditionGroupsFound = "GroupsFound"
	// ConditionArgoCDTested, on a ProductProvider, says whether the operator was tried with the version of Argo CD that
	// it drives. It is advice: Ready does not follow it, and the operator does the same whatever it says.
	ConditionArgoCDTested = "ArgoCDTested"
)

// Reasons of any condition.
const (
	// ReasonNotReached: an earlier condition is not True, so this one was not looked at.
	ReasonNotReached = "NotReached"
	// ReasonLookupFailed: for a while the API server could not be asked, so that the condition is Unknown. Nothing was
	// changed; it is tried again.
	ReasonLookupFailed = "LookupFailed"
	// ReasonInternal: a bug of the operator, so that the condition is Unknown. Nothing was changed.
	ReasonInternal = "InternalError"
)

// Reasons of Ready.
const (
	// ReasonReady: everything is as it should be.
	ReasonReady = "Ready"
	// ReasonDeleting: the object is being deleted. The message says what it waits for.
	ReasonDeleting = "Deleting"
)

// Reasons of Accepted.
const (
	// ReasonAccepted: no rule is violated.
	ReasonAccepted = "Accepted"
	// ReasonProductMismatch: spec.product is not the product that the namespace belongs to.
	ReasonProductMismatch = "ProductMismatch"
	// ReasonInvalid: a field has a value that the rules do not permit.
	ReasonInvalid = "Invalid"
	// ReasonProductNotFound: no Product owns the namespace.
	ReasonProductNotFound = "ProductNotFound"
	// ReasonProjectNotFound: an entry of projectsRef is not a Project of the product.
	ReasonProjectNotFound = "ProjectNotFound"
	// ReasonPermissionDenied: a project, or the product, may not use the code repo.
	ReasonPermissionDenied = "PermissionDenied"
	// ReasonPermissionRevoked: the same for a runtime that is deployed: it keeps running, automated sync is off.
	ReasonPermissionRevoked = "PermissionRevoked"
	// ReasonTwinRuntime: another runtime of the product deploys the same code repo, revision and path to the same
	// environment.
	ReasonTwinRuntime = "TwinRuntime"
	// ReasonNamespaceReserved: a namespace is a system namespace, or reserved on the cluster and not granted.
	ReasonNamespaceReserved = "NamespaceReserved"
	// ReasonNamespaceInUse: another product uses a namespace on the same cluster.
	ReasonNamespaceInUse = "NamespaceInUse"
	// ReasonProductLimitReached: the product has as many namespaces or runtimes on the cluster as its productLimits
	// permit.
	ReasonProductLimitReached = "ProductLimitReached"
	// ReasonEnvironmentOnSameCluster: another environment of the product is on the same cluster.
	ReasonEnvironmentOnSameCluster = "EnvironmentOnSameCluster"
	// ReasonDestinationImmutable: the destination of a deployed runtime changed. It stays where it is.
	ReasonDestinationImmutable = "DestinationImmutable"
	// ReasonCodeRepoOwnerChanged: the name of the code repo, which says no product, now means another product's than
	// the one deployed.
	ReasonCodeRepoOwnerChanged = "CodeRepoOwnerChanged"
	// ReasonForbiddenMetadata: the file carries annotations, finalizers or owner references that steer Argo CD or
	// Kubernetes.
	ReasonForbiddenMetadata = "ForbiddenMetadata"
)

// Reasons of Resolved (and of Ready on Environment, CodeRepo and CodeRepoBinding).
const (
	// ReasonResolved: everything was found.
	ReasonResolved = "Resolved"
	// ReasonEnvironmentNotFound: spec.destination names no Environment of the product.
	ReasonEnvironmentNotFound = "EnvironmentNotFound"
	// ReasonClusterNotFound: the environment names no Cluster.
	ReasonClusterNotFound = "ClusterNotFound"
	// ReasonClusterNotReady: the cluster is not registered with Argo CD. What runs there keeps running.
	ReasonClusterNotReady = "ClusterNotReady"
	// ReasonClusterNotAllowed: the cluster is not a worker for deployments, or its allowedProducts do not list the
	// product.
	ReasonClusterNotAllowed = "ClusterNotAllowed"
	// ReasonClusterImmutable: the environment was moved to another cluster while runtimes are deployed through it.
	ReasonClusterImmutable = "ClusterImmutable"
	// ReasonCodeRepoNotFound: the product has no such CodeRepo, or the other product that is named has none that is
	// bound to it.
	ReasonCodeRepoNotFound = "CodeRepoNotFound"
	// ReasonCodeRepoAmbiguous is no longer set on a runtime, because the runtime names the product that lends a code
	// repo. Of the REST API: several code repos of the product have that path.
	ReasonCodeRepoAmbiguous = "CodeRepoAmbiguous"
	// ReasonCodeRepoProviderNotFound: spec.codeRepoProvider names no CodeRepoProvider.
	ReasonCodeRepoProviderNotFound = "CodeRepoProviderNotFound"
	// ReasonRepositoryReplaced: the path of the code repo leads to another project than the one that the code repo is
	// named by. What runs keeps running, nothing new is deployed.
	ReasonRepositoryReplaced = "RepositoryReplaced"
	// ReasonRepoOutsideProduct: the URL of the code repo does not lie under its provider's address and its product's
	// path. Of Accepted, when the runtime is deployed from such a URL: it keeps running, automated sync is off.
	ReasonRepoOutsideProduct = "RepoOutsideProduct"
	// ReasonCredentialsNotFound: credentialsSecretRef names no Secret of the system namespace that is labelled with the
	// product.
	ReasonCredentialsNotFound = "CredentialsNotFound"
	// ReasonCredentialsInvalid: the Secret lacks the keys that are needed.
	ReasonCredentialsInvalid = "CredentialsInvalid"
	// ReasonLent: the products that the code repo is bound to read it with a deploy token of its project.
	ReasonLent = "Lent"
	// ReasonWaitingForCredentials: there is no deploy token of the project yet that a code repo can be lent with.
	ReasonWaitingForCredentials = "WaitingForCredentials"
)

// Reasons of RepositoryFound on a CodeRepo, besides RepositoryReplaced.
const (
	// ReasonRepositoryFound: the path leads to the project that the code repo is named by.
	ReasonRepositoryFound = "RepositoryFound"
	// ReasonRepositoryMoved: the project was renamed or moved, and no other one has its old path. What runs keeps
	// running.
	ReasonRepositoryMoved = "RepositoryMoved"
)

// Reasons of Applied.
const (
	// ReasonApplied: the Application is written as wanted.
	ReasonApplied = "Applied"
	// ReasonNameConflict: an Application, an AppProject or a Secret of our name exists that this operator did not
	// write. It is not touched.
	ReasonNameConflict = "NameConflict"
	// ReasonRecordMismatch: the record in the Application disagrees with its own project or destination. Nothing is
	// touched.
	ReasonRecordMismatch = "RecordMismatch"
	// ReasonWaitingForTenancy: the namespaces or the AppProject are not prepared yet.
	ReasonWaitingForTenancy = "WaitingForTenancy"
	// ReasonNamespaceNotOurs: a namespace exists on the cluster that this operator did not make for this product. It is
	// not touched.
	ReasonNamespaceNotOurs = "NamespaceNotOurs"
	// ReasonWaitingForTeardown: an earlier runtime of this name is still being removed from another destination.
	ReasonWaitingForTeardown = "WaitingForTeardown"
	// ReasonTeardownInProgress: the removal of an earlier runtime of this name has begun and cannot be stopped.
	ReasonTeardownInProgress = "TeardownInProgress"
	// ReasonApplicationDeleted: somebody deleted the Application by hand. The workloads stay; it is written again.
	ReasonApplicationDeleted = "ApplicationDeleted"
	// ReasonTeardownHeld: the deletion of the runtime, or of a namespace that it gave up, is held until it is approved
	// or called off.
	ReasonTeardownHeld = "TeardownHeld"
	// ReasonWriteRefused: the API server refused the write.
	ReasonWriteRefused = "WriteRefused"
)

// Reasons of Synced.
const (
	// ReasonSynced: the resolved revision is applied.
	ReasonSynced = "Synced"
	// ReasonSyncing: a sync runs or is about to.
	ReasonSyncing = "Syncing"
	// ReasonOutOfSync: what runs differs from the repository and no sync runs.
	ReasonOutOfSync = "OutOfSync"
	// ReasonSyncFailed: the last sync failed. The message names the object. It is tried again.
	ReasonSyncFailed = "SyncFailed"
	// ReasonManifestError: Argo CD could not produce the manifests: the revision, the path or a file is at fault.
	ReasonManifestError = "ManifestError"
	// ReasonSpecRefused: Argo CD refuses the Application, as when the AppProject does not permit its destination.
	ReasonSpecRefused = "SpecRefused"
	// ReasonPruneHeld: objects that are not in the repository any more run on, because their file is still there but
	// holds them no more, or could not be read. The message names them.
	ReasonPruneHeld = "PruneHeld"
	// ReasonPathEmpty: the path holds no manifest any more. What ran runs on: revert the commit, correct the path, or
	// delete the runtime.
	ReasonPathEmpty = "PathEmpty"
	// ReasonResourceShared: an object belongs to another runtime or to another tool already, and is left to it.
	ReasonResourceShared = "ResourceShared"
	// ReasonSyncUnknown: Argo CD cannot compare, as when the cluster or the repository does not answer.
	ReasonSyncUnknown = "SyncUnknown"
	// ReasonSuspended: spec.suspend is set: automated sync is off.
	ReasonSuspended = "Suspended"
	// ReasonOutsideNamespaces: the manifests wrote an object into a namespace that the runtime does not name. Automated
	// sync is off.
	ReasonOutsideNamespaces = "OutsideNamespaces"
	// ReasonNotConfigured: on a Product: metaDataPath is empty, so there is no default.project to sync.
	ReasonNotConfigured = "NotConfigured"
	// ReasonLastResource: default.project became empty. Nothing was pruned; approve it or revert the commit.
	ReasonLastResource = "LastResource"
)

// Reasons of Healthy.
const (
	// ReasonHealthy: all resources are healthy.
	ReasonHealthy = "Healthy"
	// ReasonWorkloadSuspended: an object is suspended or paused. True where these are Jobs only, of which nothing is
	// expected; False where a workload does not run what the revision says. The message names the object.
	ReasonWorkloadSuspended = "WorkloadSuspended"
	// ReasonProgressing: resources are starting. Ready stays True when the same revision was healthy before.
	ReasonProgressing = "Progressing"
	// ReasonDegraded: a resource failed.
	ReasonDegraded = "Degraded"
	// ReasonMissing: a resource does not exist on the cluster.
	ReasonMissing = "Missing"
	// ReasonHealthUnknown: Argo CD cannot tell, as when the cluster does not answer.
	ReasonHealthUnknown = "HealthUnknown"
	// ReasonNothingDeployed: the path holds no manifest, so nothing runs.
	ReasonNothingDeployed = "NothingDeployed"
	// ReasonNotYetJudged: Argo CD has not looked at the health since the last change.
	ReasonNotYetJudged = "NotYetJudged"
)

// Reasons of Ready on a Cluster.
const (
	// ReasonKubeconfigNotFound: the kubeconfig Secret or its key is missing.
	ReasonKubeconfigNotFound = "KubeconfigNotFound"
	// ReasonKubeconfigInvalid: the kubeconfig does not parse, or uses exec, auth providers, file paths or an insecure
	// connection.
	ReasonKubeconfigInvalid = "KubeconfigInvalid"
	// ReasonClusterIdentityChanged: the kubeconfig reaches another cluster than before. Argo CD keeps the old
	// credentials.
	ReasonClusterIdentityChanged = "ClusterIdentityChanged"
	// ReasonClusterDuplicate: another Cluster, or a cluster Secret of Argo CD, has the same URL, name or identity.
	ReasonClusterDuplicate = "ClusterDuplicate"
	// ReasonUnreachable: the cluster does not answer. What runs there keeps running.
	ReasonUnreachable = "Unreachable"
	// ReasonUnauthorized: the cluster refuses the credentials.
	ReasonUnauthorized = "Unauthorized"
	// ReasonHostClusterNotFound: spec.hostCluster names no Cluster with usage host.
	ReasonHostClusterNotFound = "HostClusterNotFound"
	// ReasonInUse: the object is being deleted but something still needs it. The message says what.
	ReasonInUse = "InUse"
)

// Reasons of RuntimesSettled on a Product.
const (
	// ReasonSettled: no teardown is held and every Application has its runtime.
	ReasonSettled = "Settled"
	// ReasonTearingDown: runtimes are being removed.
	ReasonTearingDown = "TearingDown"
	// ReasonOrphaned: an Application has lost its runtime without a deletion that the operator saw. It keeps running.
	ReasonOrphaned = "Orphaned"
)

// Reasons of GroupsFound on a ProductProvider.
const (
	// ReasonGroupsFound: every Product of the provider has its group and its default.project.
	ReasonGroupsFound = "GroupsFound"
	// ReasonGroupGone: the git host does not know the group or default.project of some Products any more. Nothing was
	// removed.
	ReasonGroupGone = "GroupGone"
	// ReasonGroupReplaced: another group has taken the path of a Product's own one. What runs keeps running, nothing
	// new is deployed.
	ReasonGroupReplaced = "GroupReplaced"
	// ReasonGroupMoved: the group of a Product has another path, which the Product does not follow. What runs keeps
	// running, nothing new is deployed.
	ReasonGroupMoved = "GroupMoved"
	// ReasonGroupNotAllowed: a path lies outside of spec.allowedGroups of the ProductProvider.
	ReasonGroupNotAllowed = "GroupNotAllowed"
	// ReasonNoGroupsAllowed: spec.allowedGroups is empty. The Products that there are stay, new ones are not taken.
	ReasonNoGroupsAllowed = "NoGroupsAllowed"
	// ReasonTooManyMoves: groups seem to have moved in a way that the git host may be another one: with another
	// default.project, together with its address, or many at once. The Products concerned do not follow.
	ReasonTooManyMoves = "TooManyMoves"
)

// Reasons of ArgoCDTested on a ProductProvider.
const (
	// ReasonInTestedRange: the version lies between the oldest and the newest one that the operator was tried with.
	ReasonInTestedRange = "InTestedRange"
	// ReasonOutsideTestedRange: it does not. Everything works on as far as Argo CD lets it.
	ReasonOutsideTestedRange = "OutsideTestedRange"
	// ReasonVersionUnknown: Argo CD's repo-server does not say its version.
	ReasonVersionUnknown = "VersionUnknown"
)

// Reasons of CredentialsReady on a Product.
const (
	// ReasonMinted: the operator keeps a deploy token of the group in the Secret "<product>-git", or one of the project
	// of a lent code repo.
	ReasonMinted = "Minted"
	// ReasonKeptByHand: the Secret "<product>-git" was not made by the operator. It is used as it is.
	ReasonKeptByHand = "KeptByHand"
)

// Reasons of Served on a Product.
const (
	// ReasonServed: an operator of the shard in status.shard serves the product.
	ReasonServed = "Served"
	// ReasonShardNotServed: no operator of a shard is at work that the product was given to. What runs keeps running.
	// The message says who serves the product meanwhile, or that nobody does.
	ReasonShardNotServed = "ShardNotServed"
)
