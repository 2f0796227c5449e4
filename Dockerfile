# One image with both programs: /manager (operator and API server) and /nautes (the command line).
#
# GO_VERSION follows go.mod: `make docker-build` passes it on.
ARG GO_VERSION=1.26
FROM --platform=$BUILDPLATFORM golang:${GO_VERSION} AS build
WORKDIR /src

# The modules change less often than the code, so they are a layer of their own.
COPY go.mod go.sum ./
RUN go mod download

COPY . .
ARG TARGETOS=linux
ARG TARGETARCH=amd64
ARG VERSION=dev
ENV CGO_ENABLED=0 GOOS=${TARGETOS} GOARCH=${TARGETARCH}
RUN go build -trimpath -ldflags "-s -w -X github.com/nautes-labs/deployment-runtime/internal/version.version=${VERSION}" -o /out/manager . \
 && go build -trimpath -ldflags "-s -w -X github.com/nautes-labs/deployment-runtime/internal/version.version=${VERSION}" -o /out/nautes ./cmd/nautes

FROM gcr.io/distroless/static:nonroot
COPY --from=build /out/manager /out/nautes /
USER 65532:65532
ENTRYPOINT ["/manager"]
