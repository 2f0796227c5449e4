package toolchain

import (
	"fmt"
	"slices"
	"strings"
)

// Tool names a server binary.
type Tool string

// The tools that are not versioned by the caller. See ArgoCD for the others.
const (
	Etcd                  Tool = "etcd"
	KubeAPIServer         Tool = "kube-apiserver"
	KubeControllerManager Tool = "kube-controller-manager"
	KubeScheduler         Tool = "kube-scheduler"
	Kubectl               Tool = "kubectl"
	Helm                  Tool = "helm"
	Kustomize             Tool = "kustomize"
	Kwok                  Tool = "kwok"
	// ApplicationSet is Argo CD's ApplicationSet controller, which no environment runs: it is the yardstick of a
	// benchmark.
	ApplicationSet Tool = "applicationset"
	// Prometheus and Promtool try our alerts and dashboards.
	Prometheus Tool = "prometheus"
	Promtool   Tool = "promtool"
)

const (
	// ArgoCDVersion is the version of Argo CD that is used unless somebody asks for another.
	ArgoCDVersion = "3.5.7"
	// ArgoCDVersionV2 is the newest version of the previous major.
	ArgoCDVersionV2 = "2.14.21"
	// ArgoCDVersionV32 is one in between, for `make matrix`.
	ArgoCDVersionV32 = "3.2.11"
)

// ArgoCDVersions lists the versions that ArgoCD accepts.
func ArgoCDVersions() []string { return []string{ArgoCDVersion, ArgoCDVersionV32, ArgoCDVersionV2} }

// ArgoCD returns the tool for a version of Argo CD. One binary holds its programs: the environment variable
// ARGOCD_BINARY_NAME tells it which one to be. A binary that is built holds only those that an environment starts.
func ArgoCD(version string) (Tool, error) {
	if !slices.Contains(ArgoCDVersions(), version) {
		return "", fmt.Errorf("no Argo CD %q: there are %s", version, strings.Join(ArgoCDVersions(), ", "))
	}
	return Tool("argocd-" + version), nil
}

// module is a Go module below hack/tools. It pins servers that share their packages, so that each package is compiled
// once.
type module struct {
	// dir is its directory below hack/tools.
	dir string
	// server is the path of the module that holds the server's source. Its version is shown to people.
	server string
	// tags leave out what the servers have and no test needs.
	tags string
	// stamp sets string variables at link time: variable -> module whose version it gets.
	stamp map[string]string
	// assets are files that are copied out of a module's source.
	assets assets
}

// assets are files of a Go module: glob -> directory inside the cache entry.
type assets struct {
	module string
	files  map[string]string
}

// tool says where a binary comes from.
type tool struct {
	module string
	pkg    string
	// found is nil for a tool that nobody has.
	found *existing
}

func modules() map[string]module {
	return map[string]module{
		"kubernetes": {
			dir: "kubernetes", server: "k8s.io/kubernetes",
			stamp: map[string]string{
				"k8s.io/component-base/version.gitVersion": "k8s.io/kubernetes",
				"sigs.k8s.io/kwok/pkg/consts.Version":      "sigs.k8s.io/kwok",
			},
			assets: assets{module: "sigs.k8s.io/kwok", files: map[string]string{
				"kustomize/stage/node/fast/*.yaml":                 "stages",
				"kustomize/stage/node/heartbeat-with-lease/*.yaml": "stages",
				"kustomize/stage/pod/fast/*.yaml":                  "stages",
			}},
		},
		"argocd-v3":   argoCDModule("argocd-v3", "github.com/argoproj/argo-cd/v3"),
		"argocd-v3.2": argoCDModule("argocd-v3.2", "github.com/argoproj/argo-cd/v3"),
		"argocd-v2":   argoCDModule("argocd-v2", "github.com/argoproj/argo-cd/v2"),
		"applicationset": {
			dir: "applicationset", server: "github.com/argoproj/argo-cd/v3",
			stamp: map[string]string{"github.com/argoproj/argo-cd/v3/common.version": "github.com/argoproj/argo-cd/v3"},
		},
		// Without the clients of some twenty clouds, where it would look for targets.
		"prometheus": {dir: "prometheus", server: prometheusModule, tags: "remove_all_sd"},
	}
}

const prometheusModule = "github.com/prometheus/prometheus"

func argoCDModule(dir, server string) module {
	return module{
		dir: dir, server: server,
		stamp: map[string]string{server + "/common.version": server},
		assets: assets{module: server, files: map[string]string{
			"manifests/crds/*-crd.yaml":           "crds",
			"manifests/base/config/argocd-*.yaml": "config",
			"manifests/base/application-controller/argocd-application-controller-statefulset.*": "workloads",
			"manifests/base/repo-server/argocd-repo-server-deployment.*":                        "workloads",
			"hack/*-wrapper.sh": "programs",
		}},
	}
}

func tools() map[Tool]tool {
	kubernetes := func(name Tool, found *existing) tool {
		return tool{module: "kubernetes", pkg: "k8s.io/kubernetes/cmd/" + string(name), found: found}
	}
	argoCD := func(dir, version string) tool {
		return tool{
			module: dir,
			pkg:    "github.com/nautes-labs/deployment-runtime/hack/tools/" + dir,
			found:  &existing{file: "argocd", args: []string{"version", "--client", "--short"}, fits: exactly(version)},
		}
	}
	return map[Tool]tool{
		Etcd: {
			module: "kubernetes", pkg: "go.etcd.io/etcd/server/v3",
			found: &existing{file: "etcd", args: []string{"--version"}, fits: atLeast(3, 5), asset: true},
		},
		KubeAPIServer: kubernetes(KubeAPIServer,
			&existing{file: "kube-apiserver", args: []string{"--version"}, fits: atLeast(1, 30), asset: true}),
		// These two must not be newer than the API server, so they come with it from hack/tools or with it from PATH.
		KubeControllerManager: kubernetes(KubeControllerManager,
			&existing{file: "kube-controller-manager", args: []string{"--version"}, fits: atLeast(1, 30)}),
		KubeScheduler: kubernetes(KubeScheduler,
			&existing{file: "kube-scheduler", args: []string{"--version"}, fits: atLeast(1, 30)}),
		Kubectl: kubernetes(Kubectl,
			&existing{file: "kubectl", args: []string{"version", "--client"}, fits: atLeast(1, 30), asset: true}),
		// kubectl contains kustomize as a library, so that their modules agree.
		Kustomize: {
			module: "kubernetes", pkg: "sigs.k8s.io/kustomize/kustomize/v5",
			found: &existing{file: "kustomize", args: []string{"version"}, fits: atLeast(5, 0)},
		},
		Helm: {
			module: "kubernetes", pkg: "helm.sh/helm/v3/cmd/helm",
			found: &existing{file: "helm", args: []string{"version", "--short"}, fits: atLeast(3, 14)},
		},
		Kwok: {
			module: "kubernetes", pkg: "sigs.k8s.io/kwok/cmd/kwok",
			found: &existing{file: "kwok", args: []string{"--version"}, fits: atLeast(0, 7)},
		},
		ApplicationSet: {
			module: "applicationset",
			pkg:    "github.com/nautes-labs/deployment-runtime/hack/tools/applicationset",
		},
		Prometheus: {
			module: "prometheus", pkg: prometheusModule + "/cmd/prometheus",
			found: &existing{file: "prometheus", args: []string{"--version"}, fits: atLeast(3, 0)},
		},
		Promtool: {
			module: "prometheus", pkg: prometheusModule + "/cmd/promtool",
			found: &existing{file: "promtool", args: []string{"--version"}, fits: atLeast(3, 0)},
		},
		Tool("argocd-" + ArgoCDVersion):    argoCD("argocd-v3", ArgoCDVersion),
		Tool("argocd-" + ArgoCDVersionV32): argoCD("argocd-v3.2", ArgoCDVersionV32),
		Tool("argocd-" + ArgoCDVersionV2):  argoCD("argocd-v2", ArgoCDVersionV2),
	}
}
