package v1alpha1

// Labels. They are for people, selectors and counting. Ownership is never decided by a label alone.
const (
	// LabelProduct names the product (the resource name, such as product-7) that an object belongs to. On a Secret of
	// the system namespace it says which product may use the credentials.
	LabelProduct = Group + "/product"
	// LabelRuntime names the DeploymentRuntime that an Application deploys.
	LabelRuntime = Group + "/runtime"
	// LabelEnvironment names the Environment that an Application deploys to.
	LabelEnvironment = Group + "/environment"
	// LabelCluster names the Cluster that an Application deploys to, or that an Argo CD cluster Secret was made from.
	LabelCluster = Group + "/cluster"
	// LabelInstance is the UID of the management cluster's kube-system namespace. It tells the objects of two
	// installations that share a runtime cluster apart.
	LabelInstance = Group + "/instance"
	// LabelProvider names the ProductProvider that a Product comes from. The provider keeps the Product's spec as the
	// git host has it. Set it by hand to hand a Product over.
	LabelProvider = Group + "/provider"
	// LabelCodeRepo names the CodeRepo that an Argo CD repository Secret was made from.
	LabelCodeRepo = Group + "/code-repo"
	// LabelShard on a Product names the shard of the operator that is to serve it. The platform team sets it; without it
	// the operator without a shard serves the product. Which one serves it now is in status.shard.
	LabelShard = Group + "/shard"
	// LabelTrusted set to "true" by the platform team on a product's namespace of a runtime cluster permits there what
	// the policy pods-keep-their-place refuses: priority classes of the system, pods that name their node, and Services
	// with external IPs.
	LabelTrusted = Group + "/trusted"
)

// Annotations that a person sets.
const (
	// AnnotationProtect set to "true" on a DeploymentRuntime holds its teardown until a person approves it.
	AnnotationProtect = Group + "/protect"
	// AnnotationApproveTeardown on an Application approves a held teardown. Its value must be the UID of the deleted
	// runtime, as the Product's condition RuntimesSettled prints it: an approval never outlives the deletion it was
	// given for.
	AnnotationApproveTeardown = Group + "/approve-teardown"
	// AnnotationApproveEmpty on a Product approves that its default.project is empty at the given revision, and that
	// all resources of the product are to be pruned.
	AnnotationApproveEmpty = Group + "/approve-empty"
	// AnnotationRetain on a namespace of a runtime cluster says that nothing deletes it any more. The operator sets it
	// when a runtime with deletionPolicy Orphan goes, and takes it off when a runtime names the namespace again; the
	// platform team may set or remove it. Where it stands without such a record, the Product's condition
	// RuntimesSettled says so, and nothing goes on until a person decides.
	AnnotationRetain = Group + "/retain"
)

// AnnotationApproveNamespace on an Application, followed by the name of a namespace, approves that the namespace goes
// the way that the Product's condition RuntimesSettled tells of. Its value must be the one that is printed there. It
// begins with the UID of the runtime, and where the namespace holds objects that somebody may still want it names
// exactly these: an approval is never for anything else.
const AnnotationApproveNamespace = "approve-namespace." + Group + "/"

// AnnotationRefresh on a Product, followed by default.project or by the name of a CodeRepo, asks the operator to have
// Argo CD look at that repository again for this product, as after a push. The value is for people. The operator takes
// the annotation off once it asked.
const AnnotationRefresh = "refresh." + Group + "/"

// AnnotationGroupReplaced on a Product says which other group has taken the path of the Product's own one at the git
// host. The ProductProvider sets it and takes it off. Nothing new is synced or deployed meanwhile: what lies at that
// path is somebody else's.
const AnnotationGroupReplaced = Group + "/group-replaced"

// AnnotationGroupMoved on a Product says which path its group has now, where the Product does not follow it. The
// ProductProvider sets it and takes it off. Nothing new is synced or deployed meanwhile: a stranger may take the path
// that the group has left.
const AnnotationGroupMoved = Group + "/group-moved"

// AnnotationGroupGone on a Product says that the git host does not show its group, or its default.project, any more.
// The ProductProvider sets it and takes it off. Nothing is removed, and nothing else follows from it but that the
// Product is not ready. It counts only while the ProductProvider is there that the Product is labelled with.
const AnnotationGroupGone = Group + "/group-gone"

// AnnotationDefaultProject on a Product says which repository its default.project is at the git host: "<id>/<when it
// was made>". The ProductProvider writes it. It tells a group that was renamed from another one that has the same id at
// another git host.
const AnnotationDefaultProject = Group + "/default-project"

// AnnotationDeployToken on the Secret "<product>-git" says as JSON which deploy token of the git host the operator made
// and keeps there.
const AnnotationDeployToken = Group + "/deploy-token"

// Annotations that the operator writes into an Application. Together they are its record of a runtime.
const (
	// AnnotationPlacement holds the complete placement of the runtime as JSON.
	AnnotationPlacement = Group + "/placement"
	// AnnotationTeardown holds the intent to tear the runtime down as JSON: which runtime was deleted, when, how.
	AnnotationTeardown = Group + "/teardown-requested"
	// AnnotationSyncAttempts counts what the operator asked of Argo CD for one cause: "<cause>|<count>|<time of the
	// last>".
	AnnotationSyncAttempts = Group + "/sync-attempts"

	// AnnotationReminded is when the operator last wrote an Application only so that Argo CD looks at it: Argo CD can
	// lose a request, see package controllers/reminder.
	AnnotationReminded = Group + "/reminded"
	// AnnotationHeldRemovals says as JSON in which revisions the files still held the objects whose removal is held
	// back now.
	AnnotationHeldRemovals = Group + "/held-removals"
)

// AnnotationApplications on a namespace of a runtime cluster lists the Applications whose records name it, separated by
// commas. The operator keeps it; the policy manifests-keep-to-their-namespaces lets no other Application write there.
// Empty: the namespace was kept when its last runtime went.
const AnnotationApplications = Group + "/applications"

// EveryApplication is the value of AnnotationApplications where so many share a namespace that they cannot be listed.
const EveryApplication = "*"

// AnnotationOwner says, on an AppProject, on the Application of a default.project and on Secrets that the operator made
// for Argo CD, which object it was made for: "<kind>/<namespace>/<name>/<instance>". Objects of our names without it
// are never touched.
const AnnotationOwner = Group + "/owner"

// Finalizer is held on a DeploymentRuntime for the time of one write (the intent to tear down), on a Product and a
// Cluster while anything stands that needs them, and on an Application until what it deployed is gone.
const Finalizer = Group + "/operator"

// SystemNamespaceDefault is where the tenant-scope kinds live unless --system-namespace says otherwise.
const SystemNamespaceDefault = "nautes"
