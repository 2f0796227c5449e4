package fakegitlab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/nautes-labs/deployment-runtime/test/devenv/gitserver"
)

// Options of a Server. The zero value works.
type Options struct {
	// Dir keeps the bare repositories. "" is a temporary directory that Close removes. Repositories of an earlier
	// instance are replaced when a project takes their id.
	Dir string
	// RootToken is the personal access token of the administrator "root", with the scopes api, write_repository and
	// admin_mode. "" makes one: see Server.RootToken.
	RootToken string
	// DefaultBranch of new projects; default "main".
	DefaultBranch string
	// ExternalURL begins the addresses in answers. Start fills it in.
	ExternalURL string
	// Now is the clock; default time.Now.
	Now func() time.Time
	// RequestsPerMinute that one user may send to one project's or group's own address; default 400, negative: no
	// limit.
	RequestsPerMinute int
	// FailedLogins of git from one address within three minutes that ban it for an hour; default 30, negative: no ban.
	FailedLogins int
	// DeleteAtOnce makes the deletion of projects and groups immediate, as GitLab before 18 without a licence did.
	// Otherwise they wait: renamed, read-only and visible.
	DeleteAtOnce bool
	// KeepNames of what waits for deletion, as GitLab before 18 did: their names stay taken.
	KeepNames bool
	// AdminMode makes an administrator's token act for an ordinary user unless it has the scope admin_mode.
	AdminMode bool
	// LateRights is how many requests of others about a new project are answered as if only its creator, and who was
	// made a member of the project itself, had rights there. GitLab works the others out in the background.
	LateRights int
	// RefuseTopLevelGroups makes the creation of groups without a parent fail, as gitlab.com does.
	RefuseTopLevelGroups bool
}

// Server is the stand-in. All methods may be called concurrently.
type Server struct {
	o         Options
	temporary string
	dir       string
	repos     *gitserver.Repos
	routes    *routes
	trouble   *Trouble
	log       requestLog
	limit     limiter
	ban       bans
	hooks     deliveries

	// The state of the instance. A request holds the lock while it reads or changes it, not while git works.
	mu         sync.Mutex
	last       map[string]int64
	users      map[int64]*user
	tokens     []*token
	namespaces map[int64]*namespace
	projects   map[int64]*project
	moved      map[string]int64 // old path of a project, in lower case -> its id
	external   string

	listening *http.Server
	ended     chan struct{}

	// door lets requests in until Close shuts it: none begins while Close waits for those under way.
	door     sync.Mutex
	shut     bool
	underWay sync.WaitGroup
}

// New makes an instance with the administrator root and nothing else. It is an http.Handler: the API lies below
// /api/v4, repositories at /<path>.git.
func New(o Options) (*Server, error) {
	setDefaults(&o)
	s := &Server{
		o: o, trouble: &Trouble{}, last: map[string]int64{}, users: map[int64]*user{},
		namespaces: map[int64]*namespace{},
		projects:   map[int64]*project{}, moved: map[string]int64{}, external: strings.TrimSuffix(o.ExternalURL, "/"),
		dir: o.Dir,
	}
	s.hooks.init()
	routes, err := newRoutes()
	if err != nil {
		return nil, err
	}
	s.routes = routes
	if s.dir == "" {
		if s.temporary, err = os.MkdirTemp("", "fakegitlab-"); err != nil {
			return nil, fmt.Errorf("creating a directory for repositories: %w", err)
		}
		s.dir = s.temporary
	}
	if s.dir, err = filepath.Abs(s.dir); err != nil {
		return nil, fmt.Errorf("looking for the directory of repositories: %w", err)
	}
	if s.repos, err = gitserver.NewRepos(s.dir); err != nil {
		return nil, err
	}
	root := s.addUser(&user{username: "root", name: "Administrator", email: "admin@example.com",
		admin: true, canGroup: true})
	s.addToken(&token{user: root, name: "root", secret: o.RootToken,
		scopes: []string{"api", "write_repository", "admin_mode"}})
	return s, nil
}

func setDefaults(o *Options) {
	if o.DefaultBranch == "" {
		o.DefaultBranch = "main"
	}
	if o.RootToken == "" {
		o.RootToken = newSecret("glpat-")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.RequestsPerMinute == 0 {
		o.RequestsPerMinute = 400
	}
	if o.FailedLogins == 0 {
		o.FailedLogins = 30
	}
}

// RootToken is the token of the administrator.
func (s *Server) RootToken() string { return s.o.RootToken }

// Trouble holds the switches for an instance that doesn't work well.
func (s *Server) Trouble() *Trouble { return s.trouble }

// Start listens at a free port of 127.0.0.1 until Close, and returns the address of the instance without a trailing
// slash. The context covers the start only.
func (s *Server) Start(ctx context.Context) (url string, err error) {
	return s.StartAt(ctx, "127.0.0.1:0")
}

// StartAt is Start at an address of one's choice.
func (s *Server) StartAt(ctx context.Context, address string) (url string, err error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return "", fmt.Errorf("listening for GitLab: %w", err)
	}
	url = "http://" + listener.Addr().String()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listening != nil {
		_ = listener.Close()
		return "", errors.New("this GitLab listens already")
	}
	if s.external == "" {
		s.external = url
	}
	server, ended := &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}, make(chan struct{})
	s.listening, s.ended = server, ended
	go func() {
		defer close(ended)
		_ = server.Serve(listener) // It returns when Close closes the listener, and tells nothing else.
	}()
	return url, nil
}

// Close ends the instance at once, waits for deliveries of hooks, and removes the repositories if their directory was a
// temporary one.
func (s *Server) Close() error {
	s.mu.Lock()
	server, ended := s.listening, s.ended
	s.listening = nil
	s.mu.Unlock()
	var err error
	if server != nil {
		err = server.Close()
		<-ended
	}
	s.door.Lock()
	s.shut = true
	s.door.Unlock()
	s.underWay.Wait()
	s.hooks.close()
	if s.temporary != "" {
		err = errors.Join(err, os.RemoveAll(s.temporary))
	}
	return err
}

// ServeHTTP is one request to the instance.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.enter() {
		panic(http.ErrAbortHandler) // as one that comes a moment later
	}
	defer s.underWay.Done()
	entry := s.log.begin(r)
	counted := &statusWriter{ResponseWriter: w}
	defer func() { s.log.end(entry, counted.status) }()
	s.trouble.serve(counted, r, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/api/") {
			s.serveAPI(w, r)
			return
		}
		s.serveGit(w, r)
	})
}

// enter lets a request in, unless the instance is closed.
func (s *Server) enter() bool {
	s.door.Lock()
	defer s.door.Unlock()
	if !s.shut {
		s.underWay.Add(1)
	}
	return !s.shut
}

// URL is the address of the instance: Options.ExternalURL, or what Start returned.
func (s *Server) URL() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.external
}

func (s *Server) now() time.Time { return s.o.Now().UTC() }

func (s *Server) next(kind string) int64 {
	s.last[kind]++
	return s.last[kind]
}
