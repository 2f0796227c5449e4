package reposerver_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/binary"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	argo "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/nautes-labs/deployment-runtime/internal/reposerver"
)

// standIn answers as gRPC does: a framed message, then the status as a trailer.
type standIn struct {
	answer []byte
	status string
	asked  []byte
	// method is the path of the call that it answers; that of GetGitFiles if it is empty.
	method string
}

func (s *standIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.asked, _ = io.ReadAll(r.Body)
	if r.ProtoMajor != 2 || r.URL.Path != orElse(s.method, "/repository.RepoServerService/GetGitFiles") ||
		r.Header.Get("Content-Type") != "application/grpc" || r.Header.Get("TE") != "trailers" {
		http.Error(w, "this is no call of gRPC", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/grpc")
	w.Header().Set("Trailer", "Grpc-Status, Grpc-Message")
	_, _ = w.Write(s.answer)
	w.Header().Set("Grpc-Status", s.status)
	w.Header().Set("Grpc-Message", "said by the server")
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func (s *standIn) start(t *testing.T, plaintext bool) (address string, authorities *x509.CertPool) {
	t.Helper()
	server := httptest.NewUnstartedServer(s)
	t.Cleanup(server.Close)
	if plaintext {
		server.Config.Protocols = &http.Protocols{}
		server.Config.Protocols.SetUnencryptedHTTP2(true)
		server.Start()
		return server.Listener.Addr().String(), nil
	}
	server.EnableHTTP2 = true
	server.StartTLS()
	authorities = x509.NewCertPool()
	authorities.AddCert(server.Certificate())
	return server.Listener.Addr().String(), authorities
}

func framed(message []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...)
}

func answer(files map[string]string) []byte {
	var message []byte
	for path, content := range files {
		entry := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), path)
		if content != "" {
			entry = protowire.AppendString(protowire.AppendTag(entry, 2, protowire.BytesType), content)
		}
		message = protowire.AppendBytes(protowire.AppendTag(message, 1, protowire.BytesType), entry)
	}
	return framed(message)
}

var secret = map[string][]byte{
	"username": []byte("reader"), "password": []byte("p"), "project": []byte("product-7"),
	"sshPrivateKey": []byte("key"), "insecure": []byte("true"), "enableLfs": []byte("true"),
}

func ask(t *testing.T, o reposerver.Options) (map[string][]byte, error) {
	t.Helper()
	return reposerver.New(o).Files(t.Context(), reposerver.Repository{URL: "https://a.git", Data: secret},
		"r1", "deploy/*.yaml")
}

func TestFilesAreAskedForAndRead(t *testing.T) {
	for _, plaintext := range []bool{true, false} {
		s := &standIn{answer: answer(map[string]string{"deploy/a.yaml": "a", "deploy/empty.yaml": ""}), status: "0"}
		address, authorities := s.start(t, plaintext)
		for _, o := range []reposerver.Options{{Address: address, Plaintext: plaintext},
			{Address: address, Plaintext: plaintext, Authorities: authorities}} {
			got, err := ask(t, o)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(map[string][]byte{"deploy/a.yaml": []byte("a"), "deploy/empty.yaml": {}},
				got); diff != "" {
				t.Error(diff)
			}
		}
		expectRequest(t, s.asked)
	}
}

func TestTheAuthorOfACommitIsAskedFor(t *testing.T) {
	at := time.Unix(1700000000, 0)
	metadata, err := (&argo.RevisionMetadata{Author: "Ada <ada@example.com>", Date: metav1.NewTime(at), Message: "why",
		Tags: []string{"v1"}}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	s := &standIn{answer: framed(metadata), status: "0", method: "/repository.RepoServerService/GetRevisionMetadata"}
	address, _ := s.start(t, true)
	repo := reposerver.Repository{URL: "https://a.git", Data: secret}
	got, err := reposerver.New(reposerver.Options{Address: address, Plaintext: true}).Commit(t.Context(), repo, "r1")
	if err != nil || got.Author != "Ada <ada@example.com>" || !got.At.Equal(at) {
		t.Errorf("got %v, %v", got, err)
	}
	expectMetadataRequest(t, s.asked)
	s.status = "13"
	if _, err := reposerver.New(reposerver.Options{Address: address, Plaintext: true}).Commit(t.Context(), repo,
		"r1"); err == nil {
		t.Error("a failure has an author")
	}
}

func TestTheVersionIsAskedFor(t *testing.T) {
	message := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), "v3.5.7+f1a9a7d")
	message = protowire.AppendString(protowire.AppendTag(message, 2, protowire.BytesType), "2026-11-01T00:00:00Z")
	s := &standIn{answer: framed(message), status: "0", method: "/version.VersionService/Version"}
	address, _ := s.start(t, true)
	c := reposerver.New(reposerver.Options{Address: address, Plaintext: true})
	if got, err := c.Version(t.Context()); err != nil || got != "v3.5.7+f1a9a7d" || !bytes.Equal(s.asked, framed(nil)) {
		t.Errorf("got %q, %v; asked %q", got, err, s.asked)
	}
	s.status = "12"
	if got, err := c.Version(t.Context()); err == nil || got != "" {
		t.Errorf("a failure is version %q", got)
	}
}

// expectMetadataRequest reads the question with Argo CD's own type of a repository: its fields are the repository and
// the revision.
func expectMetadataRequest(t *testing.T, asked []byte) {
	t.Helper()
	message := asked[5:]
	_, _, n := protowire.ConsumeTag(message)
	raw, size := protowire.ConsumeBytes(message[n:])
	var repo argo.Repository
	if err := repo.Unmarshal(raw); err != nil {
		t.Fatal(err)
	}
	rest := protowire.AppendString(protowire.AppendTag(nil, 2, protowire.BytesType), "r1")
	if repo.Repo != "https://a.git" || repo.Username != "reader" || !bytes.Equal(message[n+size:], rest) {
		t.Errorf("asked for %+v, then %q", repo, message[n+size:])
	}
}

// expectRequest reads the question with Argo CD's own types.
func expectRequest(t *testing.T, asked []byte) {
	t.Helper()
	fields := map[protowire.Number]string{}
	for message := asked[5:]; len(message) > 0; {
		number, kind, n := protowire.ConsumeTag(message)
		size := protowire.ConsumeFieldValue(number, kind, message[n:])
		value := message[n : n+size]
		if kind == protowire.BytesType {
			value, _ = protowire.ConsumeBytes(value)
		}
		fields[number] = string(value)
		message = message[n+size:]
	}
	if diff := cmp.Diff(map[protowire.Number]string{3: "r1", 4: "deploy/*.yaml", 5: "\x01"},
		map[protowire.Number]string{3: fields[3], 4: fields[4], 5: fields[5]}); diff != "" {
		t.Error(diff)
	}
	var repo argo.Repository
	if err := repo.Unmarshal([]byte(fields[1])); err != nil {
		t.Fatal(err)
	}
	want := argo.Repository{Repo: "https://a.git", Type: "git", Username: "reader", Password: "p", Project: "product-7",
		SSHPrivateKey: "key", Insecure: true, EnableLFS: true}
	if diff := cmp.Diff(want, repo); diff != "" {
		t.Error(diff)
	}
}

// Whatever is not a clear answer is an error, never an empty list of files.
func TestNoClearAnswerIsAnError(t *testing.T) {
	whole := answer(map[string]string{"a.yaml": "a"})
	for sentence, c := range map[string]struct {
		s    *standIn
		says string
	}{
		"the call failed":           {&standIn{status: "13"}, "said by the server"},
		"a failure after an answer": {&standIn{answer: whole, status: "13"}, "said by the server"},
		"no status":                 {&standIn{answer: whole}, "gRPC status"},
		"no message":                {&standIn{status: "0"}, "not one plain message"},
		"half a message":            {&standIn{answer: whole[:len(whole)-2], status: "0"}, "not one plain message"},
		"a compressed message": {&standIn{answer: append([]byte{1}, whole[1:]...), status: "0"},
			"not one plain message"},
		"another kind of message": {&standIn{answer: framed([]byte{0xff, 0xff}), status: "0"},
			"reading the repo-server's answer"},
		"too much": {&standIn{answer: framed(make([]byte, 17<<20)), status: "0"}, "larger than 16 MiB"},
	} {
		t.Run(sentence, func(t *testing.T) {
			address, _ := c.s.start(t, true)
			files, err := ask(t, reposerver.Options{Address: address, Plaintext: true})
			if err == nil || files != nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, %v", files, err)
			}
		})
	}
}

func TestAStrangersCertificateIsRefusedWhereAuthoritiesAreNamed(t *testing.T) {
	s := &standIn{answer: answer(nil), status: "0"}
	address, _ := s.start(t, false)
	if _, err := ask(t, reposerver.Options{Address: address, Authorities: x509.NewCertPool()}); err == nil ||
		s.asked != nil {
		t.Errorf("asked %q, error %v", s.asked, err)
	}
}

func TestAServerThatDoesNotAnswerIsAnError(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if files, err := reposerver.New(reposerver.Options{Address: "127.0.0.1:1", Plaintext: true}).Files(ctx,
		reposerver.Repository{}, "r1", "*"); err == nil || files != nil {
		t.Errorf("got %v", files)
	}
}
