package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
	"github.com/go-git/go-git/v5/plumbing/transport"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"

	"github.com/nautes-labs/deployment-runtime/internal/layout"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/turns"
)

// want says what a fetch is for, and which objects it needs.
type want struct {
	operation string
	filter    packp.Filter
}

// A server that supports filters does not send files that are too large to be read. It sends no files at all when only
// their names are needed.
var (
	//nolint:gochecknoglobals // a constant that Go cannot express
	wantFiles = want{OperationFetch, packp.FilterBlobLimit(layout.MaxFileBytes+1, packp.BlobLimitPrefixNone)}
	//nolint:gochecknoglobals // a constant that Go cannot express
	wantNames = want{OperationBlob, packp.FilterBlobNone()}
)

// slot waits until fewer fetches are running. The caller gives the slot back with done as soon as it does not need the
// received objects any more.
func (s *Store) slot(ctx context.Context, r Remote) (done func(), err error) {
	done, _, err = s.slots.Enter(ctx,
		turns.Share{Key: fmt.Sprint("project ", r.ProjectID), Most: max(s.options.MaxFetches/4, 1)},
		turns.Share{Key: "caller " + r.Token.Fingerprint(), Most: max(s.options.MaxFetches/2, 1)})
	switch {
	case err == nil:
		return done, nil
	case errors.Is(err, context.Canceled):
		return nil, fmt.Errorf("waiting for other fetches: %w", err)
	default:
		return nil, problem.New(problem.Unavailable, problem.ReasonTimedOut,
			"too many repositories are being read, and %s had to wait too long: try again later", r.URL)
	}
}

// fetch gets the objects of exactly one commit. The caller holds a slot. Errors are problems; LostRace means that the
// host does not hand out the commit.
func (s *Store) fetch(ctx context.Context, r Remote, commit plumbing.Hash, w want) (p *pack, err error) {
	ctx, tell := s.observe(ctx, r, w.operation)
	x, client, err := s.connect(r)
	defer func() { tell(x, err) }()
	if err != nil {
		return nil, err
	}
	session, err := r.uploadPack(client)
	if err != nil {
		return nil, x.failure(ctx, err)
	}
	defer func() { _ = session.Close() }()
	adv, err := session.AdvertisedReferencesContext(ctx)
	if errors.Is(err, transport.ErrEmptyRemoteRepository) {
		return nil, lostRace(r, "it has no commit")
	}
	if err != nil {
		return nil, x.failure(ctx, err)
	}
	if !handsOut(adv, commit) {
		return nil, lostRace(r, "%s is not its head any more", commit)
	}
	response, err := session.UploadPack(ctx, request(adv.Capabilities, commit, w.filter))
	if why, refused := x.refused(); refused {
		if response != nil {
			_ = response.Close()
		}
		if strings.Contains(why, "not our ref") || strings.Contains(why, "no such") {
			return nil, lostRace(r, "%s is not there any more", commit)
		}
		return nil, unreadable(r, errors.New(plain(why, r.Token)))
	}
	if err != nil {
		return nil, x.failure(ctx, err)
	}
	defer func() { _ = response.Close() }()
	return s.receive(ctx, x, response, adv.Capabilities)
}

// uploadPack returns go-git's session of a fetch.
func (r Remote) uploadPack(client *http.Client) (transport.UploadPackSession, error) {
	endpoint, err := transport.NewEndpoint(r.URL)
	if err != nil {
		return nil, problem.New(problem.Internal, problem.ReasonBadRemote,
			"the address of project %d cannot be read", r.ProjectID).Because(err)
	}
	var auth transport.AuthMethod
	if !r.Token.IsZero() {
		auth = &githttp.BasicAuth{Username: user, Password: r.Token.Reveal()}
	}
	return githttp.NewClientWithOptions(client, &githttp.ClientOptions{RedirectPolicy: githttp.NoFollowRedirects}).
		NewUploadPackSession(endpoint, auth)
}

// receive reads the pack. It also reads the rest of the answer, so that the connection can be used again.
func (s *Store) receive(ctx context.Context, x *exchange, from io.Reader, caps *capability.List) (*pack, error) {
	if caps.Supports(capability.Sideband64k) {
		from = sideband.NewDemuxer(sideband.Sideband64k, from)
	}
	p, err := readPack(ctx, from, s.options.MaxPackBytes, 2*s.options.MaxFiles)
	if errors.Is(err, errTooBig) {
		return nil, tooLarge(x.remote.URL, "has more files or data than is read")
	}
	if err != nil {
		return nil, x.failure(ctx, err)
	}
	_, _ = io.Copy(io.Discard, from)
	return p, nil
}

// handsOut says whether the server hands out the commit on request.
func handsOut(adv *packp.AdvRefs, commit plumbing.Hash) bool {
	if adv.Capabilities.Supports(capability.AllowReachableSHA1InWant) ||
		adv.Capabilities.Supports(capability.AllowTipSHA1InWant) {
		return true
	}
	for _, h := range adv.References {
		if h == commit {
			return true
		}
	}
	return adv.Head != nil && *adv.Head == commit
}

func request(caps *capability.List, commit plumbing.Hash, filter packp.Filter) *packp.UploadPackRequest {
	req := packp.NewUploadPackRequest()
	req.Wants = []plumbing.Hash{commit}
	for _, c := range []capability.Capability{capability.Sideband64k, capability.OFSDelta, capability.Shallow,
		capability.NoProgress} {
		if caps.Supports(c) {
			_ = req.Capabilities.Set(c)
		}
	}
	if caps.Supports(capability.Agent) {
		_ = req.Capabilities.Set(capability.Agent, capability.DefaultAgent())
	}
	if caps.Supports(capability.Shallow) {
		req.Depth = packp.DepthCommits(1)
	}
	if caps.Supports(capability.Filter) {
		_ = req.Capabilities.Set(capability.Filter)
		req.Filter = filter
	}
	return req
}
