package devenv

import (
	"context"
	"fmt"
	"net/http"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
)

const (
	tokenLifetime = 24 * time.Hour
	// revokeLimit bounds Revoke: API servers remember for ten seconds that a token is good.
	revokeLimit = 30 * time.Second
)

// NewAccess issues another administrator's credential, the token of a service account made for it, which Revoke can
// take back. Each has its own user name, so that the API server tells them apart.
func (c *Cluster) NewAccess(ctx context.Context) (Access, error) {
	client, err := c.clientset()
	if err != nil {
		return Access{}, err
	}
	account, err := client.CoreV1().ServiceAccounts(metav1.NamespaceSystem).Create(ctx,
		&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{GenerateName: "devenv-admin-"}}, metav1.CreateOptions{})
	if err != nil {
		return Access{}, fmt.Errorf("creating a service account in %s: %w", c.Name, err)
	}
	_, err = client.RbacV1().ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: account.Name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: account.Namespace,
			Name: account.Name}},
	}, metav1.CreateOptions{})
	if err != nil {
		return Access{}, fmt.Errorf("binding a service account in %s: %w", c.Name, err)
	}
	seconds := int64(tokenLifetime.Seconds())
	token, err := client.CoreV1().ServiceAccounts(account.Namespace).CreateToken(ctx, account.Name,
		&authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds}},
		metav1.CreateOptions{})
	if err != nil {
		return Access{}, fmt.Errorf("issuing a token in %s: %w", c.Name, err)
	}
	access := c.Admin()
	access.Token, access.serviceAccount = token.Status.Token, account.Name
	return access, c.awaitAnswer(ctx, access, http.StatusOK)
}

// Revoke takes back what NewAccess issued, and returns when the API server refuses it: within about ten seconds.
func (c *Cluster) Revoke(ctx context.Context, a Access) error {
	if a.serviceAccount == "" {
		return fmt.Errorf("the built-in administrator of %s cannot be revoked", c.Name)
	}
	client, err := c.clientset()
	if err != nil {
		return err
	}
	if err := client.CoreV1().ServiceAccounts(metav1.NamespaceSystem).Delete(ctx, a.serviceAccount,
		metav1.DeleteOptions{}); err != nil {
		return fmt.Errorf("deleting a service account in %s: %w", c.Name, err)
	}
	if err := client.RbacV1().ClusterRoleBindings().Delete(ctx, a.serviceAccount, metav1.DeleteOptions{}); err != nil {
		return fmt.Errorf("deleting the binding of a service account in %s: %w", c.Name, err)
	}
	return c.awaitAnswer(ctx, a, http.StatusUnauthorized)
}

// awaitAnswer waits until the API server answers an administrator's question with the given status.
func (c *Cluster) awaitAnswer(ctx context.Context, a Access, want int) error {
	client, err := rest.HTTPClientFor(a.RESTConfig())
	if err != nil {
		return fmt.Errorf("making a client for %s: %w", c.Name, err)
	}
	defer client.CloseIdleConnections()
	var got int
	err = wait.PollUntilContextTimeout(ctx, 2*poll, revokeLimit, true, func(ctx context.Context) (bool, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL()+"/api/v1/namespaces/kube-system",
			http.NoBody)
		if err != nil {
			return false, err
		}
		res, err := client.Do(req)
		if err != nil {
			return false, err
		}
		got = res.StatusCode
		return got == want, res.Body.Close()
	})
	if err != nil {
		return fmt.Errorf("waiting until %s answers a credential with %d (now %d): %w", c.Name, want, got, err)
	}
	return nil
}
