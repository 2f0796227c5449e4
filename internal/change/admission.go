package change

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// Admission is what the git host said of who sends a change, and of its product, before anything of the change was read.
type Admission struct {
	access *access
	at     time.Time
}

// admissionLife is how old an Admission may be when the change that it is for begins: bodies may take long to arrive.
const admissionLife = 10 * time.Second

// Admit asks the git host, in one round trip, who sends a change of this kind, and whether the caller sees the product; of a dry run also whether
// the token could save. Whether the role suffices depends on what is to be changed: Change tells. Of the request, DryRun and Product count. The
// Outcome is never nil: with an error it says who called, as far as that is known.
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
	a := &access{caller: c}
	scopes, look := []string{"write_repository", "api"}, func() error { return s.look(ctx, a, r.Product) }
	if kind == "Product" { // it need not be there
		scopes, look = []string{"api"}, func() error { return nil }
	}
	mayWrite := s.mayDo(ctx, c, r, scopes...)
	// A bad token comes before everything else, whichever call tells it first.
	var user, repository error
	var both errgroup.Group
	both.Go(func() error { a.user, user = s.Host.CurrentUser(ctx, c.Token); return nil })
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

// admitted returns what the caller may do, by what was asked before if that is not too long ago.
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
