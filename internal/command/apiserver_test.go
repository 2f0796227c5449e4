package command

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// kubeconfig leads to an API server that is not there.
const kubeconfig = `{"apiVersion":"v1","kind":"Config","current-context":"x",
 "contexts":[{"name":"x","context":{"cluster":"x","user":"x"}}],"users":[{"name":"x","user":{}}],
 "clusters":[{"name":"x","cluster":{"server":"http://127.0.0.1:1"}}]}`

func TestTheAPIServerSaysInOneLineWhyItDoesNotStart(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	good := []string{"--gitlab-url", "https://gitlab.example.com", "--listen", "127.0.0.1:0",
		"--metrics-bind-address", "0"}
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no GitLab":               {nil, "--gitlab-url is needed"},
		"GitLab without a scheme": {[]string{"--gitlab-url", "gitlab.example.com"}, "--gitlab-url must be a URL"},
		"a token in the URL of GitLab": {[]string{"--gitlab-url", "https://oauth2:canary@gitlab.example.com"},
			"--gitlab-url must be a URL"},
		"a bad public URL":              {append(good, "--public-url", "ftp://x"), "--public-url must be a URL"},
		"a certificate without its key": {append(good, "--tls-cert-file", "x"), "--tls-private-key-file"},
		"a certificate that is not there": {append(good, "--tls-cert-file", "/nowhere", "--tls-private-key-file",
			"/nowhere"), "reading --tls-cert-file"},
		"a CA that is not there": {append(good, "--gitlab-ca-file", "/nowhere"), "reading --gitlab-ca-file"},
		"a CA that is none": {append(good, "--gitlab-ca-file", write(t, "ca", "x")),
			"holds no PEM certificate"},
		"an empty secret": {append(good, "--webhook-secret-file", write(t, "secret", " \n")),
			"holds no secret"},
		"a signing token that is none": {append(good, "--webhook-secret-file", write(t, "secret", "whsec_%canary")),
			"no key in base64"},
		"a kubeconfig that is not there": {append(good, "--kubeconfig", "/nowhere"), "reading --kubeconfig"},
		"a kubeconfig that is none": {append(good, "--kubeconfig", write(t, "kubeconfig", "[")),
			"reading --kubeconfig"},
		"a kubeconfig with a broken CA": {
			append(good, "--kubeconfig", write(t, "kubeconfig", strings.Replace(kubeconfig, `"http://127.0.0.1:1"`,
				`"https://127.0.0.1:1","certificate-authority-data":"eA=="`, 1))),
			"reading how to connect to the management cluster",
		},
		"an address that is none": {append(good, "--listen", "nonsense"), "listening on --listen"},
		"too little memory":       {append(good, "--snapshot-bytes", "1"), "--snapshot-bytes must be at least"},
		"no requests": {append(good, "--max-concurrent-requests", "0"),
			"--max-concurrent-requests must be at least"},
		"an unknown flag": {append(good, "--nonsense"), "unknown flag"},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errs bytes.Buffer
			if code := Execute(t.Context(), append([]string{"apiserver"}, c.args...), &out, &errs); code != 1 {
				t.Errorf("exit code %d", code)
			}
			var lines []string
			for line := range strings.Lines(errs.String()) {
				if !strings.HasPrefix(line, "{") { // the log
					lines = append(lines, line)
				}
			}
			if len(lines) != 1 || !strings.HasPrefix(lines[0], "manager: ") || !strings.Contains(lines[0], c.want) ||
				strings.Contains(lines[0], "canary") {
				t.Errorf("got %q", lines)
			}
		})
	}
}

// output collects lines, and says where the server listens once it does.
type output struct {
	mu      sync.Mutex
	data    bytes.Buffer
	serving chan string
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var line struct{ Msg, Address string }
	if json.Unmarshal(p, &line) == nil && line.Msg == "serving" {
		o.serving <- line.Address
	}
	return o.data.Write(p)
}

func TestTheAPIServerServesWithoutAManagementClusterAndEndsCleanly(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	errs := &output{serving: make(chan string, 1)}
	ended := make(chan int, 1)
	go func() {
		ended <- Execute(ctx, []string{"apiserver", "--gitlab-url", "http://127.0.0.1:1", "--listen", "127.0.0.1:0",
			"--metrics-bind-address", "0",
			"--webhook-secret-file", write(t, "secret", "hook-canary\n")}, &bytes.Buffer{}, errs)
	}()
	var address string
	select {
	case address = <-errs.serving:
	case code := <-ended:
		t.Fatalf("ended with %d: %s", code, errs.data.String())
	}
	for path, want := range map[string]int{"/readyz": 200, "/openapi.json": 200, "/metrics": 404,
		"/api/v1/products": 503} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer token-canary")
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}
	stop()
	if code := <-ended; code != 0 {
		t.Errorf("exit code %d", code)
	}
	errs.mu.Lock()
	defer errs.mu.Unlock()
	if log := errs.data.String(); strings.Contains(log, "canary") ||
		!regexp.MustCompile(`"msg":"request".*"operation":"Product_ListProducts"`).MatchString(log) {
		t.Errorf("log: %s", log)
	}
}
