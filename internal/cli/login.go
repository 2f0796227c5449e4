package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/secret"
)

type loginOptions struct {
	*global
	inFile bool
	forget bool
}

func newLogin(g *global) *cobra.Command {
	o := &loginOptions{global: g}
	cmd := &cobra.Command{
		Use:   "login [--file] [--forget]",
		Short: "Keep a GitLab token for the API server",
		Long: `login keeps a GitLab token for the API server: in the keyring of the desktop session where there is
one, else in a file that only you can read. The token is read from the terminal without being shown,
or taken from --token -, --token-file or --git-credential. The server is asked whether the token is
valid before it is kept.`,
		Example: `  nautes login --api-server https://nautes.example.com
  pass show gitlab | nautes login --token -
  nautes login --git-credential https://gitlab.example.com`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.complete()
			if err := o.validate(); err != nil {
				return err
			}
			return o.run(cmd.Context())
		},
	}
	cmd.Flags().BoolVar(&o.inFile, "file", false, "keep the token in a file with mode 0600, not in the keyring")
	cmd.Flags().BoolVar(&o.forget, "forget", false, "forget the token of the server")
	return cmd
}

func (o *loginOptions) validate() error {
	if o.apiServer == "" {
		return usage("no API server is named: use --api-server or the environment variable API_SERVER")
	}
	return nil
}

func (o *loginOptions) run(ctx context.Context) error {
	if o.forget {
		return o.forgetToken()
	}
	token, err := o.askForToken(ctx)
	if err != nil {
		return err
	}
	c, err := o.connectWith(token)
	if err != nil {
		return err
	}
	if _, err := c.Clusters(ctx); err != nil { // every valid token may make this call
		if problem.Is(err, problem.Unauthenticated) {
			return err
		}
		o.warn("the token is kept, but could not be tried: %v", err)
	}
	return o.keep(token)
}

func (o *loginOptions) askForToken(ctx context.Context) (secret.Token, error) {
	if o.token != "" || o.tokenFile != "" || o.gitCredential != "" {
		return o.findToken(ctx)
	}
	if !o.Interactive {
		return secret.Token{}, usage(`there is no terminal to ask for the token: pipe it into "nautes login --token -"`)
	}
	fmt.Fprintf(o.Stderr, "GitLab token for %s (it is not shown): ", clean(o.account()))
	text, err := o.ReadSecret(ctx)
	fmt.Fprintln(o.Stderr)
	if ctx.Err() != nil {
		return secret.Token{}, ctx.Err()
	}
	if err != nil {
		return secret.Token{}, usage("reading the token: %v", err)
	}
	return tokenOf(text, "what you typed")
}

func (o *loginOptions) keep(token secret.Token) error {
	if !o.inFile && o.Keyring != nil {
		err := o.Keyring.Set(keyringService, o.account(), token.Reveal())
		if err == nil {
			fmt.Fprintf(o.Stderr, "The token for %s is in the keyring.\n", clean(o.account()))
			return o.forgetInFile()
		}
		o.warn("the keyring cannot be used, so the token is kept in a file")
	}
	file, err := o.credentialsFile()
	if err != nil {
		return err
	}
	kept, err := readCredentials(file)
	if err != nil {
		return err
	}
	kept[o.account()] = token.Reveal()
	if err := writeCredentials(file, kept); err != nil {
		return err
	}
	o.forgetInKeyring() // the keyring is read first, so an old token there would win
	fmt.Fprintf(o.Stderr, "The token for %s is in %s, which only you can read.\n", clean(o.account()), file)
	return nil
}

func (o *loginOptions) forgetToken() error {
	o.forgetInKeyring()
	if err := o.forgetInFile(); err != nil {
		return err
	}
	fmt.Fprintf(o.Stderr, "No token is kept for %s.\n", clean(o.account()))
	return nil
}

func (o *loginOptions) forgetInKeyring() {
	if o.Keyring != nil {
		_ = o.Keyring.Delete(keyringService, o.account()) // the keyring may hold none
	}
}

func (o *loginOptions) forgetInFile() error {
	file, err := o.credentialsFile()
	if err != nil {
		return nil //nolint:nilerr // without a place for the file there is no file
	}
	kept, err := readCredentials(file)
	if err != nil {
		return err
	}
	if _, ok := kept[o.account()]; !ok {
		return nil
	}
	delete(kept, o.account())
	return writeCredentials(file, kept)
}
