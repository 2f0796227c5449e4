package gitrepo_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nautes-labs/deployment-runtime/internal/gitrepo"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// GitLab reports its own failures in the words of a refusal.
func TestATroubleInTheWordsOfARefusalPasses(t *testing.T) {
	for _, said := range []string{"500 Internal Server Error", "Internal API unreachable", "Push operation timed out",
		"You can't push code to a read-only GitLab instance.",
		"Git push is not allowed because this GitLab instance is currently in (read-only) maintenance mode."} {
		t.Run(said, func(t *testing.T) {
			h := newHost(t)
			s := gitrepo.NewStore(gitrepo.Options{})
			base := h.snapshot(s, h.write(map[string]string{"runtimes/a.yaml": "a"}))
			h.hook("cat >&2 <<END\nGitLab: " + said + "\nEND\nexit 1")
			_, err := s.Push(t.Context(), h.remote(), base, commit(put("runtimes/a.yaml", "mine")))
			message, _ := wantProblem(t, err, problem.Unavailable, problem.ReasonUnavailable)
			if !strings.Contains(message, said) || !strings.HasSuffix(message, "try again later") {
				t.Error(message)
			}
		})
	}
}

func TestAStatus403SaysWhatIsWrong(t *testing.T) {
	const scope, role = problem.ReasonInsufficientScope, problem.ReasonForbidden
	for said, c := range map[string]struct {
		class       problem.Class
		read, write string
	}{
		"The repository is temporarily read-only. Please try again later.": {
			problem.Unavailable, problem.ReasonUnavailable, problem.ReasonUnavailable},
		"Too many failed authentication attempts from this IP": {
			problem.Unavailable, problem.ReasonUnavailable, problem.ReasonUnavailable},
		"You are not allowed to download code.":                   {problem.Forbidden, scope, scope},
		"You are not allowed to upload code.":                     {problem.Forbidden, scope, scope},
		"You are not allowed to push code to this project.":       {problem.Forbidden, role, problem.ReasonPushRefused},
		"You are not allowed to download code from this project.": {problem.Forbidden, role, problem.ReasonPushRefused},
	} {
		t.Run(said, func(t *testing.T) {
			h := newHost(t)
			s := gitrepo.NewStore(gitrepo.Options{})
			base := h.snapshot(s, h.write(map[string]string{"runtimes/a.yaml": "a"}))
			next := h.write(map[string]string{"runtimes/a.yaml": "b"})
			h.meddle(func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
				http.Error(w, said, http.StatusForbidden)
			})
			_, err := s.Push(t.Context(), h.remote(), base, commit(put("runtimes/a.yaml", "mine")))
			wantProblem(t, err, c.class, c.write)
			_, err = s.Snapshot(t.Context(), h.remote(), next)
			message, _ := wantProblem(t, err, c.class, c.read)
			if !strings.Contains(message, said) {
				t.Error(message)
			}
		})
	}
}

// The token of a bot is good for one project, so a refusal there says nothing of another.
func TestATokenIsRefusedForOneRepository(t *testing.T) {
	h := newHost(t)
	s := gitrepo.NewStore(gitrepo.Options{Now: time.Now})
	head := h.write(map[string]string{"runtimes/a.yaml": "a"})
	h.meddle(func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		http.Error(w, "HTTP Basic: Access denied", http.StatusUnauthorized)
	})
	for range 2 {
		_, err := s.Snapshot(t.Context(), h.remote(), head)
		wantProblem(t, err, problem.Forbidden, problem.ReasonForbidden)
	}
	asked := len(h.seen())
	h.meddle(nil)
	_, err := s.Snapshot(t.Context(), h.remote(), head)
	wantProblem(t, err, problem.Forbidden, problem.ReasonForbidden)
	if len(h.seen()) != asked {
		t.Error("a token that was refused was sent again")
	}
	other := h.remote()
	other.ProjectID++
	_, err = s.Snapshot(t.Context(), other, head)
	must(t, err)
}
