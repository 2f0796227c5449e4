package gitserver

import (
	"bytes"
	"io"
	"net/http"
	"net/http/cgi" //nolint:gosec // Httpoxy was fixed in Go 1.6.3.
	"net/url"
	"strings"
)

// Counts are the requests that a repository answered.
type Counts struct {
	// Lookups are lists of references, which clients ask for before anything else.
	Lookups int
	// Fetches and Pushes are transfers that followed.
	Fetches int
	Pushes  int
}

// Counts returns the requests for a repository so far.
func (r *Repos) Counts(repo string) Counts {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.counts[repo]
}

// request is what the path of an HTTP request asks for.
type request struct {
	repo   string
	action string // "info/refs", "git-upload-pack" or "git-receive-pack"
	push   bool
}

// parse understands /group/project.git/<action>, also without ".git". Like GitLab, it serves smart HTTP only.
func parse(u *url.URL) (request, bool) {
	for _, action := range []string{"info/refs", "git-upload-pack", "git-receive-pack"} {
		path, ok := strings.CutSuffix(u.Path, "/"+action)
		if !ok {
			continue
		}
		repo := strings.TrimSuffix(strings.TrimPrefix(path, "/"), ".git")
		service := u.Query().Get("service")
		if action == "info/refs" && service != "git-upload-pack" && service != "git-receive-pack" {
			return request{}, false
		}
		push := action == "git-receive-pack" || service == "git-receive-pack"
		return request{repo: repo, action: action, push: push}, true
	}
	return request{}, false
}

// ServeHTTP answers git clients without any access control.
func (r *Repos) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	q, ok := parse(req.URL)
	if !ok || !r.exists(q.repo) {
		http.NotFound(w, req)
		return
	}
	if req.ContentLength < 0 || len(req.TransferEncoding) > 0 {
		if err := unchunk(req); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	r.count(q)
	req.URL.Path = "/" + q.repo + ".git/" + q.action
	backend := cgi.Handler{
		Path: r.git, Args: []string{"http-backend"}, Root: "/", Dir: r.dir,
		Env: append(isolation(), "GIT_PROJECT_ROOT="+r.dir, "GIT_HTTP_EXPORT_ALL=1", "REMOTE_USER=devenv"),
	}
	backend.ServeHTTP(w, req)
}

// unchunk reads a body of unknown length, which CGI cannot express; git sends large pushes that way.
func unchunk(req *http.Request) error {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return err
	}
	req.Body, req.ContentLength, req.TransferEncoding = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
	return nil
}

func (r *Repos) count(q request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.counts[q.repo]
	switch q.action {
	case "info/refs":
		c.Lookups++
	case "git-upload-pack":
		c.Fetches++
	case "git-receive-pack":
		c.Pushes++
	}
	r.counts[q.repo] = c
}
