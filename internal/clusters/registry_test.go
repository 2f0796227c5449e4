package clusters_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/clusters"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

const secretOfC1 = "nautes/c1-kubeconfig"

func wants(t *testing.T, err error, class problem.Class, reason string) {
	t.Helper()
	p := problem.As(err)
	if p == nil || p.Class != class || p.Reason != reason {
		t.Fatalf("got %#v, want %s/%s", err, class, reason)
	}
	if strings.Contains(p.Message, secret) {
		t.Errorf("the message holds a secret: %s", p.Message)
	}
}

func TestAClientIsMadeOnceForAnAddressAndAKubeconfig(t *testing.T) {
	ctx := t.Context()
	server := newAPIServer(t, "uid-1")
	r := clusters.NewRegistry(secrets{secretOfC1: server.kubeconfig(t, secret)}, "nautes", clusters.Options{})

	first, err := r.Client(ctx, registered(server.URL, "uid-1"))
	if err != nil {
		t.Fatal(err)
	}
	var system corev1.Namespace
	if err := first.Get(ctx, client.ObjectKey{Name: "kube-system"}, &system); err != nil || system.UID != "uid-1" {
		t.Errorf("reading through the client: %v, %v", system.UID, err)
	}
	second, err := r.Client(ctx, registered(server.URL, "uid-1"))
	if err != nil || second != first {
		t.Errorf("another client was made: %v", err)
	}
	r.Forget("c1")
	third, err := r.Client(ctx, registered(server.URL, "uid-1"))
	if err != nil || third == first || server.probes.Load() != 2 {
		t.Errorf("after Forget the identity was not asked for again: %v", err)
	}
}

func TestARotatedSecretTakesEffectAtOnce(t *testing.T) {
	ctx := t.Context()
	server := newAPIServer(t, "uid-1")
	reader := secrets{secretOfC1: server.kubeconfig(t, secret)}
	r := clusters.NewRegistry(reader, "nautes", clusters.Options{})
	old, err := r.Client(ctx, registered(server.URL, "uid-1"))
	if err != nil {
		t.Fatal(err)
	}

	server.token.Store("rotated")
	reader[secretOfC1] = server.kubeconfig(t, "rotated")
	rotated, err := r.Client(ctx, registered(server.URL, "uid-1"))
	if err != nil || rotated == old {
		t.Errorf("the old client was handed out: %v", err)
	}
}

func TestNoClientOfAnotherClusterIsHandedOut(t *testing.T) {
	ctx := t.Context()
	server := newAPIServer(t, "uid-2")
	r := clusters.NewRegistry(secrets{secretOfC1: server.kubeconfig(t, secret)}, "nautes", clusters.Options{})

	_, err := r.Client(ctx, registered(server.URL, "uid-1"))
	wants(t, err, problem.Conflict, api.ReasonClusterIdentityChanged)
	if message := err.Error(); !strings.Contains(message, "c1-kubeconfig") ||
		!strings.Contains(message, "register it again") {
		t.Errorf("the message does not say what to do: %s", message)
	}
	_, err = r.Client(ctx, registered(server.URL, ""))
	wants(t, err, problem.Waiting, api.ReasonClusterNotReady)
}

func TestWhyAClusterCannotBeReached(t *testing.T) {
	server := newAPIServer(t, "uid-1")
	closed := httptest.NewTLSServer(http.NotFoundHandler())
	closed.Close()
	noAPI := httptest.NewServer(http.NotFoundHandler())
	defer noAPI.Close()
	redirecting := httptest.NewServer(http.RedirectHandler(server.URL+"/version", http.StatusFound))
	defer redirecting.Close()
	silent := silentServer(t)

	for sentence, tc := range map[string]struct {
		url        string
		kubeconfig []byte
		class      problem.Class
		reason     string
		says       string
	}{
		"nobody listens": {closed.URL, server.kubeconfig(t, secret), problem.Unavailable,
			api.ReasonUnreachable, "refused"},
		"nobody answers": {silent, server.kubeconfig(t, secret), problem.Unavailable,
			api.ReasonUnreachable, "within 50ms"},
		"the name does not resolve": {"https://no-such-host.invalid", server.kubeconfig(t, secret),
			problem.Unavailable, api.ReasonUnreachable, "c1"},
		"something else answers": {noAPI.URL, server.kubeconfig(t, secret), problem.Unavailable,
			api.ReasonUnreachable, "NotFound"},
		"a redirect is not followed": {redirecting.URL, server.kubeconfig(t, secret), problem.Unavailable,
			api.ReasonUnreachable, ""},
		"the certificate is not trusted": {server.URL, kubeconfig(t, nil), problem.Unavailable, api.ReasonUnreachable,
			"certificate"},
		"the credentials are refused": {server.URL, server.kubeconfig(t, "other"), problem.Unavailable,
			api.ReasonUnauthorized, "credentials"},
		"the Secret is not there": {server.URL, nil, problem.Missing, api.ReasonKubeconfigNotFound,
			"c1-kubeconfig"},
		"the kubeconfig is none": {server.URL, []byte("x"), problem.Invalid, api.ReasonKubeconfigInvalid, ""},
		"the URL is none": {"https://h?x", server.kubeconfig(t, secret), problem.Invalid,
			api.ReasonInvalid, "spec.apiServer"},
	} {
		t.Run(sentence, func(t *testing.T) {
			reader := secrets{}
			if tc.kubeconfig != nil {
				reader[secretOfC1] = tc.kubeconfig
			}
			r := clusters.NewRegistry(reader, "nautes", clusters.Options{Timeout: 50 * time.Millisecond})
			if tc.url == server.URL {
				r = clusters.NewRegistry(reader, "nautes", clusters.Options{})
			}
			_, err := r.Client(t.Context(), registered(tc.url, "uid-1"))
			wants(t, err, tc.class, tc.reason)
			if !strings.Contains(err.Error(), tc.says) {
				t.Errorf("%q does not say %q", err, tc.says)
			}
		})
	}
	if server.probes.Load() != 0 {
		t.Error("a redirect was followed with the credentials")
	}
}

// silentServer accepts connections and never says anything.
func silentServer(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return "https://" + listener.Addr().String()
}

func TestAKubeconfigThatCannotBeReadIsNotMissing(t *testing.T) {
	broken := errors.New("connection refused")
	r := clusters.NewRegistry(brokenReader{broken}, "nautes", clusters.Options{})
	_, err := r.Client(t.Context(), registered("https://h", "uid-1"))
	if !errors.Is(err, broken) || problem.As(err) != nil {
		t.Errorf("got %v", err)
	}
}

type brokenReader struct{ err error }

func (r brokenReader) Get(context.Context, client.ObjectKey, client.Object, ...client.GetOption) error {
	return r.err
}
func (r brokenReader) List(context.Context, client.ObjectList, ...client.ListOption) error {
	return r.err
}

func TestProbeTellsVersionAndIdentity(t *testing.T) {
	server := newAPIServer(t, "uid-1")
	r := clusters.NewRegistry(secrets{secretOfC1: server.kubeconfig(t, secret)}, "nautes", clusters.Options{})
	connection, err := r.Connect(t.Context(), registered(server.URL+"/", ""))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	info, err := connection.Probe(t.Context())
	if err != nil || info != (clusters.Info{Version: "v1.33.1", UID: "uid-1"}) {
		t.Errorf("got %v, %v", info, err)
	}
	if connection.Server != server.URL {
		t.Errorf("the URL is not normalized: %s", connection.Server)
	}
}

func TestManyMayAskAtOnce(t *testing.T) {
	server := newAPIServer(t, "uid-1")
	r := clusters.NewRegistry(secrets{secretOfC1: server.kubeconfig(t, secret)}, "nautes", clusters.Options{})
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for range 4 {
				if _, err := r.Client(t.Context(), registered(server.URL, "uid-1")); err != nil {
					t.Error(err)
				}
				r.Forget("c1")
			}
		})
	}
	all.Wait()
}
