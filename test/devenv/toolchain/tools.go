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
	Kustomize             Tool = "kustomize"
	Kwok                  Tool = "kwok"
)

const (
	// ArgoCDVersion is the version of Argo CD that is used unless somebody asks for another.
	ArgoCDVersion = "3.2.11"
	// ArgoCDVersionV2 is the newest version of the previous major.
	ArgoCDVersionV2 = "2.14.21"
)

// ArgoCDVersions lists the versions that ArgoCD accepts.
func ArgoCDVersions() []string { return []string{ArgoCDVersion, ArgoCDVersionV2} }

// ArgoCD returns the tool for a version of Argo CD. One binary is all of its programs: the environment variable
// ARGOCD_BINARY_NAME tells it which one to be.
func ArgoCD(version string) (Tool, error) {
	if !slices.Contains(ArgoCDVersions(), version) {
		return "", fmt.Errorf("no Argo CD %q: there are %s", version, strings.Join(ArgoCDVersions(), ", "))
	}
	return Tool("argocd-" + version), nil
}

// module is a Go module below hack/tools that pins one server.
type module struct {
	// dir is its directory below hack/tools.
	dir string
	// server is the path of the module that holds the server's source.
	server string
	// stamp lists the string variables that are set to the server's version at link time.
	stamp []string
	// assets copies files out of the server's source: glob -> directory inside the cache entry.
	assets map[string]string
}

// tool says where a binary comes from.
type tool struct {
	module string
	pkg    string
	found  *existing
}

func modules() map[string]module {
	return map[string]module{
		"etcd": {dir: "etcd", server: "go.etcd.io/etcd/server/v3"},
		"kubernetes": {
			dir: "kubernetes", server: "k8s.io/kubernetes",
			stamp: []string{"k8s.io/component-base/version.gitVersion"},
		},
		"kwok": {
			dir: "kwok", server: "sigs.k8s.io/kwok",
			stamp: []string{"sigs.k8s.io/kwok/pkg/consts.Version"},
			assets: map[string]string{
				"kustomize/stage/node/fast/*.yaml":                 "stages",
				"kustomize/stage/node/heartbeat-with-lease/*.yaml": "stages",
				"kustomize/stage/pod/fast/*.yaml":                  "stages",
			},
		},
		"argocd-v3": argoCDModule("argocd-v3", "github.com/argoproj/argo-cd/v3"),
		"argocd-v2": argoCDModule("argocd-v2", "github.com/argoproj/argo-cd/v2"),
	}
}

func argoCDModule(dir, server string) module {
	return module{
		dir: dir, server: server,
		stamp: []string{server + "/common.version"},
		assets: map[string]string{
			"manifests/crds/*-crd.yaml":           "crds",
			"manifests/base/config/argocd-*.yaml": "config",
			"manifests/base/application-controller/argocd-application-controller-statefulset.*": "workloads",
			"manifests/base/repo-server/argocd-repo-server-deployment.*":                        "workloads",
		},
	}
}

func tools() map[Tool]tool {
	kubernetes := func(name Tool, found *existing) tool {
		return tool{module: "kubernetes", pkg: "k8s.io/kubernetes/cmd/" + string(name), found: found}
	}
	argoCD := func(major int, version string) tool {
		return tool{
			module: fmt.Sprintf("argocd-v%d", major),
			pkg:    fmt.Sprintf("github.com/argoproj/argo-cd/v%d/cmd", major),
			found:  &existing{file: "argocd", args: []string{"version", "--client", "--short"}, fits: exactly(version)},
		}
	}
	return map[Tool]tool{
		Etcd: {
			module: "etcd", pkg: "go.etcd.io/etcd/server/v3",
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
		Kwok: {
			module: "kwok", pkg: "sigs.k8s.io/kwok/cmd/kwok",
			found: &existing{file: "kwok", args: []string{"--version"}, fits: atLeast(0, 7)},
		},
		Tool("argocd-" + ArgoCDVersion):   argoCD(3, ArgoCDVersion),
		Tool("argocd-" + ArgoCDVersionV2): argoCD(2, ArgoCDVersionV2),
	}
}
