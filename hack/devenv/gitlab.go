package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"

	gitlab "gitlab.com/gitlab-org/api/client-go"

	"github.com/nautes-labs/deployment-runtime/test/devenv"
	"github.com/nautes-labs/deployment-runtime/test/fakegitlab"
)

// standIn is the fake GitLab: its administrator, and the account of a developer.
type standIn struct {
	*fakegitlab.Server
	// rootTokenFile holds the token of the administrator, for kubectl.
	rootTokenFile string
	// userToken is what the developer got from GitLab's page for access tokens.
	userToken string
}

const (
	userName  = "dana"
	userEmail = "dana@example.com"
)

// startGitLab starts the stand-in and does in it what GitLab's administrator does: make an account.
func startGitLab(ctx context.Context, env *devenv.Env) (*standIn, error) {
	server, err := fakegitlab.New(fakegitlab.Options{Dir: filepath.Join(env.Dir, "gitlab")})
	if err != nil {
		return nil, err
	}
	g := &standIn{Server: server, rootTokenFile: filepath.Join(env.Dir, "gitlab-token")}
	if err := g.prepare(ctx); err != nil {
		_ = server.Close() // The error says what happened before.
		return nil, err
	}
	return g, nil
}

func (g *standIn) prepare(ctx context.Context) error {
	url, err := g.Start(ctx)
	if err != nil {
		return err
	}
	if err := os.WriteFile(g.rootTokenFile, []byte(g.RootToken()), 0o600); err != nil {
		return fmt.Errorf("writing the token of GitLab's administrator: %w", err)
	}
	root, err := gitlab.NewClient(g.RootToken(), gitlab.WithBaseURL(url))
	if err != nil {
		return fmt.Errorf("connecting to GitLab: %w", err)
	}
	user, _, err := root.Users.CreateUser(&gitlab.CreateUserOptions{
		Username: gitlab.Ptr(userName), Name: gitlab.Ptr("Dana Developer"), Email: gitlab.Ptr(userEmail),
		Password: gitlab.Ptr(newPassword()), SkipConfirmation: gitlab.Ptr(true),
	}, gitlab.WithContext(ctx))
	if err != nil {
		return fmt.Errorf("making the developer's account in GitLab: %w", err)
	}
	token, _, err := root.Users.CreatePersonalAccessToken(user.ID, &gitlab.CreatePersonalAccessTokenOptions{
		Name: gitlab.Ptr("nautes"), Scopes: gitlab.Ptr([]string{"api", "write_repository"}),
	}, gitlab.WithContext(ctx))
	if err != nil {
		return fmt.Errorf("making the developer's token in GitLab: %w", err)
	}
	g.userToken = token.Token
	return nil
}

// wasAskedProperly fails if somebody asked the stand-in for what GitLab's API does not have.
func (g *standIn) wasAskedProperly() error {
	if v := g.Violations(); len(v) > 0 {
		return fmt.Errorf("what was asked of GitLab is not in the description of its API: %v", v)
	}
	return nil
}

// newPassword returns a secret that lives as long as the environment.
func newPassword() string { return rand.Text() }
