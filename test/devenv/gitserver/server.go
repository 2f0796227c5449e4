package gitserver

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// Credential is a user name and password (or token) for basic authentication.
type Credential struct {
	User     string
	Password string
	// ReadOnly credentials can fetch but not push.
	ReadOnly bool
}

// Access says who may use a repository. The zero value closes it.
type Access struct {
	// Public lets everybody fetch. Pushing always takes a credential.
	Public      bool
	Credentials []Credential
}

// Server serves repositories at an address on 127.0.0.1. A new repository is open to everybody for everything until
// SetAccess.
type Server struct {
	*Repos
	http    *http.Server
	address string
	ended   chan struct{}

	mu     sync.RWMutex
	access map[string]Access
	failed map[string]int // repository -> status to answer with
}

// New serves the repositories below dir at a free port.
func New(dir string) (*Server, error) { return NewAt(dir, "127.0.0.1:0") }

// NewAt serves the repositories below dir at an address.
func NewAt(dir, address string) (*Server, error) {
	repos, err := NewRepos(dir)
	if err != nil {
		return nil, err
	}
	tcp, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("reading the address for git: %w", err)
	}
	listener, err := net.ListenTCP("tcp", tcp)
	if err != nil {
		return nil, fmt.Errorf("listening for git: %w", err)
	}
	s := &Server{
		Repos: repos, address: listener.Addr().String(), ended: make(chan struct{}),
		access: map[string]Access{}, failed: map[string]int{},
	}
	s.http = &http.Server{Handler: http.HandlerFunc(s.serve), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		defer close(s.ended)
		_ = s.http.Serve(listener) // It returns when Close closes the listener, and tells nothing else.
	}()
	return s, nil
}

// Close ends the server at once, with the requests it is answering. The repositories stay.
func (s *Server) Close() error {
	err := s.http.Close()
	<-s.ended
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// BaseURL is the address below which all repositories lie, without a trailing slash.
func (s *Server) BaseURL() string { return "http://" + s.address }

// URL is the address of a repository for git clients, without credentials.
func (s *Server) URL(repo string) string { return s.BaseURL() + "/" + repo + ".git" }

// CreatePrivateRepo makes an empty repository that only the given credentials open.
func (s *Server) CreatePrivateRepo(ctx context.Context, repo string, credentials ...Credential) error {
	s.SetAccess(repo, Access{Credentials: credentials})
	return s.CreateRepo(ctx, repo)
}

// SetAccess replaces the access of a repository: credentials that it does not hold stop working with the next
// request.
func (s *Server) SetAccess(repo string, a Access) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.access[repo] = a
}

// Fail makes every request for a repository fail with an HTTP status, as a host in trouble does; 0 ends it.
func (s *Server) Fail(repo string, status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed[repo] = status
}

func (s *Server) serve(w http.ResponseWriter, req *http.Request) {
	q, ok := parse(req.URL)
	if !ok {
		http.NotFound(w, req)
		return
	}
	s.mu.RLock()
	status := s.failed[q.repo]
	access, restricted := s.access[q.repo]
	s.mu.RUnlock()
	switch {
	case status != 0:
		http.Error(w, "out of order", status)
	case restricted && !access.permits(req, q.push):
		w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
		http.Error(w, "access denied", http.StatusUnauthorized)
	default:
		s.ServeHTTP(w, req)
	}
}

func (a Access) permits(req *http.Request, push bool) bool {
	if a.Public && !push {
		return true
	}
	user, password, ok := req.BasicAuth()
	if !ok {
		return false
	}
	for _, c := range a.Credentials {
		if same(c.User, user) && same(c.Password, password) {
			return !push || !c.ReadOnly
		}
	}
	return false
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
