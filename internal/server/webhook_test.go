package server_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nautes-labs/deployment-runtime/internal/secret"
	"github.com/nautes-labs/deployment-runtime/internal/server"
)

const (
	hookToken = "hook-canary-secret"
	pushEvent = `{"object_kind":"push","event_name":"push","ref":"refs/heads/main","project_id":3,
		"project":{"id":3,"path_with_namespace":"nautes-labs/default.project"}}`
)

func signingToken(key string) string {
	return "whsec_" + base64.StdEncoding.EncodeToString([]byte(key))
}

// signed signs a call as GitLab does where a signing token is set.
func signed(key, id string, at time.Time, body string) func(*http.Request) {
	stamp := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(id + "." + stamp + "." + body))
	return func(r *http.Request) {
		r.Header.Set("Webhook-Id", id)
		r.Header.Set("Webhook-Timestamp", stamp)
		r.Header.Set("Webhook-Signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
		r.Header.Del("Authorization")
	}
}

func TestAHookProvesWhereItComesFrom(t *testing.T) {
	key := strings.Repeat("k", 32)
	now := time.Now()
	for name, c := range map[string]struct {
		body   string
		adjust []func(*http.Request)
		want   int
	}{
		"the secret token": {pushEvent, []func(*http.Request){header("X-Gitlab-Token", hookToken)},
			202},
		"the older secret token": {pushEvent, []func(*http.Request){header("X-Gitlab-Token", "older")}, 202},
		"the token, and an id without a sign": {pushEvent, []func(*http.Request){header("X-Gitlab-Token", hookToken),
			header("Webhook-Id", "1"), header("Webhook-Timestamp", "1")}, 202},
		"a wrong token": {pushEvent, []func(*http.Request){header("X-Gitlab-Token", "wrong")}, 401},
		"a part of the token": {pushEvent,
			[]func(*http.Request){header("X-Gitlab-Token", hookToken[:5])}, 401},
		"nothing": {pushEvent, nil, 401},
		"a signing token sent as it is": {pushEvent,
			[]func(*http.Request){header("X-Gitlab-Token", signingToken(key))}, 401},
		"a signature": {pushEvent, []func(*http.Request){signed(key, "1", now, pushEvent)}, 202},
		"a signature four minutes old": {pushEvent,
			[]func(*http.Request){signed(key, "1", now.Add(-4*time.Minute), pushEvent)}, 202},
		"a signature six minutes old": {pushEvent,
			[]func(*http.Request){signed(key, "1", now.Add(-6*time.Minute), pushEvent)}, 401},
		"a signature from the future": {pushEvent,
			[]func(*http.Request){signed(key, "1", now.Add(6*time.Minute), pushEvent)}, 401},
		"a signature of another body": {pushEvent, []func(*http.Request){signed(key, "1", now, "{}")}, 401},
		"a signature with another key": {pushEvent, []func(*http.Request){signed("other", "1", now, pushEvent)},
			401},
		"a signature of another id": {pushEvent,
			[]func(*http.Request){signed(key, "1", now, pushEvent), header("Webhook-Id", "2")}, 401},
		"one of two signatures": {pushEvent,
			[]func(*http.Request){signed(key, "1", now, pushEvent), func(r *http.Request) {
				r.Header.Set("Webhook-Signature", "v1,AAAA "+r.Header.Get("Webhook-Signature"))
			}}, 202},
		"a wrong signature beside the right token": {pushEvent,
			[]func(*http.Request){signed("other", "1", now, pushEvent), header("X-Gitlab-Token", hookToken)}, 401},
		"the right token with something unknown": {`{"object_kind":"issue","project_id":3}`,
			[]func(*http.Request){header("X-Gitlab-Token", hookToken)}, 202},
		"the right token with no JSON": {`{`, []func(*http.Request){header("X-Gitlab-Token", hookToken)},
			202},
		"the right token with 5 MB": {strings.Repeat(" ", 5<<20),
			[]func(*http.Request){header("X-Gitlab-Token", hookToken)}, 202},
		"a signature with 5 MB": {strings.Repeat(" ", 5<<20),
			[]func(*http.Request){signed(key, "1", now, "")}, 413},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, withHook(hookToken, "older", signingToken(key)))
			got := w.do(t, http.MethodPost, "/webhook/gitlab", c.body,
				append([]func(*http.Request){header("Authorization", "")}, c.adjust...)...)
			if got.StatusCode != c.want {
				t.Errorf("got %d %s", got.StatusCode, got.body)
			}
			pushed := c.want == http.StatusAccepted && c.body == pushEvent
			if pushed != (len(w.pushes) == 1) {
				t.Errorf("passed on: %v", w.pushes)
			}
			if strings.Contains(w.log.String()+got.body, "canary") {
				t.Error("the secret is seen")
			}
		})
	}
}

func TestWhatAHookReports(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		want []server.Push
	}{
		"a push": {pushEvent, []server.Push{{ProjectID: 3, Path: "nautes-labs/default.project"}}},
		"a tag": {`{"object_kind":"tag_push","project_id":4,"project":{"path_with_namespace":"a/b"}}`,
			[]server.Push{{ProjectID: 4, Path: "a/b"}}},
		"a push to the system": {`{"event_name":"push","project":{"id":4,"path_with_namespace":"a/b"}}`,
			[]server.Push{{ProjectID: 4, Path: "a/b"}}},
		"an update of the system": {`{"event_name":"repository_update","project_id":4,"project":{"path_with_namespace":"a/b"}}`,
			[]server.Push{{ProjectID: 4, Path: "a/b"}}},
		"a merge request": {`{"object_kind":"merge_request","project":{"id":4}}`, nil},
		"no project":      {`{"object_kind":"push"}`, nil},
		"a list":          {`[]`, nil},
	} {
		w := newWorld(t, withHook(hookToken))
		if got := w.do(t, http.MethodPost, "/webhook/gitlab", c.body,
			header("X-Gitlab-Token", hookToken)); got.StatusCode != http.StatusAccepted {
			t.Errorf("%s: got %d", name, got.StatusCode)
		}
		if diff := cmp.Diff(c.want, w.pushes); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestAHookThatIsSentAgainDoesNothing(t *testing.T) {
	w := newWorld(t, withHook(hookToken))
	send := func(id string) {
		if got := w.do(t, http.MethodPost, "/webhook/gitlab", pushEvent, header("X-Gitlab-Token", hookToken),
			header("Idempotency-Key", id)); got.StatusCode != http.StatusAccepted {
			t.Errorf("got %d", got.StatusCode)
		}
	}
	send("a")
	send("a")
	send("b")
	if len(w.pushes) != 2 {
		t.Errorf("got %d pushes", len(w.pushes))
	}
	for i := range 5000 { // more than are remembered
		send("x" + strconv.Itoa(i))
	}
	w.pushes = nil
	send("x4999")
	if len(w.pushes) != 0 {
		t.Error("a recent call is forgotten")
	}
}

func TestWithoutASecretThereIsNoHook(t *testing.T) {
	got := newWorld(t).do(t, http.MethodPost, "/webhook/gitlab", pushEvent, header("X-Gitlab-Token", ""))
	if got.StatusCode != http.StatusNotFound || got.problem(t).Reason != "NO_ROUTE" {
		t.Errorf("got %d %s", got.StatusCode, got.body)
	}
}

func TestASigningTokenThatIsNoneIsFoundAtStart(t *testing.T) {
	w := newWorld(t)
	w.options.HookSecrets = []secret.Token{secret.New("whsec_%%canary")}
	if _, err := server.New(w.options); err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("got %v", err)
	}
}
