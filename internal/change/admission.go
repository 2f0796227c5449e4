package change

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// admissionLife is how old an Admission may be when the change that it is for begins: bodies may take long to arrive.
const admissionLife = 10 * time.Second

// Admit asks the git host, in one round trip, who the caller is and whether the caller sees the product. For a dry run
// it also asks whether the token could save. It reads DryRun and Product of the request. Change decides whether the
// role suffices, because that depends on what is changed. The Outcome is never nil: with an error it says who called,
// as far as that is known.
func (s *Service) Admit(ctx context.Context, c Caller, r Request, kind string) (*Admission, *Outcome, error) {
	out := &Outcome{Warnings: []string{}}
	if err := needsToken(c); err != nil {
		return nil, out, err
	}
	a, err := s.meet(ctx, c, r, kind)
	out.User, out.Product, out.Base = a.user, a.product, a.head
	if err != nil {
		return nil, out, err
	}
	return &Admission{access: a, at: s.Now()}, out, nil
}

func (s *Service) meet(ctx context.Context, c Caller, r Request, kind string) (*access, error) {
	a := &access{visitor: s.as(c)}
	scopes, look := []string{"write_repository", "api"}, func() error { return a.look(ctx, r.Product) }
	if kind == "Product" { // it need not be there
		scopes, look = []string{"api"}, func() error { return nil }
	}
	mayWrite := func() error { return nil }
	if r.DryRun {
		mayWrite = a.askScopes(ctx, scopes...)
	}
	// A bad token is reported before everything else, whichever call finds it first.
	var user, repository error
	var both errgroup.Group
	both.Go(func() error { a.user, user = a.host.CurrentUser(ctx, c.Token); return nil })
	both.Go(func() error { repository = look(); return nil })
	_ = both.Wait()
	switch {
	case user != nil && (repository == nil || problem.Is(user, problem.Unauthenticated)):
		return a, user
	case repository != nil:
		return a, repository
	}
	return a, mayWrite()
}

// admitted returns what the caller may do. It uses the Admission of the request, unless that is too old.
func (s *Service) admitted(ctx context.Context, c Caller, r Request, kind string) (*access, *Outcome, error) {
	if was := r.Admission; was != nil && s.Now().Sub(was.at) < admissionLife {
		a := was.access
		return a, &Outcome{Warnings: []string{}, User: a.user, Product: a.product, Base: a.head}, nil
	}
	admission, out, err := s.Admit(ctx, c, r, kind)
	if err != nil {
		return nil, out, err
	}
	return admission.access, out, nil
}
