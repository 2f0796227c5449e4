package fakegitlab

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	_ "embed"
)

// preReceive is the hook in every repository. It speaks to the pusher as GitLab's does.
//
//go:embed pre-receive.sh
var preReceive []byte

const zeroID = "0000000000000000000000000000000000000000"

func installHook(dir string) error {
	if err := os.MkdirAll(filepath.Join(dir, "hooks"), 0o750); err != nil {
		return fmt.Errorf("creating hooks: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "hooks", "pre-receive"), preReceive, 0o700); err != nil {
		return fmt.Errorf("writing the hook of a repository: %w", err)
	}
	return nil
}

// change is one reference that a push wants to move.
type change struct {
	old, next, ref string
}

// push is the beginning of a request to receive-pack; the pack follows in the body.
type push struct {
	changes []change
}

// readPush reads the commands of a push and leaves the body as it was.
func readPush(r *http.Request) (*push, error) {
	if r.Header.Get("Content-Encoding") == "gzip" {
		plain, err := gzip.NewReader(r.Body)
		if err != nil {
			return nil, fmt.Errorf("reading a push: %w", err)
		}
		r.Body = struct {
			io.Reader
			io.Closer
		}{plain, r.Body}
		r.Header.Del("Content-Encoding")
		r.Header.Del("Content-Length")
		r.ContentLength = -1
	}
	var seen bytes.Buffer
	from := io.TeeReader(r.Body, &seen)
	p := &push{}
	for {
		line, err := packetLine(from)
		if err != nil {
			return nil, fmt.Errorf("reading a push: %w", err)
		}
		if line == nil {
			break
		}
		command, _, _ := strings.Cut(strings.TrimSuffix(string(line), "\n"), "\x00")
		words := strings.SplitN(command, " ", 3)
		if len(words) == 3 && len(words[0]) == len(zeroID) {
			p.changes = append(p.changes, change{old: words[0], next: words[1], ref: words[2]})
		}
	}
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(seen.Bytes()), r.Body), r.Body}
	return p, nil
}

// packetLine returns nil at a flush.
func packetLine(r io.Reader) ([]byte, error) {
	length := make([]byte, 4)
	if _, err := io.ReadFull(r, length); err != nil {
		return nil, err
	}
	n, err := strconv.ParseUint(string(length), 16, 16)
	switch {
	case err != nil:
		return nil, err
	case n == 0:
		return nil, nil
	case n < 4:
		return nil, errors.New("a packet line is too short")
	}
	line := make([]byte, n-4)
	_, err = io.ReadFull(r, line)
	return line, err
}

// pushing is a push by somebody who may push something to the project.
type pushing struct {
	project *project
	by      *user
	push    *push
	path    string
}

func (s *Server) receive(w http.ResponseWriter, r *http.Request, in pushing) {
	p := in.project
	s.mu.Lock()
	variables := s.judge(in)
	empty := s.emptyRepository(p)
	s.mu.Unlock()
	s.backend(w, r, p, "git-receive-pack", variables)
	s.mu.Lock()
	defer s.mu.Unlock()
	done := s.landed(p, in.push.changes)
	if len(done) == 0 {
		return
	}
	p.activity = s.now()
	if empty {
		if first := s.defaultBranch(p); s.head(p, first) != "" {
			s.protectFirst(p, first)
		}
	}
	s.announce(p, in.by, done)
}

// landed are the changes that the repository has now.
func (s *Server) landed(p *project, changes []change) []change {
	heads := s.branches(p)
	var done []change
	for _, ch := range changes {
		name, isBranch := strings.CutPrefix(ch.ref, "refs/heads/")
		now := heads[name]
		if !isBranch {
			now = s.reference(p, ch.ref)
		}
		if now == "" {
			now = zeroID
		}
		if now == ch.next {
			done = append(done, ch)
		}
	}
	return done
}

// judge decides what it can before the objects are there, and tells the hook what is left to look at.
func (s *Server) judge(in pushing) map[string]string {
	p, u := in.project, in.by
	variables := map[string]string{"Fakegitlab-Path": p.fullPath()}
	if !strings.EqualFold(in.path, p.fullPath()) {
		variables["Fakegitlab-Moved"] = fmt.Sprintf("Project '%s' was moved to '%s'.", in.path, p.fullPath())
	}
	var unforced []string
	for _, ch := range in.push.changes {
		if name, ok := strings.CutPrefix(ch.ref, "refs/tags/"); ok && ch.next != zeroID && !mayBeATag(name) {
			variables["Fakegitlab-Refusal"] = "You cannot create a tag with a prohibited pattern."
			return variables
		}
		branch, ok := strings.CutPrefix(ch.ref, "refs/heads/")
		if !ok {
			continue
		}
		if text := s.refuse(p, u, branch, ch); text != "" {
			variables["Fakegitlab-Refusal"] = text
			return variables
		}
		if rules := p.protectionsOf(branch); len(rules) > 0 && !anyForces(rules) {
			unforced = append(unforced, ch.ref)
		}
	}
	if len(unforced) > 0 {
		variables["Fakegitlab-Unforced"] = " " + strings.Join(unforced, " ") + " "
	}
	if r := p.rule; r != nil {
		variables["Fakegitlab-Message"] = r.message
		if r.committerIsUser {
			variables["Fakegitlab-Committer"] = u.email
		}
		if r.signed {
			variables["Fakegitlab-Signed"] = "yes"
		}
	}
	return variables
}

// mayBeATag: names that could be taken for others. Newer versions refuse the name of the default branch as well.
func mayBeATag(name string) bool {
	for _, begins := range []string{"refs/heads/", "refs/remotes/", "refs/tags/", "-"} {
		if strings.HasPrefix(name, begins) {
			return false
		}
	}
	return name != "HEAD"
}

func anyForces(rules []*protection) bool {
	for _, r := range rules {
		if r.force {
			return true
		}
	}
	return false
}

// refuse is GitLab's reason against one change of a branch; "" is none.
func (s *Server) refuse(p *project, u *user, branch string, ch change) string {
	deletes, creates := ch.next == zeroID, ch.old == zeroID
	protected := len(p.protectionsOf(branch)) > 0
	mayPush := s.pushesTo(p, u, branch)
	switch {
	case deletes && branch == s.defaultBranch(p):
		return "The default branch of a project cannot be deleted."
	case !deletes && regexp.MustCompile(`^[0-9a-f]{40}(-/|/|$)`).MatchString(branch):
		return "You cannot create a branch with a 40-character hexadecimal branch name."
	case s.emptyRepository(p) && !mayPush:
		return fmt.Sprintf("\nA default branch (e.g. main) does not yet exist for %s\nAsk a project Owner or "+
			"Maintainer to create a default branch:\n\n  %s/%s/-/project_members\n",
			p.fullPath(), s.external, p.fullPath())
	case !protected:
		return ""
	case deletes && !s.administers(p, u, maintainer):
		return "You are not allowed to delete protected branches from this project. Only a project maintainer or " +
			"owner can delete a protected branch."
	case deletes:
		return "You can only delete protected branches using the web interface."
	case creates && !mayPush:
		return "You are not allowed to create protected branches on this project."
	case !mayPush:
		return "You are not allowed to push code to protected branches on this project."
	}
	return ""
}
