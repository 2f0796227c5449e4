package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nautes-labs/deployment-runtime/internal/change"
	"github.com/nautes-labs/deployment-runtime/internal/githost/gitlab"
	"github.com/nautes-labs/deployment-runtime/internal/gitrepo"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
	"github.com/nautes-labs/deployment-runtime/internal/schema"
	"github.com/nautes-labs/deployment-runtime/internal/server"
)

// defaultSnapshotBytes is what `manager apiserver` takes for snapshots.
const defaultSnapshotBytes = 256 << 20

// apiServer is the REST API, put together as `manager apiserver` does it, but for the management cluster.
type apiServer struct {
	url     string
	client  *http.Client
	fetches atomic.Int64
	buffers sync.Pool
	cancel  context.CancelFunc
	ended   chan error
	connections
}

// connections are those that the API keeps to GitLab.
type connections []*http.Transport

func (w *world) startAPI(ctx context.Context, snapshotBytes int64) (*apiServer, error) {
	a := &apiServer{ended: make(chan error, 1), buffers: sync.Pool{New: func() any { return new(bytes.Buffer) }}}
	log := slog.New(slog.NewJSONHandler(io.Discard, nil))
	metrics := server.NewMetrics()
	toAPI, toGit, own := gitlab.NewTransport(nil), gitlab.NewTransport(nil), gitlab.NewTransport(nil)
	a.client, a.connections = &http.Client{Transport: own}, connections{toAPI, toGit, own}
	host, err := gitlab.New(gitlab.Options{
		URL: w.gitlab.URL, HTTP: &http.Client{Transport: toAPI}, Now: time.Now,
		Observe: func(c gitlab.Call) { metrics.GitLabCall(c.Operation, c.Outcome, c.Took) },
	})
	if err != nil {
		return nil, err
	}
	shapes, err := schema.New()
	if err != nil {
		return nil, err
	}
	web, err := server.New(server.Options{
		Log: log, Audit: log, Metrics: metrics, Now: time.Now,
		Service: change.New(change.Options{
			Host: host, Schema: shapes, Management: w.management, CodeRepoProvider: providerName,
			SystemNamespaces: rules.SystemNamespaces{"nautes", "argocd"}, Now: time.Now,
			Repos: gitrepo.NewStore(gitrepo.Options{
				MaxBytes: snapshotBytes, HTTP: &http.Client{Transport: toGit}, Now: time.Now,
				Observe: func(o gitrepo.Observation) {
					if o.Operation == gitrepo.OperationFetch {
						a.fetches.Add(1)
					}
					metrics.GitOperation(o.Operation, o.Outcome, o.Duration)
				},
			}),
		}),
	})
	if err != nil {
		return nil, err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	a.url = "http://" + listener.Addr().String()
	serving, cancel := context.WithCancel(context.WithoutCancel(ctx))
	a.cancel = cancel
	go func() { a.ended <- web.Run(serving, server.Listener{Listener: listener, Patience: 2 * time.Minute}) }()
	return a, nil
}

func (a *apiServer) stop() error {
	a.cancel()
	for _, t := range a.connections {
		t.CloseIdleConnections()
	}
	return <-a.ended
}

// do gets, or posts a body, and reads the answer, which has to be a success. The time is that of the caller, to the
// last byte.
func (a *apiServer) do(ctx context.Context, token, url, body string, check func([]byte) error) (time.Duration, error) {
	method := http.MethodGet
	if body != "" {
		method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	began := time.Now()
	res, err := a.client.Do(req)
	if err != nil {
		return 0, err
	}
	// what the caller leaves behind is not to be collected at the API's expense
	data, _ := a.buffers.Get().(*bytes.Buffer)
	defer a.buffers.Put(data)
	data.Reset()
	_, err = data.ReadFrom(res.Body)
	took := time.Since(began)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		return 0, err
	}
	if res.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("%s %s: %s: %s", method, url, res.Status, data)
	}
	if check == nil {
		return took, nil
	}
	return took, check(data.Bytes())
}

// decoded returns a check that takes an answer apart.
func decoded[T any](check func(T) error) func([]byte) error {
	return func(data []byte) error {
		var answer T
		if err := json.Unmarshal(data, &answer); err != nil {
			return err
		}
		return check(answer)
	}
}

// runtimes is the address of the runtimes of a product.
func (a *apiServer) runtimes(p product) string {
	return a.url + "/api/v1/products/" + p.path + "/deploymentruntimes"
}

func (a *apiServer) runtime(p product, i int) string { return a.runtimes(p) + "/" + runtimeName(i) }

// read is one GET; it returns how long it took to the last byte.
func (a *apiServer) read(ctx context.Context, token, url string, check func([]byte) error) (time.Duration, error) {
	return a.do(ctx, token, url, "", check)
}

// save is one POST that has to change something.
func (a *apiServer) save(ctx context.Context, token, url, body string) (time.Duration, error) {
	return a.do(ctx, token, url, body, decoded(func(answer struct{ Changed bool }) error {
		if !answer.Changed {
			return fmt.Errorf("%s: nothing changed", url)
		}
		return nil
	}))
}
