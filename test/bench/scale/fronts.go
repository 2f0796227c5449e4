package main

import (
	"bytes"
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"

	"k8s.io/client-go/rest"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/test/devenv"
)

// fronts let a few API servers play many clusters. The operator refuses to register a cluster twice, by its URL and by
// its identity, and two hundred real API servers do not fit on one machine. So each cluster has a front: a path of one
// proxy, which shows an identity of its own and only what the products of that cluster have. Nothing else is changed.
type fronts struct {
	server *httptest.Server
	byName map[string]*front
}

// front is one cluster.
type front struct {
	server   *devenv.Cluster
	identity string // of the API server behind it
	shown    string // instead of that
	products []string
	proxy    *httputil.ReverseProxy

	mu   sync.Mutex
	open context.Context //nolint:containedctx // it ends when the connections are to break
	shut context.CancelFunc
}

// newFronts starts the proxy. Its fronts are added before anybody calls.
func newFronts() *fronts {
	f := &fronts{byName: map[string]*front{}}
	f.server = httptest.NewUnstartedServer(f)
	f.server.EnableHTTP2 = true
	f.server.StartTLS()
	return f
}

func (f *fronts) close() {
	f.server.CloseClientConnections()
	f.server.Close()
}

// add makes a front of an API server.
func (f *fronts) add(ctx context.Context, name string, server *devenv.Cluster, products []string) error {
	identity, err := server.Identity(ctx)
	if err != nil {
		return err
	}
	target, err := url.Parse(server.URL())
	if err != nil {
		return err
	}
	config := server.RESTConfig()
	config.BearerToken = "" // the caller's own is passed on
	transport, err := rest.TransportFor(config)
	if err != nil {
		return err
	}
	at := len(identity) - 4
	c := &front{server: server, identity: string(identity), products: products,
		shown: string(identity[:at]) + fmt.Sprintf("%04x", len(f.byName)+1)}
	c.proxy = &httputil.ReverseProxy{Transport: transport, FlushInterval: -1, ModifyResponse: c.showIdentity,
		Rewrite:      func(r *httputil.ProxyRequest) { c.selectOwn(r.Out); r.SetURL(target) },
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }}
	c.up()
	f.byName[name] = c
	return nil
}

// ServeHTTP passes a request on. The first part of the path is the front.
func (f *fronts) ServeHTTP(rw http.ResponseWriter, req *http.Request) {
	name, path, _ := strings.Cut(strings.TrimPrefix(req.URL.Path, "/"), "/")
	c := f.byName[name]
	if c == nil {
		http.NotFound(rw, req)
		return
	}
	open := c.state()
	if open.Err() != nil {
		panic(http.ErrAbortHandler)
	}
	ctx, cancel := context.WithCancel(req.Context())
	defer cancel()
	defer context.AfterFunc(open, cancel)()
	req = req.WithContext(ctx)
	req.URL.Path, req.URL.RawPath = "/"+path, ""
	c.proxy.ServeHTTP(rw, req)
}

// access is how the cluster is reached, with a token that the API server behind it knows.
func (f *fronts) access(name, token string) devenv.Access {
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: f.server.Certificate().Raw})
	return devenv.Access{Server: f.server.URL + "/" + name, CA: ca, Token: token}
}

// selectOwn leaves out what products of other fronts have.
func (c *front) selectOwn(req *http.Request) {
	if req.Method != http.MethodGet || (req.URL.Path != "/api/v1/namespaces" &&
		req.URL.Path != "/apis/rbac.authorization.k8s.io/v1/rolebindings") {
		return
	}
	q := req.URL.Query()
	own := fmt.Sprintf("%s in (%s)", api.LabelProduct, strings.Join(c.products, ","))
	if s := q.Get("labelSelector"); s != "" {
		own = s + "," + own
	}
	q.Set("labelSelector", own)
	req.URL.RawQuery = q.Encode()
}

// showIdentity puts the front's identity in the place of the API server's: they are equally long, so this is right in
// every encoding.
func (c *front) showIdentity(res *http.Response) error {
	if res.Request.URL.Path != "/api/v1/namespaces/kube-system" {
		return nil
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	res.Body = io.NopCloser(bytes.NewReader(bytes.ReplaceAll(body, []byte(c.identity), []byte(c.shown))))
	return nil
}

func (c *front) state() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open
}

// down breaks every connection, and each new one until up.
func (c *front) down() { c.shut() }

func (c *front) up() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open, c.shut = context.WithCancel(context.Background())
}
