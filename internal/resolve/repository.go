package resolve

import (
	"context"
	"fmt"
	"slices"
	"strings"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// RepoURL returns the clone URL of a code repo: spec.url, or else <provider's
// httpAddress>/<productPath>/<repoName>.git. productPath is the path of the product's group. The URL must be canonical.
// It must lie below productPath at the provider's httpAddress or sshAddress, so that a product reaches only its own
// repositories.
func RepoURL(provider *api.CodeRepoProvider, productPath string, repo *api.CodeRepo) (string, *problem.Problem) {
	group, err := parsePath(productPath)
	if err != nil {
		return "", problem.New(problem.Invalid, api.ReasonRepoOutsideProduct,
			"the product's path %q cannot be part of a clone URL: %v", productPath, err)
	}
	bases, p := providerBases(provider)
	if p != nil {
		return "", problem.New(problem.Invalid, api.ReasonInvalid, "code repo provider %q cannot be used: %s",
			provider.Name, p.Message)
	}
	url := repo.Spec.URL
	if url == "" {
		url = strings.TrimSuffix(provider.Spec.HTTPAddress, "/") + "/" + productPath + "/" + repo.Spec.RepoName + ".git"
	}
	target, err := parseAddress(url)
	if err != nil {
		return "",
			problem.New(problem.Invalid, api.ReasonRepoOutsideProduct, "the clone URL %q cannot be used: %v", url, err)
	}
	for _, base := range bases {
		if target.within(base.below(group)) && !target.isOnlySuffix() {
			return url, nil
		}
	}
	return "", problem.New(problem.Forbidden, api.ReasonRepoOutsideProduct,
		"the clone URL %q does not lie below %s: a code repo must lie in the group of its product at its code repo "+
			"provider; correct spec.url or spec.repoName",
		url, describe(provider, productPath))
}

// ProjectPath returns the full path of the project with a clone URL from RepoURL, and "" for any other URL.
func ProjectPath(provider *api.CodeRepoProvider, url string) string {
	target, err := parseAddress(url)
	bases, p := providerBases(provider)
	if err != nil || p != nil {
		return ""
	}
	for _, base := range bases {
		if target.within(base) {
			return strings.TrimSuffix(strings.Join(target.path[len(base.path):], "/"), ".git")
		}
	}
	return ""
}

// OtherHost reports that the provider of a code repo is another git host than the one of the product, where the same
// path may belong to others. A product that was made by hand has no git host of its own.
func OtherHost(ctx context.Context, l Lookup, product *api.Product,
	provider *api.CodeRepoProvider) (*problem.Problem, error) {
	label := product.Labels[api.LabelProvider]
	if label == "" {
		return nil, nil
	}
	source, err := Get[api.ProductProvider](ctx, l, "", label)
	if err != nil || source == nil || source.Spec.Name == provider.Name {
		return nil, err // without its provider a product keeps the code repos that it has
	}
	own, err := Get[api.CodeRepoProvider](ctx, l, "", source.Spec.Name)
	if err != nil {
		return nil, err
	}
	if own == nil ||
		strings.TrimSuffix(own.Spec.HTTPAddress, "/") == strings.TrimSuffix(provider.Spec.HTTPAddress, "/") {
		return nil, nil // the same git host under another name
	}
	return problem.New(problem.Forbidden, api.ReasonRepoOutsideProduct,
		"code repo provider %q is another git host than the one that the product comes from: name code repo provider "+
			"%q in spec.codeRepoProvider", provider.Name, own.Name).
		At("spec.codeRepoProvider"), nil
}

// MayLieIn says whether a clone URL that was permitted once still is. If the provider's addresses cannot be read, it
// only checks that the URL contains the product's path.
func MayLieIn(provider *api.CodeRepoProvider, productPath, url string) bool {
	if provider != nil && len(ProviderAddresses(provider)) == 0 {
		_, refused := RepoURL(provider, productPath, &api.CodeRepo{Spec: api.CodeRepoSpec{URL: url}})
		return refused == nil
	}
	group, err := parsePath(productPath)
	if err != nil {
		return false
	}
	at, err := parseAddress(url)
	if err != nil {
		return false
	}
	for i := range len(at.path) - len(group) {
		if slices.Equal(at.path[i:i+len(group)], group) {
			return true
		}
	}
	return false
}

// ProviderAddresses reports what is wrong with the addresses of a provider.
func ProviderAddresses(provider *api.CodeRepoProvider) []*problem.Problem {
	var wrong []*problem.Problem
	if _, p := httpBase(provider); p != nil {
		wrong = append(wrong, p)
	}
	if _, p := sshBaseOf(provider); p != nil {
		wrong = append(wrong, p)
	}
	if provider.Spec.APIServer == "" {
		return wrong
	}
	if _, err := parseBase(provider.Spec.APIServer, "http", "https"); err != nil {
		wrong = append(wrong, invalidAddress("apiServer", provider.Spec.APIServer, err))
	}
	return wrong
}

// providerBases returns the addresses below which the provider's repositories lie.
func providerBases(provider *api.CodeRepoProvider) ([]address, *problem.Problem) {
	http, p := httpBase(provider)
	if p != nil {
		return nil, p
	}
	if provider.Spec.SSHAddress == "" {
		return []address{http}, nil
	}
	ssh, p := sshBaseOf(provider)
	if p != nil {
		return nil, p
	}
	return []address{http, ssh}, nil
}

func httpBase(provider *api.CodeRepoProvider) (address, *problem.Problem) {
	base, err := parseBase(provider.Spec.HTTPAddress, "http", "https")
	if err != nil {
		return address{}, invalidAddress("httpAddress", provider.Spec.HTTPAddress, err)
	}
	return base, nil
}

// sshBaseOf returns the ssh address of a provider, or the zero address if it has none.
func sshBaseOf(provider *api.CodeRepoProvider) (address, *problem.Problem) {
	if provider.Spec.SSHAddress == "" {
		return address{}, nil
	}
	base, err := parseBase(sshBase(provider.Spec.SSHAddress), "ssh")
	if err != nil {
		return address{}, invalidAddress("sshAddress", provider.Spec.SSHAddress, err)
	}
	return base, nil
}

// sshBase reads git@host and git@host: as ssh://git@host.
func sshBase(s string) string {
	if strings.Contains(s, "://") {
		return s
	}
	host, path, _ := strings.Cut(s, ":")
	if path == "" {
		return "ssh://" + host
	}
	return "ssh://" + host + "/" + path
}

// parseBase reads the address of a provider, with or without a / at its end.
func parseBase(s string, schemes ...string) (address, error) {
	a, err := parseAddress(strings.TrimSuffix(s, "/"))
	if err != nil {
		return address{}, err
	}
	for _, scheme := range schemes {
		if a.scheme == scheme {
			return a, nil
		}
	}
	return address{}, fmt.Errorf("it must begin with %s://", strings.Join(schemes, ":// or "))
}

func invalidAddress(field, value string, err error) *problem.Problem {
	return problem.New(problem.Invalid, api.ReasonInvalid, "spec.%s %q is not a canonical address: %v", field, value,
		err).At("spec." + field)
}

// isOnlySuffix says whether the last segment is only ".git", so that the repository has no name.
func (a address) isOnlySuffix() bool {
	return len(a.path) > 0 && a.path[len(a.path)-1] == ".git"
}

func describe(provider *api.CodeRepoProvider, productPath string) string {
	where := strings.TrimSuffix(provider.Spec.HTTPAddress, "/") + "/" + productPath + "/"
	if provider.Spec.SSHAddress != "" {
		where += " or " + strings.TrimSuffix(sshBase(provider.Spec.SSHAddress), "/") + "/" + productPath + "/"
	}
	return where
}
