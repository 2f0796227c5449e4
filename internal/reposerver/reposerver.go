// Package reposerver asks Argo CD's repo-server for files of a repository, and for authors of commits. Argo CD can
// already read the repository, with whatever protocol and credentials it needs. The package speaks three calls of the
// repo-server: GetGitFiles, with which Argo CD's ApplicationSet controller reads files, GetRevisionMetadata, with which
// its API server tells of a commit, and Version. They are the same in Argo CD 2.14 and 3.
package reposerver

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	service      = "/repository.RepoServerService/"
	readFiles    = service + "GetGitFiles"
	readMetadata = service + "GetRevisionMetadata"
	readVersion  = "/version.VersionService/Version"
	// timeout of one request. The repo-server continues after that and caches the answer for the next request.
	timeout = 15 * time.Second
	// maxAnswer bounds the size of an answer. Argo CD itself takes no more than 10 MiB of plain manifests.
	maxAnswer = 16 << 20
)

// Options say how the repo-server is reached.
type Options struct {
	// Address is the host and port of the repo-server.
	Address string
	// Plaintext is for a repo-server that runs with --disable-tls.
	Plaintext bool
	// Authorities must have signed the certificate of the repo-server. Nil accepts any certificate, as the other parts
	// of Argo CD do by default.
	Authorities *x509.CertPool
}

// Client sends requests to the repo-server.
type Client struct {
	url  string
	http *http.Client
}

// New returns a client. It connects with its first request.
func New(o Options) *Client {
	protocols, scheme := &http.Protocols{}, "https"
	protocols.SetHTTP2(!o.Plaintext)
	protocols.SetUnencryptedHTTP2(o.Plaintext)
	if o.Plaintext {
		scheme = "http"
	}
	return &Client{
		url: scheme + "://" + o.Address,
		http: &http.Client{Timeout: timeout, Transport: &http.Transport{
			Protocols: protocols,
			TLSClientConfig: &tls.Config{
				MinVersion: tls.VersionTLS12, RootCAs: o.Authorities,
				//nolint:gosec // its certificate is one that it made itself, unless the options say otherwise
				InsecureSkipVerify: o.Authorities == nil,
			},
			IdleConnTimeout: time.Minute,
		}},
	}
}

// Files returns the files of a revision that match a pattern, by their paths in the repository. A pattern is one of
// doublestar: * within a directory, ** across directories, {a,b} for alternatives.
func (c *Client) Files(ctx context.Context, repo Repository, revision, pattern string) (map[string][]byte, error) {
	answer, err := c.call(ctx, readFiles, request(repo, revision, pattern))
	if err != nil {
		return nil, fmt.Errorf("asking the repo-server for %s at %s: %w", pattern, revision, err)
	}
	files, err := filesOf(answer)
	if err != nil {
		return nil, fmt.Errorf("reading the repo-server's answer: %w", err)
	}
	return files, nil
}

// Commit is what git tells of a commit.
type Commit struct {
	// Author is mostly a name and an address.
	Author string
	// At is when its author made it; zero where git does not tell.
	At time.Time
}

// Commit returns who made a commit, and when.
func (c *Client) Commit(ctx context.Context, repo Repository, revision string) (Commit, error) {
	answer, err := c.call(ctx, readMetadata, metadataRequest(repo, revision))
	if err != nil {
		return Commit{}, fmt.Errorf("asking the repo-server for the author of %s: %w", revision, err)
	}
	var commit Commit
	err = fields(answer, func(number protowire.Number, value []byte) error {
		if number == metadataAuthor {
			commit.Author = string(value)
		}
		if number == metadataDate {
			var at metav1.Time
			if err := at.Unmarshal(value); err != nil {
				return err
			}
			commit.At = at.Time
		}
		return nil
	})
	if err != nil {
		return Commit{}, fmt.Errorf("reading the repo-server's answer: %w", err)
	}
	return commit, nil
}

// Version returns the version of the repo-server as it was built, such as v3.5.7+f1a9a7d.
func (c *Client) Version(ctx context.Context) (string, error) {
	answer, err := c.call(ctx, readVersion, nil)
	if err != nil {
		return "", fmt.Errorf("asking the repo-server for its version: %w", err)
	}
	version := ""
	err = fields(answer, func(number protowire.Number, value []byte) error {
		if number == 1 {
			version = string(value)
		}
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("reading the repo-server's answer: %w", err)
	}
	return version, nil
}

// call makes one unary gRPC call: it sends one framed message, and reads one framed message and the status.
func (c *Client) call(ctx context.Context, method string, message []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+method, bytes.NewReader(framed(message)))
	if err != nil {
		return nil, fmt.Errorf("building the request: %w", err)
	}
	req.Header.Set("Content-Type", "application/grpc")
	req.Header.Set("Te", "trailers")
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("connecting: %w", err)
	}
	defer func() { _ = resp.Body.Close() }() // the body was read, or there is an error already
	const head = 5
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+head+1))
	if err != nil {
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	if len(body) > maxAnswer+head {
		return nil, fmt.Errorf("the files are larger than %d MiB together", maxAnswer>>20)
	}
	if err := failureOf(resp); err != nil {
		return nil, err
	}
	if len(body) < head || body[0] != 0 || int(binary.BigEndian.Uint32(body[1:head])) != len(body)-head {
		return nil, fmt.Errorf("the answer of %d bytes is not one plain message", len(body))
	}
	return body[head:], nil
}

func framed(message []byte) []byte {
	out := binary.BigEndian.AppendUint32([]byte{0},
		uint32(len(message))) //nolint:gosec // a few credentials are far below 4 GiB
	return append(out, message...)
}

// failureOf reads the status of a call. It is in the trailers, or in the headers of an answer without a message.
func failureOf(resp *http.Response) error {
	status, message := resp.Trailer.Get("Grpc-Status"), resp.Trailer.Get("Grpc-Message")
	if status == "" {
		status, message = resp.Header.Get("Grpc-Status"), resp.Header.Get("Grpc-Message")
	}
	if resp.StatusCode != http.StatusOK || status != "0" {
		return fmt.Errorf("HTTP %d, gRPC status %q: %.500q", resp.StatusCode, status, message)
	}
	return nil
}

// filesOf reads a GitFilesResponse: a map from path to content.
func filesOf(message []byte) (map[string][]byte, error) {
	files := map[string][]byte{}
	err := fields(message, func(number protowire.Number, entry []byte) error {
		if number != 1 {
			return nil
		}
		var path string
		content := []byte{}
		err := fields(entry, func(number protowire.Number, value []byte) error {
			if number == 1 {
				path = string(value)
			}
			if number == 2 {
				content = value
			}
			return nil
		})
		files[path] = content
		return err
	})
	return files, err
}

// fields calls each for every field of a message that holds bytes.
func fields(message []byte, each func(protowire.Number, []byte) error) error {
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return protowire.ParseError(n)
		}
		message = message[n:]
		if kind != protowire.BytesType {
			if n = protowire.ConsumeFieldValue(number, kind, message); n < 0 {
				return protowire.ParseError(n)
			}
			message = message[n:]
			continue
		}
		value, n := protowire.ConsumeBytes(message)
		if n < 0 {
			return protowire.ParseError(n)
		}
		message = message[n:]
		if err := each(number, value); err != nil {
			return err
		}
	}
	return nil
}
