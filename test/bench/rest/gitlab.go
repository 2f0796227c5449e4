package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"time"

	gitlabclient "gitlab.com/gitlab-org/api/client-go"
)

// gitLab is the stand-in, in a process of its own: its work and its garbage are not the API's.
type gitLab struct {
	hello
	root *gitlabclient.Client

	process *exec.Cmd
	goodbye io.Closer
}

// hello is what the process says first.
type hello struct{ URL, RootToken string }

func startGitLab(ctx context.Context, dir string) (*gitLab, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	g := &gitLab{process: exec.CommandContext(context.WithoutCancel(ctx), self, gitLabCommand, dir)}
	g.process.Stderr = os.Stderr
	if g.goodbye, err = g.process.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := g.process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := g.process.Start(); err != nil {
		return nil, fmt.Errorf("starting GitLab: %w", err)
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &g.hello)
	}
	if err == nil {
		g.root, err = gitlabclient.NewClient(g.RootToken, gitlabclient.WithBaseURL(g.URL),
			gitlabclient.WithoutRetries())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting GitLab: %w", err), g.close())
	}
	return g, nil
}

// close ends it, and fails if it was asked what GitLab does not know.
func (g *gitLab) close() error {
	if err := errors.Join(g.goodbye.Close(), g.process.Wait()); err != nil {
		return fmt.Errorf("the stand-in for GitLab: %w", err)
	}
	return nil
}

// wait makes every request take that much longer from now on.
func (g *gitLab) wait(ctx context.Context, latency time.Duration) error {
	return g.control(ctx, latencyPath+"?"+url.Values{"of": {latency.String()}}.Encode(), nil)
}

// trips returns what was asked since the last call.
func (g *gitLab) trips(ctx context.Context) (t trips, err error) {
	err = g.control(ctx, tripsPath, &t)
	return t, err
}

func (g *gitLab) control(ctx context.Context, path string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, g.URL+path, http.NoBody)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("controlling GitLab: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("controlling GitLab: %s", res.Status)
	}
	if into == nil {
		return nil
	}
	return json.NewDecoder(res.Body).Decode(into)
}

// person makes somebody with a token who maintains all of the groups.
func (g *gitLab) person(name string, groups ...int64) (token string, err error) {
	u, _, err := g.root.Users.CreateUser(&gitlabclient.CreateUserOptions{
		Username: &name, Name: &name, Email: gitlabclient.Ptr(name + "@example.com"),
		ForceRandomPassword: gitlabclient.Ptr(true),
	})
	if err != nil {
		return "", fmt.Errorf("creating user %s: %w", name, err)
	}
	for _, group := range groups {
		_, _, err := g.root.GroupMembers.AddGroupMember(group, &gitlabclient.AddGroupMemberOptions{
			UserID: &u.ID, AccessLevel: gitlabclient.Ptr(gitlabclient.MaintainerPermissions),
		})
		if err != nil {
			return "", fmt.Errorf("adding user %s to group %d: %w", name, group, err)
		}
	}
	t, _, err := g.root.Users.CreatePersonalAccessToken(u.ID,
		&gitlabclient.CreatePersonalAccessTokenOptions{Name: gitlabclient.Ptr("bench"), Scopes: &[]string{"api"}})
	if err != nil {
		return "", fmt.Errorf("creating a token for %s: %w", name, err)
	}
	return t.Token, nil
}

// group makes a group with an empty default.project.
func (g *gitLab) group(path string) (id int64, err error) {
	group, _, err := g.root.Groups.CreateGroup(&gitlabclient.CreateGroupOptions{
		Name: &path, Path: &path, Visibility: gitlabclient.Ptr(gitlabclient.PrivateVisibility),
	})
	if err != nil {
		return 0, fmt.Errorf("creating group %s: %w", path, err)
	}
	_, _, err = g.root.Projects.CreateProject(&gitlabclient.CreateProjectOptions{
		Path: gitlabclient.Ptr("default.project"), NamespaceID: &group.ID,
		Visibility: gitlabclient.Ptr(gitlabclient.PrivateVisibility),
	})
	if err != nil {
		return 0, fmt.Errorf("creating default.project of %s: %w", path, err)
	}
	return group.ID, nil
}
