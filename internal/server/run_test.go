package server_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/certwatcher"

	"github.com/nautes-labs/deployment-runtime/internal/server"
)

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func request(t *testing.T, method, url string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+canary)
	return r
}

func TestAStopFinishesWhatHasBegun(t *testing.T) {
	w := newWorld(t)
	begun, pushed := make(chan struct{}), make(chan struct{})
	w.during = func(ctx context.Context) {
		close(begun)
		<-pushed
		if ctx.Err() != nil {
			t.Errorf("the push was given up: %v", ctx.Err())
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	l := listen(t)
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx, server.Listener{Listener: l, Patience: time.Minute}) }()

	answered := make(chan int, 1)
	go func() {
		resp, err := http.DefaultClient.Do(request(t, http.MethodDelete, "http://"+l.Addr().String()+runtimes+"/x"))
		if err != nil {
			t.Error(err)
			answered <- 0
			return
		}
		_ = resp.Body.Close()
		answered <- resp.StatusCode
	}()
	<-begun
	stop()
	for dialer := (net.Dialer{}); ; { // until nobody new is let in
		conn, err := dialer.DialContext(t.Context(), "tcp", l.Addr().String())
		if err != nil {
			break
		}
		_ = conn.Close()
	}
	select {
	case err := <-ended:
		t.Fatalf("ended before the push: %v", err)
	default:
	}
	close(pushed)
	if got := <-answered; got != http.StatusOK {
		t.Errorf("the push was answered with %d", got)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if lines := w.audited.lines(t, "write"); len(lines) != 1 || lines[0]["commit"] != "c1" {
		t.Errorf("audit log: %v", lines)
	}
}

func TestAStopEndsAtLast(t *testing.T) {
	w := newWorld(t)
	begun, forever := make(chan struct{}), make(chan struct{})
	defer close(forever)
	w.during = func(context.Context) { close(begun); <-forever }
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	l := listen(t)
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx, server.Listener{Listener: l, Patience: time.Millisecond}) }()
	go func() {
		if resp, err := http.DefaultClient.Do(request(t, http.MethodDelete,
			"http://"+l.Addr().String()+runtimes+"/x")); err == nil {
			_ = resp.Body.Close()
		}
	}()
	<-begun
	stop()
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "still running") {
		t.Errorf("got %v", err)
	}
}

// certificate writes a new certificate and its key, and returns it.
func certificate(t *testing.T, directory string, serial int64) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"tls.key": {Type: "PRIVATE KEY", Bytes: keyDER},
		"tls.crt": {Type: "CERTIFICATE", Bytes: der}} {
		if err := os.WriteFile(filepath.Join(directory, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func TestTheCertificateIsReadAgainWhenItChanges(t *testing.T) {
	directory := t.TempDir()
	first := certificate(t, directory, 1)
	watcher, err := certwatcher.New(filepath.Join(directory, "tls.crt"), filepath.Join(directory, "tls.key"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		if err := watcher.WithWatchInterval(10 * time.Millisecond).Start(ctx); err != nil {
			t.Error(err)
		}
	}()
	l := listen(t)
	ended := make(chan error, 1)
	go func() {
		ended <- newWorld(t).Run(ctx, server.Listener{Listener: l, Certificate: watcher, Patience: time.Minute})
	}()
	defer func() {
		stop()
		<-watched
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()

	shown := func(trusted *x509.Certificate) error {
		roots := x509.NewCertPool()
		roots.AddCert(trusted)
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, ForceAttemptHTTP2: true,
			TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}}
		resp, err := client.Do(request(t, http.MethodGet, "https://"+l.Addr().String()+"/healthz"))
		if err == nil {
			_ = resp.Body.Close()
			if resp.ProtoMajor != 2 {
				t.Errorf("spoken: %s", resp.Proto)
			}
		}
		return err
	}
	if err := shown(first); err != nil {
		t.Fatal(err)
	}
	second := certificate(t, directory, 2)
	for shown(second) != nil {
		if t.Context().Err() != nil {
			t.Fatal("the new certificate is never shown")
		}
	}
	if bytes.Equal(first.Raw, second.Raw) || shown(first) == nil {
		t.Error("the old certificate is still shown")
	}
}
