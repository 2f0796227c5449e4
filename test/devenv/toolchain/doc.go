// Package toolchain provides the server binaries of a test environment: etcd, Kubernetes, kwok and Argo CD.
//
// Go modules below hack/tools pin the servers. Servers that can share their libraries share a module. They are built
// with the Go toolchain at hand, once per machine: results live in the user's cache directory under a key made of
// everything that determines them, so that a second clone, and every package of a test run, finds them there. Builds
// are guarded by a lock between processes.
//
// Binaries that the user already has win over a build when they fit: KUBEBUILDER_ASSETS first, then PATH.
package toolchain
