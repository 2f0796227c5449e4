package apis

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

func codeRepoRules() []rule {
	with := func(name, url string) *api.CodeRepo {
		return &api.CodeRepo{
			ObjectMeta: metav1.ObjectMeta{Name: "repo-3"},
			Spec:       api.CodeRepoSpec{CodeRepoProvider: "gitlab", Product: "product-7", RepoName: name, URL: url},
		}
	}
	const url = "https://gitlab.example.com/nautes-labs/api-server.git"
	return []rule{
		dnsLabel(with("api-server", "")),
		{
			message:  "either repoName or url is needed",
			accepted: []client.Object{with("api-server", ""), with("", url), with("api-server", url)},
			refused:  []client.Object{with("", "")},
		},
	}
}

func codeRepoBindingRules() []rule {
	return []rule{dnsLabel(&api.CodeRepoBinding{
		Spec: api.CodeRepoBindingSpec{CodeRepo: "repo-3", Product: "product-8", Permissions: "readonly"},
	})}
}

func codeRepoProviderRules() []rule {
	return []rule{dnsLabel(&api.CodeRepoProvider{
		Spec: api.CodeRepoProviderSpec{HTTPAddress: "https://gitlab.example.com", ProviderType: "gitlab"},
	})}
}

func environmentRules() []rule {
	return []rule{dnsLabel(&api.Environment{
		Spec: api.EnvironmentSpec{Product: "product-7", Cluster: "worker-1", EnvType: "dev"},
	})}
}

func projectRules() []rule {
	return []rule{dnsLabel(&api.Project{Spec: api.ProjectSpec{Product: "product-7"}})}
}

func productProviderRules() []rule {
	return []rule{dnsLabel(&api.ProductProvider{Spec: api.ProductProviderSpec{Type: "coderepo", Name: "gitlab"}})}
}

func productRules() []rule {
	product := &api.Product{Spec: api.ProductSpec{Name: "nautes-labs"}}
	return []rule{{
		message:  "the name must be product-<group id>",
		accepted: named(product, "product-7", "product-a-b", "product-"+strings.Repeat("a", 46)),
		refused:  named(product, "seven", "product", "product-a.b", "product-"+strings.Repeat("a", 47)),
	}}
}
