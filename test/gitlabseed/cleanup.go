package gitlabseed

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"

	client "gitlab.com/gitlab-org/api/client-go"

	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/secret"
)

// Recorder is a Host that remembers the groups at the top that were made through it.
type Recorder struct {
	githost.Host

	mu     sync.Mutex
	groups []int64
}

// CreateGroup implements githost.Host.
func (r *Recorder) CreateGroup(ctx context.Context, token secret.Token, g githost.NewGroup) (githost.Group, error) {
	made, err := r.Host.CreateGroup(ctx, token, g)
	if err == nil && g.ParentID == 0 {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.groups = append(r.groups, made.ID)
	}
	return made, err
}

// CleanUp deletes, for good, the groups that were made through the Recorder and the accounts that the Seeder made. It
// touches nothing else. It goes on after a failure, and reports what is left.
func (s *Seeder) CleanUp(t testing.TB, r *Recorder) {
	t.Helper()
	for _, id := range r.groups {
		if err := s.deleteGroup(id); err != nil {
			t.Errorf("%v: delete it by hand", err)
		}
	}
	for _, id := range s.people {
		if response, err := s.api.Users.DeleteUser(id); err != nil && !isGone(response) {
			t.Errorf("deleting user %d: %v: delete it by hand", id, err)
		}
	}
}

// deleteGroup marks a group for deletion and then deletes it. GitLab before 18 may do both at once. An administrator
// can forbid the second step; the group then goes after GitLab's own time.
func (s *Seeder) deleteGroup(id int64) error {
	if response, err := s.api.Groups.DeleteGroup(id, nil); err != nil && !isGone(response) &&
		(response == nil || response.StatusCode != http.StatusBadRequest) {
		return fmt.Errorf("deleting group %d: %w", id, err)
	}
	group, response, err := s.api.Groups.GetGroup(id, nil)
	switch {
	case isGone(response):
		return nil
	case err != nil:
		return fmt.Errorf("looking for group %d: %w", id, err)
	}
	response, err = s.api.Groups.DeleteGroup(id,
		&client.DeleteGroupOptions{PermanentlyRemove: client.Ptr(true), FullPath: &group.FullPath})
	if err != nil && !isGone(response) {
		return fmt.Errorf("deleting group %d, which is marked for deletion, for good: %w", id, err)
	}
	return nil
}

func isGone(response *client.Response) bool {
	return response != nil && response.StatusCode == http.StatusNotFound
}
