package server

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/nautes-labs/deployment-runtime/internal/change"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/secret"
)

// SigningPrefix marks a signing token; the rest is a key in base64. Any other text is a secret token, which GitLab
// sends unchanged.
const SigningPrefix = "whsec_"

const (
	// hookWindow is how far the time of a signed call may differ from ours.
	hookWindow = 5 * time.Minute
	// maxDeliveries bounds how many ids of calls are remembered.
	maxDeliveries = 4096
	// maxSignatures bounds how many signatures of one call are checked.
	maxSignatures = 8
)

// Push is a push to a project of the git host, as its webhook reported it. It is only a hint to look, not a proven
// fact.
type Push struct {
	ProjectID int64
	// Path is the full path of the project.
	Path string
}

// hookCheck holds the secrets with which the git host authenticates.
type hookCheck struct {
	tokens [][]byte
	keys   [][]byte
	seen   deliveries
}

func newHookCheck(secrets []secret.Token) (*hookCheck, error) {
	h := &hookCheck{seen: deliveries{at: map[string]time.Time{}}}
	for i, s := range secrets {
		encoded, signs := strings.CutPrefix(s.Reveal(), SigningPrefix)
		if !signs {
			h.tokens = append(h.tokens, []byte(s.Reveal()))
			continue
		}
		key, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil || len(key) == 0 {
			return nil, fmt.Errorf("secret %d of the webhook begins with %s but is no key in base64", i+1,
				SigningPrefix)
		}
		h.keys = append(h.keys, key)
	}
	return h, nil
}

// token says whether the header X-Gitlab-Token holds one of the secret tokens. Its running time does not depend on the
// value.
func (h *hookCheck) token(header http.Header) bool {
	given := sha256.Sum256([]byte(header.Get("X-Gitlab-Token")))
	found := 0
	for _, t := range h.tokens {
		want := sha256.Sum256(t)
		found |= subtle.ConstantTimeCompare(given[:], want[:])
	}
	return found == 1
}

// isSigned says whether the call has a signature. GitLab sends webhook-id and webhook-timestamp with every call, the
// signature only where a signing token is set.
func (h *hookCheck) isSigned(header http.Header) bool {
	return len(h.keys) > 0 && header.Get("webhook-signature") != ""
}

// signature says whether one of the signing tokens signed the call, and not too long ago.
func (h *hookCheck) signature(header http.Header, body []byte, now time.Time) bool {
	id, stamp := header.Get("webhook-id"), header.Get("webhook-timestamp")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || id == "" {
		return false
	}
	if age := now.Sub(time.Unix(seconds, 0)); age > hookWindow || age < -hookWindow {
		return false
	}
	found := false
	for i, given := range strings.Fields(header.Get("webhook-signature")) {
		encoded, ok := strings.CutPrefix(given, "v1,")
		sum, err := base64.StdEncoding.DecodeString(encoded)
		if !ok || err != nil || i >= maxSignatures {
			continue
		}
		for _, key := range h.keys {
			mac := hmac.New(sha256.New, key)
			mac.Write([]byte(id + "." + stamp + "."))
			mac.Write(body)
			found = hmac.Equal(sum, mac.Sum(nil)) || found
		}
	}
	return found
}

// deliveries remembers the ids of calls, so that a repeated call has no effect, whoever sends it.
type deliveries struct {
	mu    sync.Mutex
	at    map[string]time.Time
	order []string
}

// isNew remembers the id and says whether it was unknown before.
func (d *deliveries) isNew(id string, now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for len(d.order) > 0 && (len(d.order) >= maxDeliveries || now.Sub(d.at[d.order[0]]) > 2*hookWindow) {
		delete(d.at, d.order[0])
		d.order = d.order[1:]
	}
	if _, known := d.at[id]; known {
		return false
	}
	d.at[id] = now
	d.order = append(d.order, id)
	return true
}

// addHook adds the webhook if there is a secret for it.
func (s *Server) addHook() error {
	if len(s.o.HookSecrets) == 0 {
		return nil
	}
	check, err := newHookCheck(s.o.HookSecrets)
	if err != nil {
		return err
	}
	s.hooks = check
	op := &huma.Operation{OperationID: opHook, Method: http.MethodPost, Path: change.HookPath, Hidden: true}
	s.api.Adapter().Handle(op, func(hc huma.Context) {
		r, w := humago.Unwrap(hc)
		callOf(r.Context()).operation = opHook
		if err := s.hook(w, r); err != nil {
			s.fail(w, r, err)
			return
		}
		w.WriteHeader(http.StatusAccepted)
	})
	return nil
}

// hook authenticates the call and passes on the push. An authenticated call always gets 202, even if it means nothing
// to us: GitLab permanently disables a hook that is answered with 4xx again and again.
func (s *Server) hook(w http.ResponseWriter, r *http.Request) error {
	if !s.hooks.isSigned(r.Header) && !s.hooks.token(r.Header) {
		return s.strangers()
	}
	body, release, err := s.receive(w, r, maxHook)
	if err == nil {
		defer release()
	}
	switch {
	case problem.Is(err, problem.RateLimited):
		return problem.New(problem.Unavailable, problem.ReasonTooManyRequests,
			"the server is busy; send the call again")
	case err != nil && s.hooks.isSigned(r.Header):
		return err
	case err != nil:
		s.ignore(r, "the payload cannot be read")
		return nil
	case s.hooks.isSigned(r.Header) && !s.hooks.signature(r.Header, body, s.now()):
		return s.strangers()
	}
	id := deliveryID(r.Header)
	if id != "" && !s.hooks.seen.isNew(id, s.now()) {
		s.ignore(r, "this call came before")
		return nil
	}
	push, ok := pushOf(body)
	if !ok {
		s.ignore(r, "it reports no push")
		return nil
	}
	s.metrics.hooks.WithLabelValues(hookAccepted).Inc()
	if s.o.Pushed != nil {
		s.o.Pushed(push)
	}
	return nil
}

func (s *Server) strangers() error {
	s.metrics.hooks.WithLabelValues(hookRefused).Inc()
	return problem.New(problem.Unauthenticated, problem.ReasonNoToken,
		"the call does not prove that it comes from the git host: compare the secret of its webhook with ours")
}

func (s *Server) ignore(r *http.Request, why string) {
	s.metrics.hooks.WithLabelValues(hookIgnored).Inc()
	s.log.InfoContext(r.Context(), "webhook ignored", slog.String("request_id", callOf(r.Context()).id),
		slog.String("why", why))
}

// deliveryID returns GitLab's id of a delivery. It stays the same when GitLab repeats the delivery.
func deliveryID(h http.Header) string {
	const longest = 256
	for _, name := range []string{"webhook-id", "Idempotency-Key"} {
		if id := h.Get(name); id != "" && len(id) <= longest {
			return id
		}
	}
	return ""
}

// pushOf reads the project of a push from the payload of a project, group or system webhook.
func pushOf(body []byte) (Push, bool) {
	var payload struct {
		ObjectKind string `json:"object_kind"`
		EventName  string `json:"event_name"`
		ProjectID  int64  `json:"project_id"`
		Project    struct {
			ID   int64  `json:"id"`
			Path string `json:"path_with_namespace"`
		} `json:"project"`
	}
	if err := json.Unmarshal(body, &payload); err != nil {
		return Push{}, false
	}
	event := payload.ObjectKind
	if event == "" {
		event = payload.EventName
	}
	push := Push{ProjectID: payload.ProjectID, Path: payload.Project.Path}
	if push.ProjectID == 0 {
		push.ProjectID = payload.Project.ID
	}
	switch event {
	case "push", "tag_push", "repository_update":
		return push, push.ProjectID > 0
	}
	return Push{}, false
}
