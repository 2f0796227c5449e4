// Package identity makes and parses the names of this system: of products, of code repos, and of objects that are made
// for them. No other package makes or parses these names. It is pure.
package identity

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

const (
	// DefaultProject is the path, within the group of a product, of the repository that holds its resources.
	DefaultProject = "default.project"
	// Branch is the only branch of default.project that counts.
	Branch = "main"

	// ProductPrefix begins the name of every product, and of its namespace.
	ProductPrefix = "product-"
	// CodeRepoPrefix begins the name of every code repo.
	CodeRepoPrefix = "repo-"

	streamPrefix      = "stream-"
	credentialsSuffix = "-git"
)

// Product returns the name of the product for a group of the git host.
func Product(group int64) string { return withNumber(ProductPrefix, group) }

// GroupOf returns the id of the product's group. ok is false for a text that is no name of a product.
func GroupOf(product string) (group int64, ok bool) { return numberIn(product, ProductPrefix) }

// CodeRepo returns the name of the code repo for a project of the git host.
func CodeRepo(project int64) string { return withNumber(CodeRepoPrefix, project) }

// ProjectOf returns the id of the code repo's project. ok is false for a text that is no name of a code repo.
func ProjectOf(codeRepo string) (project int64, ok bool) { return numberIn(codeRepo, CodeRepoPrefix) }

// SplitCodeRepo returns the owner and the name of the code repo that a product refers to, such as product-9/repo-5. A
// reference without an owner names a code repo of the product itself.
func SplitCodeRepo(product, reference string) (owner, name string) {
	if owner, name, qualified := strings.Cut(reference, "/"); qualified {
		return owner, name
	}
	return product, reference
}

// JoinCodeRepo returns a product's reference to a code repo. The reference names the owner if that is another product.
func JoinCodeRepo(product, owner, name string) string {
	if owner == product {
		return name
	}
	return owner + "/" + name
}

// CodeRepoOf returns the owner and the name of the code repo that a runtime is deployed from.
func CodeRepoOf(r *api.DeploymentRuntime) (owner, name string) {
	return SplitCodeRepo(r.Namespace, r.Spec.ManifestSource.CodeRepo)
}

const (
	// maxApplication is the longest name: Argo CD takes it as the name of the release of a Helm chart, which has at most
	// 53 characters.
	maxApplication = 53
	// maxEarlierApplication was the longest name before, because it is also the value of a label.
	maxEarlierApplication = 63
)

// Application returns the name of a new Application of a runtime. Different runtimes have different names: the hash
// covers the lengths too, so that ("a-b", "c") and ("a", "b-c") differ.
func Application(namespace, name string) string { return application(namespace, name, maxApplication) }

// Applications returns the names that the Application of a runtime may have, that of a new one first. One that is there
// keeps its name for ever: the objects that it deployed carry it.
func Applications(namespace, name string) []string {
	return slices.Compact([]string{Application(namespace, name),
		application(namespace, name, maxEarlierApplication)})
}

func application(namespace, name string, longest int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d:%s%d:%s", len(namespace), namespace, len(name), name))
	suffix := "-" + hex.EncodeToString(sum[:5])
	prefix := namespace + "-" + name
	if room := longest - len(suffix); len(prefix) > room {
		prefix = strings.TrimRight(prefix[:room], "-.")
	}
	return prefix + suffix
}

// AppProject returns the name of the AppProject of a product's runtimes.
func AppProject(product string) string { return product }

// Stream returns the name of the Application that syncs the product's default.project, and of its AppProject. Its
// prefix differs from that of products, so it is never the name of the AppProject of a product's runtimes.
func Stream(product string) string { return streamPrefix + product }

// Credentials returns the name of the Secret with which Argo CD reads the product's repositories.
func Credentials(product string) string { return product + credentialsSuffix }

// ProductOfCredentials returns the product of such a Secret. ok is false for any other name.
func ProductOfCredentials(secret string) (product string, ok bool) {
	if product, ok = strings.CutSuffix(secret, credentialsSuffix); !ok || product == "" {
		return "", false
	}
	return product, true
}

func withNumber(prefix string, id int64) string { return prefix + strconv.FormatInt(id, 10) }

// numberIn returns the number after the prefix. ok is false for a number that withNumber would write differently, such
// as 007.
func numberIn(name, prefix string) (int64, bool) {
	digits, found := strings.CutPrefix(name, prefix)
	id, err := strconv.ParseInt(digits, 10, 64)
	if !found || err != nil || id <= 0 || strconv.FormatInt(id, 10) != digits {
		return 0, false
	}
	return id, true
}

// Owner returns the value of api.AnnotationOwner: the object that something was made for, and the installation that
// made it. What was made for a product as a whole names no namespace.
func Owner(kind, namespace, name, instance string) string {
	return strings.Join([]string{kind, namespace, name, instance}, "/")
}

// OwningCodeRepo returns the code repo that an owner names. ok is false for any other owner.
func OwningCodeRepo(owner string) (namespace, name string, ok bool) {
	parts := strings.Split(owner, "/")
	if len(parts) != 4 || parts[0] != "CodeRepo" {
		return "", "", false
	}
	return parts[1], parts[2], true
}

// Initiator is the name that Argo CD shows for syncs that the operator requests.
const Initiator = "nautes-operator"
