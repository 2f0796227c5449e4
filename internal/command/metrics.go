package command

import (
	"cmp"
	"context"
	"fmt"
	"net/http"

	"github.com/go-logr/logr"
	"github.com/spf13/pflag"
	"k8s.io/client-go/rest"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

// metricsFlags say where /metrics is served, and to whom. It has a listener of its own that no Service for API callers
// leads to.
type metricsFlags struct {
	address   string
	authorize bool
	certDir   string
}

func (f *metricsFlags) add(fs *pflag.FlagSet, address string) {
	fs.StringVar(&f.address, "metrics-bind-address", address, "address of /metrics; 0 for none")
	fs.BoolVar(&f.authorize, "metrics-authorize", false,
		"serve /metrics over HTTPS, and only to whom the management cluster lets get it: a bearer token, checked by "+
			"TokenReview and SubjectAccessReview")
	fs.StringVar(&f.certDir, "metrics-cert-dir", "",
		"directory with tls.crt and tls.key for --metrics-authorize; without it the certificate is self-signed")
}

func (f *metricsFlags) validate() error {
	if f.certDir != "" && !f.authorize {
		return fmt.Errorf("--metrics-cert-dir is for --metrics-authorize")
	}
	return nil
}

// options of the server of controller-runtime.
func (f *metricsFlags) options(address string) metricsserver.Options {
	o := metricsserver.Options{BindAddress: cmp.Or(address, "0"), SecureServing: f.authorize, CertDir: f.certDir}
	if f.authorize {
		o.FilterProvider = permitted
	}
	return o
}

// server serves the given handler instead of controller-runtime's own metrics, which do not hold those of this program.
// It returns nil when metrics are not served.
func (f *metricsFlags) server(cfg *rest.Config, handler http.Handler) (metricsserver.Server, error) {
	o := f.options(f.address)
	client := http.DefaultClient
	if o.FilterProvider == nil {
		cfg = &rest.Config{}
	} else {
		var err error
		if client, err = rest.HTTPClientFor(cfg); err != nil {
			return nil, fmt.Errorf("reading how to connect to the management cluster: %w", err)
		}
	}
	filtered := o.FilterProvider
	o.FilterProvider = func(cfg *rest.Config, client *http.Client) (metricsserver.Filter, error) {
		filter := func(_ logr.Logger, h http.Handler) (http.Handler, error) { return h, nil }
		if filtered != nil {
			var err error
			if filter, err = filtered(cfg, client); err != nil {
				return nil, err //nolint:wrapcheck // the caller says what it was for
			}
		}
		return func(log logr.Logger, _ http.Handler) (http.Handler, error) { return filter(log, handler) }, nil
	}
	s, err := metricsserver.NewServer(o, cfg, client)
	if err != nil {
		return nil, fmt.Errorf("preparing --metrics-bind-address: %w", err)
	}
	return s, nil
}

// serveMetrics serves until the context ends.
func serveMetrics(ctx context.Context, s metricsserver.Server) error {
	if err := s.Start(ctx); err != nil {
		return fmt.Errorf("listening on --metrics-bind-address: %w", err)
	}
	return nil
}
