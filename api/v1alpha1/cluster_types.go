package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ClusterType says how a cluster is hosted.
// +kubebuilder:validation:Enum=physical;virtual
type ClusterType string

// ClusterUsage says what a cluster is for.
// +kubebuilder:validation:Enum=host;worker
type ClusterUsage string

// WorkerType says which work a worker cluster takes.
// +kubebuilder:validation:Enum=deployment;pipeline
type WorkerType string

// Values of the enumerations of a Cluster.
const (
	ClusterTypePhysical ClusterType = "physical"
	ClusterTypeVirtual  ClusterType = "virtual"

	ClusterUsageHost   ClusterUsage = "host"
	ClusterUsageWorker ClusterUsage = "worker"

	WorkerTypeDeployment WorkerType = "deployment"
	WorkerTypePipeline   WorkerType = "pipeline"
)

// NamedNetworkPolicy is a NetworkPolicy that every prepared namespace gets.
type NamedNetworkPolicy struct {
	// Name of the NetworkPolicy.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name"`
	// Spec of the NetworkPolicy.
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:validation:Type=object
	Spec networkingv1.NetworkPolicySpec `json:"spec"`
}

// NamespaceTemplate says what the namespaces look like that are made for products on a cluster.
type NamespaceTemplate struct {
	// Labels of the namespaces. Pod security defaults to enforcing "baseline" unless a label
	// pod-security.kubernetes.io/enforce is given here. Labels of this API group are not permitted.
	// +optional
	// +kubebuilder:validation:MaxProperties=32
	// +kubebuilder:validation:XValidation:rule="!self.exists(k, k.startsWith('nautes.resource.nautes.io/'))",message="labels of nautes.resource.nautes.io are set by the operator alone"
	// +kubebuilder:validation:XValidation:rule="self.all(k, self[k].size() <= 63)",message="a label has at most 63 characters"
	Labels map[string]string `json:"labels,omitempty"`
	// Annotations of the namespaces.
	// +optional
	// +kubebuilder:validation:MaxProperties=32
	// +kubebuilder:validation:XValidation:rule="self.all(k, self[k].size() <= 4096)",message="an annotation has at most 4096 characters"
	Annotations map[string]string `json:"annotations,omitempty"`
	// ResourceQuota that every namespace gets, under the name "nautes". Manifests of products cannot hold a
	// ResourceQuota then.
	// +optional
	ResourceQuota *corev1.ResourceQuotaSpec `json:"resourceQuota,omitempty"`
	// LimitRange that every namespace gets, under the name "nautes". Manifests of products cannot hold a LimitRange
	// then.
	// +optional
	LimitRange *corev1.LimitRangeSpec `json:"limitRange,omitempty"`
	// NetworkPolicies that every namespace gets.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	NetworkPolicies []NamedNetworkPolicy `json:"networkPolicies,omitempty"`
	// ImagePullSecrets names Secrets of type kubernetes.io/dockerconfigjson in the system namespace. They are copied
	// into every namespace and used by its default ServiceAccount.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	ImagePullSecrets []string `json:"imagePullSecrets,omitempty"`
}

// ProductLimit bounds what one product takes of a cluster.
type ProductLimit struct {
	// Namespaces that the product may hold on the cluster: those that its runtimes use, and those that were kept when a
	// runtime with deletionPolicy Orphan went. Reserved namespaces that are granted to it do not count.
	// +optional
	// +kubebuilder:validation:Minimum=1
	Namespaces int32 `json:"namespaces,omitempty"`
	// Runtimes that the product may deploy to the cluster.
	// +optional
	// +kubebuilder:validation:Minimum=1
	Runtimes int32 `json:"runtimes,omitempty"`
}

// ProductLimits bound what every product takes of a cluster. They keep new things out only: what is deployed stays.
type ProductLimits struct {
	// ProductLimit of every product. What is not set here is 500 namespaces and 1000 runtimes.
	ProductLimit `json:",inline"`
	// Overrides for single products: the key is a product by resource name (product-7) or by group path, the value
	// replaces what it sets. A path is pinned to the product that it named when the override was first seen.
	// +optional
	// +kubebuilder:validation:MaxProperties=200
	// +kubebuilder:validation:XValidation:rule="self.all(k, k.size() > 0 && k.size() <= 255)",message="an override names a product of at most 255 characters"
	Overrides map[string]ProductLimit `json:"overrides,omitempty"`
}

// ClusterSpec describes a Kubernetes cluster that the platform team registers.
// +kubebuilder:validation:XValidation:rule="self.usage != 'worker' || has(self.workerType)",message="a worker cluster needs workerType: deployment or pipeline"
// +kubebuilder:validation:XValidation:rule="self.usage != 'host' || (self.clusterType == 'physical' && !has(self.workerType))",message="a host cluster must be physical and has no workerType"
// +kubebuilder:validation:XValidation:rule="self.clusterType != 'virtual' || has(self.hostCluster) && self.hostCluster.size() > 0",message="a virtual cluster needs hostCluster"
// +kubebuilder:validation:XValidation:rule="self.clusterType != 'physical' || !has(self.hostCluster) || self.hostCluster.size() == 0",message="a physical cluster has no hostCluster"
type ClusterSpec struct {
	// APIServer is the URL of the cluster's API server, such as https://10.0.0.1:6443. It is where both Argo CD and the
	// operator connect to; the server named in the kubeconfig is not used.
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:Pattern=`^https?://[^\s/@?#]+(/[^\s?#]*)?$`
	APIServer string `json:"apiServer"`
	// ClusterType says how the cluster is hosted: physical, or virtual on a hostCluster.
	ClusterType ClusterType `json:"clusterType"`
	// ClusterKind is the kind of cluster. Only kubernetes is known.
	// +optional
	// +kubebuilder:default=kubernetes
	// +kubebuilder:validation:Enum=kubernetes
	ClusterKind string `json:"clusterKind,omitempty"`
	// Usage says what the cluster is for: host carries virtual clusters, worker carries the work of products.
	Usage ClusterUsage `json:"usage"`
	// WorkerType says which work a worker takes. Only clusters of type deployment take DeploymentRuntimes.
	// +optional
	WorkerType WorkerType `json:"workerType,omitempty"`
	// HostCluster names the Cluster that carries this virtual one.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	HostCluster string `json:"hostCluster,omitempty"`
	// PrimaryDomain is the DNS domain under which the cluster's services are reached.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	PrimaryDomain string `json:"primaryDomain,omitempty"`
	// KubeconfigSecretRef names the Secret in the system namespace that holds a kubeconfig with the credentials.
	// Defaults to key "value" of Secret "<name of the Cluster>-kubeconfig", the convention of Cluster API. The
	// kubeconfig must hold its credentials itself: exec plugins, auth providers and file paths are refused.
	// +optional
	KubeconfigSecretRef *SecretKeyRef `json:"kubeconfigSecretRef,omitempty"`
	// ReservedNamespaces are namespaces of platform components on the cluster. No product may deploy to them without a
	// grant. Those of Kubernetes and of this system can never be used. The usual names of well-known components need
	// not be listed: cert-manager, monitoring, ingress-nginx, istio-system, flux-system and others, and all that begin
	// with openshift- or cattle-, are reserved on every cluster. A product that used one of those before keeps it.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=200
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	ReservedNamespaces []string `json:"reservedNamespaces,omitempty"`
	// ReservedNamespacesAllowedProducts grants reserved namespaces: the key is a namespace, the value lists products by
	// resource name (product-7) or by group path. A path is pinned to the product that it named when the grant was
	// first seen.
	// +optional
	// +kubebuilder:validation:MaxProperties=200
	// +kubebuilder:validation:XValidation:rule="self.all(k, k.size() > 0 && k.size() <= 63 && self[k].size() <= 500)",message="a grant names a namespace of at most 63 characters and at most 500 products"
	ReservedNamespacesAllowedProducts map[string][]string `json:"reservedNamespacesAllowedProducts,omitempty"`
	// ProductAllowedClusterResources grants cluster-scoped kinds: the key is a product, by resource name or by group
	// path, the value lists at most 100 kinds. Without a grant a product may deploy no cluster-scoped object. Kinds by
	// which a product would reach beyond its own namespaces cannot be granted: Namespace, and those of RBAC, of
	// admission and of API aggregation. Example: product-7: [{group: scheduling.k8s.io, kind: PriorityClass}].
	// +optional
	// +kubebuilder:validation:MaxProperties=200
	// +kubebuilder:validation:XValidation:rule="self.all(k, k.size() > 0 && k.size() <= 255)",message="a grant names a product of at most 255 characters"
	ProductAllowedClusterResources map[string]GroupKinds `json:"productAllowedClusterResources,omitempty"`
	// AllowedProducts lists the products, by resource name or by group path, that may deploy to the cluster. Empty
	// means all.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=500
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=255
	AllowedProducts []string `json:"allowedProducts,omitempty"`
	// ProductLimits bound how many namespaces and runtimes one product may have on the cluster: quotas of the
	// namespaceTemplate count per namespace, and say nothing as long as there may be any number of them.
	// +optional
	ProductLimits *ProductLimits `json:"productLimits,omitempty"`
	// NamespaceTemplate says what the namespaces look like that are made for products on the cluster.
	// +optional
	NamespaceTemplate *NamespaceTemplate `json:"namespaceTemplate,omitempty"`
}

// PinnedProduct remembers which product a path in a grant named when the grant was first seen, so that a later rename
// in GitLab cannot take the grant over.
type PinnedProduct struct {
	// Path is the group path as it stands in the spec.
	Path string `json:"path"`
	// Product is the resource name, such as product-7.
	Product string `json:"product"`
}

// ClusterStatus says what the operator knows of a cluster.
type ClusterStatus struct {
	// ObservedGeneration is the generation of the spec that this status speaks of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Conditions; Ready says whether the cluster answers and is registered with Argo CD.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// Version is what the cluster's API server answers, such as v1.33.1.
	// +optional
	Version string `json:"version,omitempty"`
	// UID is the identity of the cluster: the UID of its kube-system namespace, pinned when it was first reached.
	// +optional
	UID string `json:"uid,omitempty"`
	// PinnedProducts maps the group paths of the spec's grants to products.
	// +optional
	// +listType=map
	// +listMapKey=path
	PinnedProducts []PinnedProduct `json:"pinnedProducts,omitempty"`
}

// Cluster is a Kubernetes cluster that the platform team registered, in the system namespace.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=clusters,categories=nautes
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Usage",type=string,JSONPath=`.spec.usage`
// +kubebuilder:printcolumn:name="Worker",type=string,JSONPath=`.spec.workerType`
// +kubebuilder:printcolumn:name="Version",type=string,JSONPath=`.status.version`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Server",type=string,priority=1,JSONPath=`.spec.apiServer`
// +kubebuilder:printcolumn:name="UID",type=string,priority=1,JSONPath=`.status.uid`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.matches('^[a-z0-9]([-a-z0-9]{0,52}[a-z0-9])?$')",message="the name must be a DNS label of at most 54 characters: lower-case letters, digits and -"
type Cluster struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   ClusterSpec   `json:"spec"`
	Status ClusterStatus `json:"status,omitempty"`
}

// ClusterList is a list of Clusters.
// +kubebuilder:object:root=true
type ClusterList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Cluster `json:"items"`
}

// KubeconfigSecret returns name and key of the Secret that holds the kubeconfig, with the defaults applied.
func (c *Cluster) KubeconfigSecret() (name, key string) {
	name, key = c.Name+"-kubeconfig", "value"
	if ref := c.Spec.KubeconfigSecretRef; ref != nil {
		name = ref.Name
		if ref.Key != "" {
			key = ref.Key
		}
	}
	return name, key
}

// GetConditions returns the conditions of the status.
func (c *Cluster) GetConditions() []metav1.Condition { return c.Status.Conditions }
