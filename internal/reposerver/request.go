package reposerver

import (
	"google.golang.org/protobuf/encoding/protowire"
)

// Repository is a repository with the credentials to read it, as Argo CD's Secret of the repository holds them.
type Repository struct {
	URL string
	// Data of the Secret; nil for a public repository.
	Data map[string][]byte
}

// The fields of GitFilesRequest, and of the Repository in it, by their numbers in Argo CD's protocol.
const (
	requestRepository  protowire.Number = 1
	requestRevision    protowire.Number = 3
	requestPattern     protowire.Number = 4
	requestSafePattern protowire.Number = 5
	repositoryURL      protowire.Number = 1
	repositoryType     protowire.Number = 11
)

// The fields of RepoServerRevisionMetadataRequest, and of the RevisionMetadata that answers it.
const (
	metadataRepository protowire.Number = 1
	metadataRevision   protowire.Number = 2
	metadataAuthor     protowire.Number = 1
	metadataDate       protowire.Number = 2
)

// texts are the text fields of Repository by their keys in the Secret.
func texts() map[string]protowire.Number {
	return map[string]protowire.Number{
		"username": 2, "password": 3, "sshPrivateKey": 4, "tlsClientCertData": 9, "tlsClientCertKey": 10, "proxy": 19,
		"project": 20, "noProxy": 23,
	}
}

// switches are the boolean fields of Repository by their keys in the Secret. They count as set when the value is
// "true".
func switches() map[string]protowire.Number {
	return map[string]protowire.Number{"insecureIgnoreHostKey": 6, "insecure": 7, "enableLfs": 8,
		"forceHttpBasicAuth": 22}
}

// request returns a GitFilesRequest. The repo-server matches the pattern with doublestar and inside the repository
// only.
func request(repo Repository, revision, pattern string) []byte {
	out := protowire.AppendTag(nil, requestRepository, protowire.BytesType)
	out = protowire.AppendBytes(out, repository(repo))
	out = appendText(out, requestRevision, revision)
	out = appendText(out, requestPattern, pattern)
	return appendTrue(out, requestSafePattern)
}

// metadataRequest returns a RepoServerRevisionMetadataRequest.
func metadataRequest(repo Repository, revision string) []byte {
	out := protowire.AppendTag(nil, metadataRepository, protowire.BytesType)
	out = protowire.AppendBytes(out, repository(repo))
	return appendText(out, metadataRevision, revision)
}

func repository(repo Repository) []byte {
	out := appendText(nil, repositoryURL, repo.URL)
	for key, number := range texts() {
		if value := repo.Data[key]; len(value) > 0 {
			out = appendText(out, number, string(value))
		}
	}
	for key, number := range switches() {
		if string(repo.Data[key]) == "true" {
			out = appendTrue(out, number)
		}
	}
	return appendText(out, repositoryType, "git")
}

func appendText(out []byte, number protowire.Number, text string) []byte {
	return protowire.AppendString(protowire.AppendTag(out, number, protowire.BytesType), text)
}

func appendTrue(out []byte, number protowire.Number) []byte {
	return protowire.AppendVarint(protowire.AppendTag(out, number, protowire.VarintType), 1)
}
