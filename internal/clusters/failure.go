package clusters

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"syscall"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// unavailable turns a failed request into a problem. The same cause always gives the same message. The network error
// itself contains ports and addresses of the moment, so it goes to the logs only.
func (c *Connection) unavailable(err error) *problem.Problem {
	reason, what := api.ReasonUnreachable, c.symptom(err)
	var refused tls.AlertError
	switch {
	case apierrors.IsUnauthorized(err):
		reason, what = api.ReasonUnauthorized, "refuses the credentials: put a valid kubeconfig into the Secret"
	case apierrors.IsForbidden(err):
		reason, what = api.ReasonUnauthorized, "does not permit the credentials to read namespace kube-system: give "+
			"them the right to, or put other ones into the kubeconfig Secret"
	case errors.As(err, &refused):
		reason, what = api.ReasonUnauthorized,
			"refuses the client certificate or the connection: put a valid kubeconfig into the Secret"
	}
	return problem.New(problem.Unavailable, reason, "cluster %q at %s %s", c.cluster, c.Server, what).Because(err)
}

func (c *Connection) symptom(err error) string {
	var dns *net.DNSError
	var certificate *tls.CertificateVerificationError
	var network net.Error
	switch {
	case errors.As(err, &dns):
		return "cannot be found: its host name does not resolve"
	case errors.As(err, &certificate):
		return "shows a certificate that the kubeconfig's certificate authority does not vouch for"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "does not answer: the connection is refused"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return fmt.Sprintf("does not answer within %s", c.config.Timeout)
	case apierrors.ReasonForError(err) != "":
		return fmt.Sprintf("does not serve the Kubernetes API as expected: %s", apierrors.ReasonForError(err))
	}
	return "does not answer as a Kubernetes API server"
}
