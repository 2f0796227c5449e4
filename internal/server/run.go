package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/certwatcher"
)

// Timeouts of connections. A client that sends slowly, or nothing, occupies only its connection.
const (
	headerTimeout = 10 * time.Second
	bodyTimeout   = 30 * time.Second
	idleTimeout   = 2 * time.Minute
	answerMargin  = 10 * time.Second
	maxHeader     = 32 << 10
)

// Listener says how the server is reached.
type Listener struct {
	net.Listener
	// Certificate gives the newest certificate for TLS; nil for plain HTTP.
	Certificate *certwatcher.CertWatcher
	// Notice is how long the server accepts connections after it reports that it is not ready.
	Notice time.Duration
	// Patience is how long requests that have begun may take to end.
	Patience time.Duration
}

// Run serves until the context ends. It then reports that it is not ready, waits for Notice, and lets requests that
// have begun end: a push that was started is finished.
func (s *Server) Run(ctx context.Context, l Listener) error {
	stayAlive := context.WithoutCancel(ctx)
	web := &http.Server{
		Handler: s, DisableGeneralOptionsHandler: true, // otherwise net/http would answer OPTIONS * itself
		ReadHeaderTimeout: headerTimeout, ReadTimeout: bodyTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		WriteTimeout: bodyTimeout + max(s.o.ReadTimeout, s.o.WriteTimeout) + answerMargin,
		BaseContext:  func(net.Listener) context.Context { return stayAlive },
		ErrorLog:     slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	listener := l.Listener
	if l.Certificate != nil {
		listener = tls.NewListener(listener, &tls.Config{
			MinVersion: tls.VersionTLS12, GetCertificate: l.Certificate.GetCertificate,
			NextProtos: []string{"h2", "http/1.1"},
		})
	}
	ended := make(chan error, 1)
	go func() { ended <- web.Serve(listener) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serving: %w", err)
	case <-ctx.Done():
	}
	return s.stop(stayAlive, web, l)
}

func (s *Server) stop(ctx context.Context, web *http.Server, l Listener) error {
	s.Stop()
	s.log.InfoContext(ctx, "stopping: what has begun is finished", slog.Duration("patience", l.Patience))
	if l.Notice > 0 {
		timer := time.NewTimer(l.Notice)
		defer timer.Stop()
		<-timer.C
	}
	ctx, cancel := context.WithTimeout(ctx, l.Patience)
	defer cancel()
	err := web.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		_ = web.Close() // requests that still run had their time
		return fmt.Errorf("stopping: requests were still running after %s", l.Patience)
	}
	if err != nil {
		return fmt.Errorf("stopping: %w", err)
	}
	return nil
}
