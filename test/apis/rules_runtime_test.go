package apis

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

func runtimeWith(change func(*api.DeploymentRuntimeSpec)) *api.DeploymentRuntime {
	r := &api.DeploymentRuntime{
		ObjectMeta: metav1.ObjectMeta{Name: "dr-dev"},
		Spec: api.DeploymentRuntimeSpec{
			Product: "product-7", Destination: "env-dev",
			ManifestSource: api.ManifestSource{CodeRepo: "repo-3", Path: "manifests/development",
				TargetRevision: "HEAD"},
		},
	}
	change(&r.Spec)
	return r
}

func paths(values ...string) []client.Object {
	out := make([]client.Object, 0, len(values))
	for _, v := range values {
		out = append(out, runtimeWith(func(s *api.DeploymentRuntimeSpec) { s.ManifestSource.Path = v }))
	}
	return out
}

func revisions(values ...string) []client.Object {
	out := make([]client.Object, 0, len(values))
	for _, v := range values {
		out = append(out, runtimeWith(func(s *api.DeploymentRuntimeSpec) { s.ManifestSource.TargetRevision = v }))
	}
	return out
}

func namespaces(values ...string) []client.Object {
	out := make([]client.Object, 0, len(values))
	for _, v := range values {
		out = append(out, runtimeWith(func(s *api.DeploymentRuntimeSpec) { s.Namespaces = []string{"shop", v} }))
	}
	return out
}

func deploymentRuntimeRules() []rule {
	return []rule{
		dnsLabel(runtimeWith(func(*api.DeploymentRuntimeSpec) {})),
		{
			message:  "namespaces must be DNS labels: lower-case letters, digits and -, at most 63 characters",
			accepted: namespaces("a", "0", "a-b", strings.Repeat("a", 63)),
			refused:  namespaces("A", "a_b", "a.b", "-a", "a-", "a b", "ü"),
		},
		{
			message:  "path must be relative to the root of the repository: remove the leading /",
			accepted: paths("manifests", "manifests/development"),
			refused:  paths("/", "/manifests"),
		},
		{
			message:  `path must be clean and stay inside the repository: no empty, "." or ".." segment, no trailing /`,
			accepted: paths(".", "a", "a/b", ".hidden", "a/..b", "a/b..", "...", "with space", "中文"),
			refused:  paths("..", "../a", "a/..", "a/../b", "./a", "a/.", "a/./b", "a//b", "a/"),
		},
		{
			message:  "path must not contain control characters or backslashes",
			accepted: paths("a-b_c~d+e@f", "with space"),
			refused:  paths("a\\b", "a\nb", "a\tb", "a\x00b", "a\x1fb", "a\x7fb"),
		},
		{
			message: `targetRevision must be a branch, tag, commit id or HEAD: no spaces, control characters, "..", "@{", "//" or any of ~ ^ : ? * [ \`,
			accepted: revisions("HEAD", "main", "feature/a", "v1.2.3", "refs/heads/main", "a@b", "中文",
				// names, and no ranges
				"0123456789abcdef0123456789abcdef01234567", "refs/tags/v1", "1.x", ">=1.0", "1.2,1.3"),
			refused: revisions("a b", "a..b", "a@{b", "a//b", "a~1", "a^", "a:b", "a?", "a*", "a[b", `a\b`, "@", "a\nb",
				"a\x00b", "a\x7f", "^1", "~1", "*", "v2.*", ">= 1.0"),
		},
		{
			message: "targetRevision must be a valid git reference name: it must not begin with - or /, " +
				"end with / or ., " +
				"and no part may begin with . or end with .lock",
			accepted: revisions("a-b", "a.b", "a/b.locked", "lock"),
			refused:  revisions("-a", "/a", "a/", "a.", ".a", "a/.b", "a.lock", "a.lock/b"),
		},
	}
}
