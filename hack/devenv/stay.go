package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
)

// stay says how to look around, and stays until Ctrl-C. It shows the developer's token, which ends with the
// environment.
func stay(ctx context.Context, s *stage) error {
	fmt.Fprintf(s.out, `In another terminal, as a developer:

  export API_SERVER=http://%[1]s PRODUCT=%[2]s
  export GIT_TOKEN=%[3]s     # of user %[4]s in the stand-in for GitLab
  export PATH=%[5]s:%[6]s:$PATH

  nautes get dr -o wide                                 # also: products, envs, projects, coderepos, clusters
  nautes status dr --watch
  nautes get dr dr-dev -o yaml > dr-dev.yaml            # change the path to %[7]s, then:
  nautes diff -f dr-dev.yaml && nautes apply -f dr-dev.yaml && nautes status dr dr-dev --wait
  nautes delete dr dr-dev
  curl -H "Authorization: Bearer $GIT_TOKEN" $API_SERVER/api/v1/products/%[2]s/deploymentruntimes
  git clone %[8]s/%[2]s/%[9]s.git        # manifests: user oauth2, password $GIT_TOKEN; a push arrives at once
  git clone %[8]s/%[2]s/%[10]s.git   # the product's resources: envs, projects, code-repos, runtimes

  API server    http://%[1]s      # /docs explains it, /openapi.json for programs
  GitLab        %[8]s      # the stand-in: its REST API below /api/v4, and git; no pages. root's token: %[11]s

`, s.apiAddress, group, s.developer.token, userName, filepath.Join(s.root, "bin"), filepath.Dir(s.env.KubectlPath()), next,
		s.gitlab.URL(), app, metadata, s.gitlab.rootTokenFile)
	fmt.Fprintf(s.out, `As the platform team, or for the product without GitLab:

  export KUBECONFIG=%[1]s     # contexts: management (current), east, west

  kubectl get dr -A -o wide                             # the runtimes
  kubectl get clusters,productproviders,products -n nautes
  kubectl get applications,appprojects -n argocd        # what the operator made for Argo CD
  kubectl --context=east get pods -A                    # what runs
  kubectl get dr dr-dev -n %[2]s -o yaml             # every condition, with its message
  git clone %[3]s       # manifests of %[4]s: push to main, no password
  git clone %[5]s
  # No webhook tells of pushes to these two, and Argo CD looks every two minutes. At once:
  kubectl annotate product %[4]s -n nautes --overwrite refresh.nautes.resource.nautes.io/%[6]s="$(date)"    # or .../repo-10003

The operator is process %[7]d, its log %[8]s
The API server is process %[9]d, its log %[10]s
The servers' logs: %[11]s/*/*.log
To run one of your own, in a debugger or with other flags, end that one (kill %[7]d, or kill %[9]d) and start:

  go run . %[12]s
  go run . %[13]s

Ctrl-C ends everything and removes it.
`, s.kubeconfig, s.product, s.env.Git.URL(plainApp), plainProduct, s.env.Git.URL(plainStream), metadata,
		s.operator.process.PID(), s.operator.log, s.apiServer.process.PID(), s.apiServer.log, s.env.Dir,
		strings.Join(quoted(s.operator.args), " "), strings.Join(quoted(s.apiServer.args), " "))
	operator, apiServer := s.operator.ended(), s.apiServer.ended()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-operator:
			s.say("the operator has ended; the rest stays")
			operator = nil
		case <-apiServer:
			s.say("the API server has ended; the rest stays")
			apiServer = nil
		}
	}
}
