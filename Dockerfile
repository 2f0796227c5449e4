# Two images, each for the platform that --platform names:
#
#   servers (the default)  /manager (operator and API server) and /nautes (the command line), without a shell
#   ci                     a shell, git and nautes: for jobs of GitLab CI
#
# `make release` writes the same programs into an OCI layout without a container engine.
#
# GO_VERSION follows go.mod: `make docker-build` passes it on.
ARG GO_VERSION=1.26
# Compiled on the machine that builds, for the platform that is built for: without emulation.
FROM --platform=$BUILDPLATFORM golang:${GO_VERSION} AS build
WORKDIR /src

# The modules change less often than the code, so they are a layer of their own.
COPY go.mod go.sum ./
RUN go mod download

COPY . .
# BuildKit sets these two to the platform that is built for. A default here would win over that.
ARG TARGETOS
ARG TARGETARCH
ARG VERSION=dev
ENV CGO_ENABLED=0 GOOS=${TARGETOS} GOARCH=${TARGETARCH}
RUN go build -trimpath -ldflags "-s -w -X github.com/nautes-labs/deployment-runtime/internal/version.version=${VERSION}" -o /out/manager . \
 && go build -trimpath -ldflags "-s -w -X github.com/nautes-labs/deployment-runtime/internal/version.version=${VERSION}" -o /out/nautes ./cmd/nautes

# Debian with git, curl and certificates. Nothing runs here, so that no emulation is needed for another platform.
FROM buildpack-deps:trixie-scm AS ci
COPY --from=build /out/nautes /usr/local/bin/nautes
CMD ["sh"]

FROM gcr.io/distroless/static:nonroot AS servers
COPY --from=build /out/manager /out/nautes /
USER 65532:65532
ENTRYPOINT ["/manager"]
