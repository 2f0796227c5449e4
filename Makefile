# `make help` lists the targets. Every tool is pinned in go.tools.mod and runs through `go tool`: nothing has to be installed
# but Go, and a C compiler for the race detector.

SHELL       := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

MODULE  := $(shell sed -n 's/^module //p' go.mod)
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
IMG     ?= deployment-runtime:latest

TOOL     := go tool -modfile=go.tools.mod
KUBECTL  ?= kubectl
# In any directory of the repository.
KUSTOMIZE := go tool -modfile=$(CURDIR)/go.tools.mod kustomize
# -s -w: without symbols nautes is 46 MB instead of 66 MB; panics keep their traces.
GOBUILD  := CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X $(MODULE)/internal/version.version=$(VERSION)"

# Suites that start API servers, clusters or Argo CD. Each keeps two cores busy, so they run one at a time.
SERVER_SUITES := ./controllers/... ./test/...
# What generate writes, and verify compares.
GENERATED := api/v1alpha1/zz_generated.deepcopy.go config/crd/bases config/rbac/operator/role.yaml \
	charts/deployment-runtime/templates/generated docs/reference schemas

# generate_into writes everything that is generated into a directory laid out like this one.
define generate_into
	$(TOOL) controller-gen object paths=./api/... output:object:dir=$(1)/api/v1alpha1
	$(TOOL) controller-gen crd paths=./api/... output:crd:dir=$(1)/config/crd/bases
	$(TOOL) controller-gen rbac:roleName=nautes-operator paths=./controllers/... output:rbac:dir=$(1)/config/rbac/operator
	go run ./hack/chart $(1)/charts/deployment-runtime/templates/generated
	go run ./hack/reference $(1)
endef

##@ Develop

.PHONY: help
help: ## List the targets.
	@awk 'BEGIN {FS = ":.*## "} /^##@ / {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' Makefile

.PHONY: generate
generate: ## Write deepcopy functions, CRDs and RBAC from the Go code, from these a part of the Helm chart, the reference pages and JSON schemas.
	$(call generate_into,.)

.PHONY: fmt
fmt: ## Format the Go code.
	$(TOOL) golangci-lint fmt

.PHONY: lint
lint: ## Check the architecture (who imports whom) first, then everything else.
	$(TOOL) golangci-lint run --enable-only=depguard
	$(TOOL) golangci-lint run
	cd hack/release && go tool -modfile=../../go.tools.mod golangci-lint run

.PHONY: vet
vet: ## Run go vet.
	go vet ./...

.PHONY: build
build: ## Build bin/manager and bin/nautes.
	$(GOBUILD) -o bin/manager .
	$(GOBUILD) -o bin/nautes ./cmd/nautes

.PHONY: docs
docs: ## Build the documentation as a static site in dist-site.
	go run ./hack/site -version $(VERSION) dist-site

##@ Check

.PHONY: verify
verify: verify-generated verify-sizes lint vet vuln ## Check all that needs no server: generated files, sizes, architecture, format, lint, vulnerabilities.

.PHONY: verify-generated
verify-generated: ## Check that the generated files are what `make generate` writes, and that go.mod is tidy.
	go mod tidy -diff
	cd hack/release && go mod tidy -diff
	@rm -rf bin/.generated
	$(call generate_into,bin/.generated)
	@stale=0; for path in $(GENERATED); do diff -ru "$$path" "bin/.generated/$$path" || stale=1; done; \
	  if [ $$stale = 1 ]; then echo "verify: generated files are not up to date: run 'make generate' and commit" >&2; exit 1; fi

.PHONY: verify-sizes
verify-sizes: ## Check that no Go file is too long: 400 lines, types 500, tests 600; 12 files in a package of the controllers.
	@git ls-files -co --exclude-standard '*.go' | { grep -v zz_generated || true; } | while read -r file; do \
	  case $$file in *_test.go) max=600;; *_types.go) max=500;; *) max=400;; esac; \
	  if [ -f "$$file" ]; then lines=$$(wc -l <"$$file"); if [ "$$lines" -gt "$$max" ]; then echo "$$file: $$lines lines, at most $$max"; fi; fi; \
	done | { ! grep . ; } || { echo "verify: split these files" >&2; exit 1; }
	@git ls-files -co --exclude-standard 'controllers/*/*.go' | { grep -v _test.go || true; } | xargs -n1 dirname | sort | uniq -c | \
	  awk '$$1 > 12 { print "verify: " $$2 " has " $$1 " files, at most 12: divide it" > "/dev/stderr"; bad = 1 } END { exit bad }'

.PHONY: vuln
vuln: ## Check for known vulnerabilities in code that is reachable from ours.
	@code=0; out=$$($(TOOL) govulncheck ./... 2>&1) || code=$$?; \
	case $$code in \
	0) echo "vuln: no known vulnerability is reachable" ;; \
	3) echo "$$out"; exit 3 ;; \
	*) if grep -q 'fetching vulnerabilities' <<<"$$out"; then echo "vuln: NOT CHECKED: vuln.go.dev cannot be reached"; else echo "$$out"; exit $$code; fi ;; \
	esac

.PHONY: test
test: ## Run all tests with the race detector.
	@go run -race ./hack/devenv build
	@code=0; \
	packages=$$(go list ./... | { grep -vE '^$(MODULE)/(controllers|test)(/|$$)' || true; }); \
	go test -race -timeout 20m $$packages || code=1; \
	(cd hack/release && go test -timeout 20m ./...) || code=1; \
	go test -race -timeout 60m -p 1 $(SERVER_SUITES) || code=1; \
	if [ $$code != 0 ]; then echo "test: FAILED, see the lines that begin with --- FAIL or FAIL above" >&2; fi; exit $$code

.PHONY: matrix
matrix: ## Run all scenarios with every version of Argo CD that docs/versions.md names; never in CI.
	@code=0; for version in 2.14.21 3.2.11 3.5.7; do \
	  go run ./hack/devenv -argocd $$version build || code=1; \
	  echo "matrix: Argo CD $$version"; DEVENV_ARGOCD=$$version go test -race -count=1 -timeout 60m ./test/e2e/argocdv3 || code=1; \
	done; exit $$code

# The commit before the chart, before the pages of an upgrade, and before the operator said which Argo CD it drives.
UPGRADE_FROM ?= 92533ec

.PHONY: watch-check
watch-check: ## Inject faults on a complete environment, and see with a real Prometheus that exactly their alerts fire; never in CI.
	@go run ./hack/devenv build
	go test -tags watch -count=1 -timeout 60m -v -run TestWatching ./test/e2e/argocdv3

.PHONY: upgrade-check
upgrade-check: ## Upgrade from commit UPGRADE_FROM to this checkout and back while runtimes run (docs/howto/upgrade.md); never in CI.
	UPGRADE_FROM=$(UPGRADE_FROM) go test -tags upgrade -count=1 -timeout 60m -v ./test/upgrade

.PHONY: test-gitlab
test-gitlab: ## Run the suite of git hosts and one story on a GitLab of yours: GITLAB_URL=... GITLAB_TOKEN=... (docs/howto/test-on-gitlab.md)
	@test -n "$(GITLAB_URL)" && test -n "$(GITLAB_TOKEN)" || { echo "test-gitlab: set GITLAB_URL and GITLAB_TOKEN" >&2; exit 2; }
	@GITLAB_URL="$(GITLAB_URL)" GITLAB_TOKEN="$(GITLAB_TOKEN)" go test -tags gitlab -count=1 -timeout 60m -v ./test/realgitlab

##@ Release

# Where the image is going to be pushed: the chart and install.yaml name it. The rest is optional: an image with a shell
# and git for the image for CI, and the key that signs (else the text in COSIGN_PRIVATE_KEY; COSIGN_PASSWORD, if it is
# encrypted).
RELEASE = cd hack/release && go run . -root ../.. -version $(VERSION) $(if $(IMAGE),-image $(IMAGE)) $(if $(CI_BASE),-ci-base $(CI_BASE)) $(if $(PLATFORMS),-platforms $(PLATFORMS)) $(if $(KEY),-key $(abspath $(KEY)))

.PHONY: release
release: ## Write a release to dist/: VERSION=v1.2.3, and optionally IMAGE, CI_BASE and KEY (docs/howto/release.md).
	$(RELEASE)

.PHONY: release-check
release-check: ## Write a release twice, the second time from a clone and without anything compiled, and compare all bytes; never in CI.
	$(RELEASE)
	@other=$$(mktemp -d); trap 'rm -rf $$other' EXIT; git clone -q . $$other/clone; \
	GOCACHE=$$other/cache $(MAKE) -C $$other/clone release $(if $(KEY),KEY=$(abspath $(KEY))); \
	diff -r dist $$other/clone/dist && echo "release-check: both are equal"

##@ Run

.PHONY: demo
demo: ## Show the whole system once, on real servers that it starts itself, and end clean.
	go run ./hack/devenv demo

.PHONY: dev
dev: ## Start the same and stay; prints the KUBECONFIGs and addresses.
	go run ./hack/devenv dev

.PHONY: bench
bench: ## Measure what docs/benchmarks.md reports: the operator, its growth, its fail-over, then the REST API.
	go run ./test/bench
	go run ./test/bench/scale -json growth.json -plot docs/benchmarks
	go run ./test/bench/failover
	go run ./test/bench/rest

.PHONY: bench-smoke
bench-smoke: ## Count what one more runtime costs beside few and beside many; a part of `make test`.
	go test ./test/bench/scale -run TestOneMoreRuntime -v -count=1

##@ Install (into the cluster that KUBECONFIG points to)

.PHONY: docker-build
docker-build: ## Build the image IMG of the servers; TARGET=ci builds the one for jobs of GitLab CI.
	docker build $(if $(TARGET),--target $(TARGET)) --build-arg GO_VERSION=$$(sed -n 's/^go \([0-9]*\.[0-9]*\).*/\1/p' go.mod) --build-arg VERSION=$(VERSION) -t $(IMG) .

.PHONY: install
install: ## Install the CRDs.
	$(KUBECTL) apply --server-side -k config/crd

.PHONY: uninstall
uninstall: ## Remove the CRDs; refused while an object of ours exists, because their deletion would take all of them along.
	@left=$$($(KUBECTL) get nautes -A -o name); \
	if [ -n "$$left" ]; then echo "uninstall: these objects still exist:" >&2; echo "$$left" >&2; exit 1; fi
	$(KUBECTL) delete --ignore-not-found -k config/crd

.PHONY: deploy
deploy: ## Install CRDs, policies, RBAC and the operator with image IMG.
	@rm -rf bin/.deploy && mkdir -p bin/.deploy
	@cd bin/.deploy && $(KUSTOMIZE) create --resources ../../config/default && $(KUSTOMIZE) edit set image deployment-runtime=$(IMG)
	@$(KUSTOMIZE) build bin/.deploy | $(KUBECTL) apply --server-side -f -

.PHONY: argocd
argocd: ## Set up the Argo CD that is installed: the settings that the operator needs. ARGS=--dry-run says what would change.
	@go run . argocd $(ARGS)

.PHONY: undeploy
undeploy: ## Remove operator, RBAC and the policies that warn. Run `manager release` first. CRDs, objects, the namespace and no-delete-hooks stay.
	$(KUBECTL) delete --ignore-not-found -k config/manager
	$(KUBECTL) delete --ignore-not-found -f config/policy/product-is-namespace.yaml -f config/policy/destination-is-recorded.yaml
	$(KUBECTL) delete --ignore-not-found -k config/rbac/operator
	@echo "undeploy: the policy no-delete-hooks stays, so that no Application runs delete hooks: docs/howto/uninstall.md"
