package githosts

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// IsFor says whether the credentials of a Secret may be sent to a URL: its key url, where it has one, is what the URL
// must lie below. One that is blank was meant for some host, and nobody knows for which: it fits none.
func IsFor(secret *corev1.Secret, url string) bool {
	of := secret.Data["url"]
	base := strings.TrimSuffix(strings.TrimSpace(string(of)), "/")
	return len(of) == 0 || base != "" && strings.HasPrefix(url, base+"/")
}

// CredentialsFor takes from a Secret what the scheme of the URL needs.
func CredentialsFor(url string, secret *corev1.Secret) (map[string][]byte, *problem.Problem) {
	if !IsFor(secret, url) {
		return nil, problem.New(problem.Invalid, api.ReasonCredentialsInvalid,
			"Secret %q is for repositories below %q only, and %s is not: correct its key url, or name another Secret",
			secret.Name, secret.Data["url"], url)
	}
	keys := []string{"username", "password"}
	if !strings.HasPrefix(url, "https://") && !strings.HasPrefix(url, "http://") {
		keys = []string{"sshPrivateKey"}
	}
	credentials := map[string][]byte{}
	for _, key := range keys {
		credentials[key] = secret.Data[key]
		if key != "sshPrivateKey" { // a Secret that is made from a file ends with the line break of the file
			credentials[key] = bytes.TrimRight(credentials[key], "\r\n")
		}
		if len(credentials[key]) == 0 {
			return nil, problem.New(problem.Invalid, api.ReasonCredentialsInvalid,
				"Secret %q has no key %s, which a code repo at %s needs: ask the platform team to add it", secret.Name,
				key, url)
		}
	}
	return credentials, nil
}

// RepositorySecret returns the name of the Secret by which the AppProject of a product reads a code repo at a URL.
// Different ones have different names: the hash covers the lengths too.
func RepositorySecret(repo client.ObjectKey, product, url string) string {
	hash := sha256.New()
	for _, part := range []string{repo.Namespace, repo.Name, product, url} {
		fmt.Fprintf(hash, "%d:%s", len(part), part)
	}
	return "repo-" + hex.EncodeToString(hash.Sum(nil))[:20]
}

// LentCredentials returns the name of the Secret that holds the credentials with which other products read a code repo.
// The names of code repos are free text: the hash keeps them apart, and within what a name may be.
func LentCredentials(repo client.ObjectKey) string {
	return "lent-" + RepositorySecret(repo, "", "")
}
