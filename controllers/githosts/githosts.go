// Package githosts reaches git hosts with the tokens of their providers, and knows the names by which products and code
// repos stand for groups and projects there.
package githosts

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/githost/gitlab"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/secret"
)

// The keys of the Secret that a CodeRepoProvider names.
const (
	providerToken = "token"
	// providerCA is optional: the CA certificates, in PEM, that the git host's own one is signed by.
	providerCA = "ca.crt"
)

const (
	// hostRetry is how soon a git host is asked again that did not answer, or did not know the provider's token.
	hostRetry = 30 * time.Second
	// RefusalRetry is how soon it is asked again what it refused: nothing here says when a person changed that there.
	RefusalRetry = 5 * time.Minute
)

// Hosts gives access to git hosts with the tokens of their providers. An error is a *problem.Problem when a person can
// do something about it.
type Hosts interface {
	Host(ctx context.Context, provider *api.CodeRepoProvider) (githost.Host, secret.Token, error)
}

// OfProviders reads the tokens from the Secrets of the system namespace, at every use: a token that is replaced counts
// at once.
type OfProviders struct {
	client          client.Reader
	systemNamespace string

	mu sync.Mutex
	// hosts by address and CA: they keep connections, and nothing else.
	hosts map[string]githost.Host
}

// New returns the git hosts of the providers in a namespace.
func New(c client.Reader, systemNamespace string) *OfProviders {
	return &OfProviders{client: c, systemNamespace: systemNamespace, hosts: map[string]githost.Host{}}
}

// Host returns the git host of a provider, and the provider's token.
func (h *OfProviders) Host(ctx context.Context, provider *api.CodeRepoProvider) (githost.Host, secret.Token, error) {
	var none secret.Token
	ref := provider.Spec.CredentialsSecretRef
	if ref == nil {
		return nil, none, problem.New(problem.Missing, api.ReasonNotConfigured,
			"code repo provider %q has no spec.credentialsSecretRef: without a token of the git host nothing is "+
				"looked up or made there", provider.Name)
	}
	var stored corev1.Secret
	err := h.client.Get(ctx, client.ObjectKey{Namespace: h.systemNamespace, Name: ref.Name}, &stored)
	switch {
	case apierrors.IsNotFound(err):
		return nil, none, problem.New(problem.Missing, api.ReasonCredentialsNotFound,
			"namespace %s has no Secret %q, which code repo provider %q names: create it with the key %s",
			h.systemNamespace, ref.Name, provider.Name, providerToken)
	case err != nil:
		return nil, none, fmt.Errorf("reading the credentials of code repo provider %s: %w", provider.Name, err)
	case stored.Labels[api.LabelProduct] != "":
		return nil, none, problem.New(problem.Invalid, api.ReasonCredentialsInvalid,
			"Secret %q belongs to a product: the token of code repo provider %q needs a Secret of its own", ref.Name,
			provider.Name)
	case len(stored.Data[providerToken]) == 0:
		return nil, none, problem.New(problem.Invalid, api.ReasonCredentialsInvalid,
			"Secret %q has no key %s, which code repo provider %q needs: add it", ref.Name, providerToken,
			provider.Name)
	}
	host, err := h.at(provider, stored.Data[providerCA])
	return host, secret.New(strings.TrimSpace(string(stored.Data[providerToken]))), err
}

// at returns the host at the address of the provider.
func (h *OfProviders) at(provider *api.CodeRepoProvider, ca []byte) (githost.Host, error) {
	address := provider.Spec.APIServer
	if address == "" {
		address = provider.Spec.HTTPAddress
	}
	key := fmt.Sprintf("%s %x", address, sha256.Sum256(ca))
	h.mu.Lock()
	defer h.mu.Unlock()
	if host, known := h.hosts[key]; known {
		return host, nil
	}
	var roots *x509.CertPool
	if len(ca) > 0 {
		roots = x509.NewCertPool()
		if !roots.AppendCertsFromPEM(ca) {
			return nil, problem.New(problem.Invalid, api.ReasonCredentialsInvalid,
				"key %s of the Secret of code repo provider %q holds no certificate in PEM", providerCA, provider.Name)
		}
	}
	host, err := gitlab.New(gitlab.Options{URL: address, HTTP: &http.Client{Transport: gitlab.NewTransport(roots)}})
	if err != nil {
		return nil, problem.New(problem.Invalid, api.ReasonInvalid,
			"spec.apiServer of code repo provider %q cannot be used: %s", provider.Name, err)
	}
	h.hosts[key] = host
	return host, nil
}

// Trouble says what a failed call to a git host means for the provider whose token was used.
func Trouble(err error, provider string) error {
	p := problem.As(err)
	if p == nil {
		return err
	}
	trouble := func(reason, format string, after time.Duration) error {
		return problem.New(problem.Unavailable, reason, format, provider, p.Message).Because(p.Cause).RetryAfter(after)
	}
	switch p.Class {
	case problem.Unauthenticated:
		return trouble(api.ReasonCredentialsInvalid,
			"the git host of code repo provider %q does not know the provider's token: %s", hostRetry)
	case problem.Forbidden:
		return trouble(api.ReasonCredentialsInvalid,
			"the git host of code repo provider %q refuses the provider's token: %s", RefusalRetry)
	case problem.Unavailable, problem.RateLimited:
		return trouble(api.ReasonUnreachable, "the git host of code repo provider %q cannot be asked: %s",
			max(p.After, hostRetry))
	case problem.Missing: // what is asked for is there in every GitLab, unless the caller judges that itself
		return trouble(api.ReasonUnreachable, "the git host of code repo provider %q does not have what a GitLab has, "+
			"check its address: %s", RefusalRetry)
	default:
		return trouble(api.ReasonWriteRefused, "the git host of code repo provider %q refuses what it is asked for: %s",
			RefusalRetry)
	}
}
