package deploytoken

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/argocd"
	"github.com/nautes-labs/deployment-runtime/controllers/githosts"
	"github.com/nautes-labs/deployment-runtime/controllers/phases"
	"github.com/nautes-labs/deployment-runtime/internal/apply"
	"github.com/nautes-labs/deployment-runtime/internal/catalog"
	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/resolve"
)

// keptToken is what AnnotationDeployToken says of the token in a Secret.
type keptToken struct {
	// Provider is the CodeRepoProvider whose git host made it, Group the group there, or Project the one project that
	// it is for.
	Provider string `json:"provider"`
	Group    int64  `json:"group,omitempty"`
	Project  int64  `json:"project,omitempty"`
	ID       int64  `json:"id"`
	// MintedAt is when it was made, ExpiresAt when it ends.
	MintedAt  time.Time `json:"mintedAt,omitzero"`
	ExpiresAt time.Time `json:"expiresAt"`
	// Replaced are those of the same provider and group that it came after, as long as they may be good.
	Replaced []replacedToken `json:"replaced,omitempty"`
}

// replacedToken is a token that is not to be used any more.
type replacedToken struct {
	ID int64 `json:"id"`
	// RevokeAt is when it may be revoked at the earliest.
	RevokeAt time.Time `json:"revokeAt"`
}

// of returns what the token belongs to.
func (k *keptToken) of() githost.Holder { return githost.Holder{Group: k.Group, Project: k.Project} }

// readSecret reads the Secret from the API server itself: what it says decides which tokens are revoked.
func (r *Reconciler) readSecret(ctx context.Context, s *scope) error {
	var stored corev1.Secret
	absent, err := catalog.IsAbsent(ctx, r.Live, r.secretKey(s), &stored)
	if err != nil || absent {
		return err
	}
	s.secret = &stored
	s.kept, err = keptIn(&stored, r.owner(s))
	return err
}

// keptIn returns what a Secret says of the token in it; nil where the Secret is not the owner's.
func keptIn(stored *corev1.Secret, owner string) (*keptToken, error) {
	text, marked := stored.Annotations[api.AnnotationDeployToken]
	if !marked || stored.Annotations[api.AnnotationOwner] != owner {
		return nil, nil
	}
	var kept keptToken
	if err := json.Unmarshal([]byte(text), &kept); err != nil {
		return nil, problem.New(problem.Invalid, api.ReasonCredentialsInvalid,
			"annotation %s of Secret %q is damaged: delete the Secret, and another token is made",
			api.AnnotationDeployToken, stored.Name).Because(err)
	}
	return &kept, nil
}

// findSource finds the git host and the group. A Product that was made by other means has none and is left alone, and
// one that is on its way out gets nothing new; but a token that was made is looked after as long as there is a Product,
// whatever became of its provider.
func (r *Reconciler) findSource(ctx context.Context, s *scope) error {
	name, err := r.sourceOfProvider(ctx, s)
	if err != nil {
		return err
	}
	group, _ := identity.GroupOf(s.product.Name)
	s.of = githost.OfGroup(group)
	switch {
	case s.kept == nil && (name == "" || group == 0 || !s.product.DeletionTimestamp.IsZero()):
		return phases.ErrDone
	case s.kept != nil && (name == "" || group == 0):
		name, s.of = s.kept.Provider, s.kept.of()
	}
	return r.setSource(ctx, s, name)
}

func (r *Reconciler) setSource(ctx context.Context, s *scope, name string) (err error) {
	s.source, err = resolve.Get[api.CodeRepoProvider](ctx, r.Lookup, "", name)
	if err == nil && s.source == nil {
		return problem.New(problem.Missing, api.ReasonCodeRepoProviderNotFound,
			"code repo provider %q does not exist: create it, or correct the product provider that names it", name)
	}
	return err
}

// sourceOfProvider returns the name of the CodeRepoProvider that the Product's ProductProvider names, or "" where no
// such provider keeps the Product.
func (r *Reconciler) sourceOfProvider(ctx context.Context, s *scope) (string, error) {
	name := s.product.Labels[api.LabelProvider]
	if name == "" {
		return "", nil
	}
	var provider api.ProductProvider
	err := r.Client.Get(ctx, client.ObjectKey{Namespace: r.SystemNamespace, Name: name}, &provider)
	if client.IgnoreNotFound(err) != nil {
		return "", fmt.Errorf("getting product provider %s: %w", name, err)
	}
	return provider.Spec.Name, nil
}

// leaveToPeople ends the pass where a person keeps the credentials. A token that the person's Secret took the place of
// is not known any more and is left to expire.
func (r *Reconciler) leaveToPeople(_ context.Context, s *scope) error {
	if s.secret == nil || s.kept != nil {
		return nil
	}
	if s.secret.Labels[api.LabelProduct] != s.key.Name {
		return problem.New(problem.Missing, api.ReasonCredentialsNotFound,
			"Secret %q was not made by the operator and has no label %s=%s, so nothing uses it: label it, or delete "+
				"it to have a deploy token made",
			s.secret.Name, api.LabelProduct, s.key.Name)
	}
	s.ready = credentialsReady(api.ReasonKeptByHand, "Secret %q was made by hand and is used as it is", s.secret.Name)
	return phases.ErrDone
}

func credentialsReady(reason, format string, args ...any) metav1.Condition {
	return metav1.Condition{Type: api.ConditionCredentialsReady, Status: metav1.ConditionTrue, Reason: reason,
		Message: fmt.Sprintf(format, args...)}
}

func (r *Reconciler) connect(ctx context.Context, s *scope) (err error) {
	s.host, s.token, err = r.Hosts.Host(ctx, s.source)
	if p := problem.As(err); p != nil && p.Reason == api.ReasonNotConfigured && s.kept != nil {
		return problem.New(p.Class, p.Reason,
			"the deploy token in Secret %q is good until it ends and will not be replaced, because code repo provider "+
				"%q has no spec.credentialsSecretRef: set it, "+
				"or put credentials of your own in place of the Secret", s.secret.Name, s.source.Name)
	}
	return err
}

// list asks the git host for the tokens of the group or project that are ours and good.
func (r *Reconciler) list(ctx context.Context, s *scope) error {
	tokens, err := s.host.DeployTokens(ctx, s.token, s.of)
	if err != nil {
		return r.trouble(err, s)
	}
	s.listed = slices.DeleteFunc(tokens,
		func(t githost.DeployToken) bool { return t.Ended || t.Name != r.tokenName(s) })
	return nil
}

// mint makes another token where one is due, and keeps it. The one before it stays good for a while.
func (r *Reconciler) mint(ctx context.Context, s *scope) error {
	now := r.Clock.Now()
	if !s.mintDue(now) {
		return nil
	}
	minted, err := s.host.CreateDeployToken(ctx, s.token, s.of, githost.DeployTokenRequest{
		Name: r.tokenName(s), Scopes: []string{"read_repository"}, ExpiresAt: now.Add(tokenLife),
	})
	if err != nil {
		return r.trouble(err, s)
	}
	next := keptToken{
		Provider: s.source.Name, Group: s.of.Group, Project: s.of.Project, ID: minted.ID, MintedAt: now.UTC(),
		ExpiresAt: now.Add(tokenLife).UTC(),
	}
	// else it is left to expire, where it was made
	if s.kept != nil && s.kept.Provider == next.Provider && s.kept.of() == s.of {
		next.Replaced = append(slices.Clone(s.kept.Replaced),
			replacedToken{ID: s.kept.ID, RevokeAt: now.Add(tokenOverlap).UTC()})
	}
	err = r.keep(ctx, s, next, map[string][]byte{
		"username": []byte(minted.Username), "password": []byte(minted.Token.Reveal()),
		"url": []byte(s.source.Spec.HTTPAddress),
	})
	// certainly not written: nobody knows the token
	if problem.As(err) != nil || apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) {
		if revokeErr := r.revoke(ctx, s, minted.ID); revokeErr != nil {
			return revokeErr
		}
	}
	return err
}

// mintDue says whether the Secret holds no token that is good for long enough. One that the git host does not show yet
// may be too new.
func (s *scope) mintDue(now time.Time) bool {
	if s.kept == nil || s.kept.Provider != s.source.Name || s.kept.of() != s.of ||
		len(s.secret.Data["username"]) == 0 || len(s.secret.Data["password"]) == 0 {
		return true
	}
	shown, is := s.shown()
	if !is {
		settled := s.kept.MintedAt.Add(tokenSettling).Sub(now)
		if settled > 0 {
			s.again(settled)
		}
		return settled <= 0
	}
	return s.kept.ExpiresAt.Sub(now) < tokenRenewal || shown.Username != string(s.secret.Data["username"])
}

// shown returns the token that is kept as the git host showed it, if it did.
func (s *scope) shown() (githost.DeployToken, bool) {
	i := slices.IndexFunc(s.listed, func(t githost.DeployToken) bool { return t.ID == s.kept.ID })
	if i < 0 {
		return githost.DeployToken{}, false
	}
	return s.listed[i], true
}

// repair makes the Secret hold what it should, around the token that it holds. The address follows the provider's only
// where the git host knows the token: to another one it must not be sent.
func (r *Reconciler) repair(ctx context.Context, s *scope) error {
	data := maps.Clone(s.secret.Data)
	if _, is := s.shown(); is {
		data["url"] = []byte(s.source.Spec.HTTPAddress)
	}
	if err := r.keep(ctx, s, *s.kept, data); err != nil {
		return err
	}
	s.again(s.kept.ExpiresAt.Add(-tokenRenewal).Sub(r.Clock.Now()))
	s.ready = credentialsReady(api.ReasonMinted, "Argo CD reads the repositories of the group with deploy token %d",
		s.kept.ID)
	if s.lent != nil {
		s.ready.Message = fmt.Sprintf("Argo CD reads the code repo for other products with deploy token %d "+
			"of its project", s.kept.ID)
	}
	return nil
}

// keep writes the Secret where it differs.
func (r *Reconciler) keep(ctx context.Context, s *scope, kept keptToken, data map[string][]byte) error {
	text, err := json.Marshal(kept)
	if err != nil {
		return fmt.Errorf("encoding what is kept of a deploy token: %w", err)
	}
	key := r.secretKey(s)
	want := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name},
		Type: corev1.SecretTypeOpaque}
	if s.secret != nil {
		want = s.secret.DeepCopy()
	}
	metav1.SetMetaDataLabel(&want.ObjectMeta, api.LabelProduct, s.key.Name)
	if s.lent != nil {
		metav1.SetMetaDataLabel(&want.ObjectMeta, api.LabelCodeRepo, s.lent.Name)
	}
	metav1.SetMetaDataAnnotation(&want.ObjectMeta, api.AnnotationOwner, r.owner(s))
	metav1.SetMetaDataAnnotation(&want.ObjectMeta, api.AnnotationDeployToken, string(text))
	want.Data = data
	if s.secret == nil {
		if err := r.Client.Create(ctx, want); err != nil {
			return phases.Refused(fmt.Errorf("keeping the deploy token of %s: %w", s.key.Name, err))
		}
	} else if _, err := apply.Patch(ctx, r.Client, s.secret, want); err != nil {
		return phases.Refused(err)
	}
	s.secret, s.kept = want, &kept
	return nil
}

// trouble says what a failed call means. A group that the git host does not show is reported by its provider.
func (r *Reconciler) trouble(err error, s *scope) error {
	if problem.Is(err, problem.Missing) {
		reason := api.ReasonGroupGone
		if s.lent != nil {
			reason = api.ReasonCredentialsInvalid
		}
		return problem.New(problem.Missing, reason,
			"the git host does not show %s to the provider's token, or not its deploy tokens: the token needs the "+
				"role Owner there", s.of).RetryAfter(githosts.RefusalRetry)
	}
	return githosts.Trouble(err, s.source.Name)
}

func (r *Reconciler) secretKey(s *scope) client.ObjectKey {
	name := identity.Credentials(s.key.Name)
	if s.lent != nil {
		name = githosts.LentCredentials(*s.lent)
	}
	return client.ObjectKey{Namespace: r.SystemNamespace, Name: name}
}

// tokenName returns the name of our tokens of a product, or of one of its code repos, at the git host.
func (r *Reconciler) tokenName(s *scope) string {
	name := "nautes-" + r.Instance[:min(len(r.Instance), 8)] + "-" + s.key.Name
	if s.lent != nil {
		name += "-" + s.lent.Name
	}
	return name
}

func (r *Reconciler) owner(s *scope) string {
	if s.lent != nil {
		return argocd.OwnerOf("CodeRepo", *s.lent, r.Instance)
	}
	return argocd.OwnerOf("Product", s.key, r.Instance)
}
