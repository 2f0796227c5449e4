package command

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/go-logr/logr"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	authentication "k8s.io/client-go/kubernetes/typed/authentication/v1"
	authorization "k8s.io/client-go/kubernetes/typed/authorization/v1"
	"k8s.io/client-go/rest"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

// reviewPatience is how long the management cluster may take to say whether a caller may read the metrics.
const reviewPatience = 10 * time.Second

// reviews asks the management cluster for every request who the caller is and whether it may read the metrics. Such
// requests are rare. controller-runtime has a similar filter, but it needs a dozen more modules for tracing and gRPC.
type reviews struct {
	authentication authentication.AuthenticationV1Interface
	authorization  authorization.AuthorizationV1Interface
}

// permitted is a metricsserver FilterProvider.
func permitted(cfg *rest.Config, client *http.Client) (metricsserver.Filter, error) {
	who, err := authentication.NewForConfigAndClient(cfg, client)
	if err != nil {
		return nil, fmt.Errorf("preparing token reviews: %w", err)
	}
	may, err := authorization.NewForConfigAndClient(cfg, client)
	if err != nil {
		return nil, fmt.Errorf("preparing access reviews: %w", err)
	}
	r := reviews{who, may}
	return func(log logr.Logger, next http.Handler) (http.Handler, error) {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			status, err := r.look(req)
			if err != nil {
				log.Error(err, "asking who may read the metrics")
			}
			if status != http.StatusOK {
				http.Error(w, http.StatusText(status), status)
				return
			}
			next.ServeHTTP(w, req)
		}), nil
	}, nil
}

// look returns 200 for a caller that the management cluster permits to read the path.
func (r reviews) look(req *http.Request) (status int, err error) {
	scheme, token, _ := strings.Cut(req.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return http.StatusUnauthorized, nil
	}
	ctx, cancel := context.WithTimeout(req.Context(), reviewPatience)
	defer cancel()
	who, err := r.authentication.TokenReviews().Create(ctx,
		&authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: token}}, metav1.CreateOptions{})
	switch {
	case err != nil:
		return http.StatusInternalServerError, fmt.Errorf("reviewing a token: %w", err)
	case !who.Status.Authenticated:
		return http.StatusUnauthorized, nil
	}
	user := who.Status.User
	extra := make(map[string]authorizationv1.ExtraValue, len(user.Extra))
	for key, values := range user.Extra {
		extra[key] = authorizationv1.ExtraValue(values)
	}
	may, err := r.authorization.SubjectAccessReviews().Create(ctx,
		&authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User: user.Username, UID: user.UID, Groups: user.Groups, Extra: extra,
			NonResourceAttributes: &authorizationv1.NonResourceAttributes{Path: req.URL.Path,
				Verb: strings.ToLower(req.Method)},
		}}, metav1.CreateOptions{})
	switch {
	case err != nil:
		return http.StatusInternalServerError, fmt.Errorf("reviewing access: %w", err)
	case !may.Status.Allowed:
		return http.StatusForbidden, nil
	}
	return http.StatusOK, nil
}
