package gitrepo

import (
	"context"
	"math"
	"net/http"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/secret"
	"github.com/nautes-labs/deployment-runtime/internal/turns"
)

// Remote is one repository, with the token of the caller that asks for it.
type Remote struct {
	// ProjectID is the git host's id of the project.
	ProjectID int64
	// URL is the http or https address for git, without credentials.
	URL string
	// Token of the caller. It is sent only to this URL, in a header, as the password of user oauth2.
	Token secret.Token
}

// Operations in an Observation.
const (
	OperationFetch = "fetch"
	OperationPush  = "push"
	OperationBlob  = "blob"
)

// Observation describes one exchange with the git host.
type Observation struct {
	// Operation is one of the operations above.
	Operation string
	// Outcome is ok, the reason of the problem, or Canceled.
	Outcome  string
	Duration time.Duration
	// Bytes received.
	Bytes int64
}

// Options of a store. The zero value works.
type Options struct {
	// MaxBytes is the memory that all snapshots together may take, 256 MiB by default. Snapshot.Bytes counts it.
	MaxBytes int64
	// MaxPackBytes is how much one exchange may receive, and how much one commit may unpack to: 32 MiB by default. Argo
	// CD stops at 10 MB of resources.
	MaxPackBytes int64
	// MaxFiles is how many files and directories one commit may have, 20,000 by default.
	MaxFiles int
	// MaxFetches is how many fetches may run at the same time, 4 by default. A fetch runs until its result is unpacked.
	// With MaxPackBytes this bounds the memory of fetches. One project gets at most a quarter of the fetches, one
	// caller at most a half.
	MaxFetches int
	// Timeout of one fetch or push, 30 s by default.
	Timeout time.Duration
	// HTTP is the client whose transport, cookie jar and timeout are used, for private authorities and proxies.
	// Redirects are never followed.
	HTTP *http.Client
	// Observe, if set, is called after every exchange. Now is the clock; without it durations are 0.
	Observe func(Observation)
	// Looked, if set, is called for every snapshot that somebody wants, with whether it was kept. It must not block.
	Looked func(kept bool)
	Now    func() time.Time
}

// headsPerProject bounds how many commits of one project are kept. partPerProject is the part of MaxBytes that the
// commits of one project may take together; only the newest may be larger. So a busy or large project doesn't drive out
// all others.
const (
	headsPerProject = 4
	partPerProject  = 4
)

type key struct {
	project int64
	head    plumbing.Hash
}

// Store keeps snapshots. Several goroutines can use it.
type Store struct {
	options Options
	slots   turns.Queue

	refusals *refusals

	mu        sync.Mutex
	snapshots *simplelru.LRU[key, *Snapshot]
	bytes     int64
	flights   map[key]*flight
}

// NewStore returns an empty store. With the defaults, what is in use at one time fits into the memory that
// config/apiserver gives to a pod (1 GiB, of which GOMEMLIMIT is 900 MiB):
//
//	256 MiB  snapshots (MaxBytes, --snapshot-bytes)
//	400 MiB  4 fetches (MaxFetches), each of a commit of 32 MiB (MaxPackBytes), and of about 65 MiB while the largest file is parsed
//	128 MiB  bodies of requests (maxBodies of internal/server), and 32 MiB answers (maxAnswers)
//	 50 MiB  the program with its schemas
//
// The caches of the management cluster come on top; the rest is for garbage. A tree takes at most layout.MaxTreeBytes;
// what one project can have of all this is one fetch, its part of the snapshots, and the trees that its requests work
// on (internal/change).
func NewStore(o Options) *Store {
	o.MaxBytes = orDefault(o.MaxBytes, 256<<20)
	o.MaxPackBytes = orDefault(o.MaxPackBytes, 32<<20)
	o.MaxFiles = orDefault(o.MaxFiles, 20_000)
	o.MaxFetches = orDefault(o.MaxFetches, 4)
	o.Timeout = orDefault(o.Timeout, 30*time.Second)
	snapshots, err := simplelru.NewLRU[key, *Snapshot](math.MaxInt, nil)
	if err != nil {
		panic(err) // only a size below 1 is refused
	}
	return &Store{
		options: o, refusals: newRefusals(o.Now), snapshots: snapshots, flights: map[key]*flight{},
		slots: turns.Queue{Places: o.MaxFetches, Waiting: math.MaxInt}, // the HTTP server bounds how many requests wait
	}
}

func orDefault[T int | int64 | time.Duration](value, otherwise T) T {
	if value > 0 {
		return value
	}
	return otherwise
}

// Snapshot returns the files of exactly this commit of branch main. A snapshot that is already kept is handed out
// without asking the git host. A problem with ReasonLostRace means that the host does not hand out the commit any more:
// read the head again.
//
// Calls for the same commit wait for one fetch. If the host refuses a caller, only that caller gets the refusal. If the
// context of one caller ends, the fetch goes on for the others.
func (s *Store) Snapshot(ctx context.Context, r Remote, head string) (*Snapshot, error) {
	commit, ok := hash(head)
	if !ok {
		return nil, problem.New(problem.Internal, problem.ReasonBadRemote, "%q is no commit", plain(head, r.Token))
	}
	return s.snapshot(ctx, r, key{r.ProjectID, commit})
}

// Bytes returns the memory that all snapshots together take, as Snapshot.Bytes counts it.
func (s *Store) Bytes() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bytes
}

// cached returns a snapshot that is kept, or nil.
func (s *Store) cached(k key) *Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	snapshot, _ := s.snapshots.Get(k)
	return snapshot
}

// keep adds a snapshot. If there are too many, it drops the snapshots that were not used for longest.
func (s *Store) keep(snapshot *Snapshot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := key{snapshot.project, snapshot.head}
	s.drop(k)
	s.snapshots.Add(k, snapshot)
	s.bytes += snapshot.bytes
	var same []key
	var bytes int64
	for _, other := range s.snapshots.Keys() { // oldest first
		if other.project == k.project {
			same = append(same, other)
			bytes += s.bytesOf(other)
		}
	}
	for len(same) > headsPerProject || len(same) > 1 && bytes > s.options.MaxBytes/partPerProject {
		bytes -= s.bytesOf(same[0])
		s.drop(same[0])
		same = same[1:]
	}
	for s.bytes > s.options.MaxBytes {
		oldest, _, ok := s.snapshots.GetOldest()
		if !ok {
			return
		}
		s.drop(oldest)
	}
}

func (s *Store) bytesOf(k key) int64 {
	snapshot, _ := s.snapshots.Peek(k)
	return snapshot.bytes
}

func (s *Store) drop(k key) {
	if snapshot, ok := s.snapshots.Peek(k); ok {
		s.snapshots.Remove(k)
		s.bytes -= snapshot.bytes
	}
}

// hash parses a commit id as git hosts write it.
func hash(id string) (plumbing.Hash, bool) {
	h := plumbing.NewHash(id)
	return h, h.String() == id && !h.IsZero()
}
