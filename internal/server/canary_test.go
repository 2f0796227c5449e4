package server_test

import (
	"bytes"
	"fmt"
	"net/http"
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"

	"github.com/nautes-labs/deployment-runtime/test/fakegitlab"
)

// TestTheTokenOfARealSaveIsSeenNowhere does what can be done with a token, well and badly, and looks for it in all that
// comes out, and in what people look at while a server works.
func TestTheTokenOfARealSaveIsSeenNowhere(t *testing.T) {
	l := newLab(t)
	w := l.replica()
	ada := l.person("ada", "api")
	l.product(w, ada, "nautes-labs")
	look := func(where, text string) {
		t.Helper()
		if text == "" {
			t.Errorf("nothing is in %s", where)
		}
		if form := seen(text, ada); form != "" {
			t.Errorf("the token is in %s %s", where, form)
		}
	}
	step := func(what string, w *world, method, path, body string, status int) {
		t.Helper()
		got := w.do(t, method, path, body, as(ada))
		if got.StatusCode != status {
			t.Errorf("%s: %d %s", what, got.StatusCode, got.body)
		}
		look("the answer to "+what, headers(got)+got.body)
		look("the log after "+what, w.log.String())
		look("the metrics after "+what, w.scrape(t))
		if method != http.MethodGet {
			look("the audit log after "+what, w.audited.String())
		}
	}

	held, letGo := l.hold(isPush)
	saved := make(chan struct{})
	go func() {
		defer close(saved)
		step("a save", w, http.MethodPost, runtimes+"/dr-dev", guideBody, http.StatusOK)
	}()
	<-held // the push is on its way: now it is looked at the server from all sides
	stacks := make([]byte, 16<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	look("the stacks", string(stacks))
	if !bytes.Contains(stacks, []byte("gitrepo.(*Store).Push")) {
		t.Error("these are not the stacks of a server that pushes")
	}
	for _, profile := range pprof.Profiles() {
		for debug := range 3 {
			var text bytes.Buffer
			if err := profile.WriteTo(&text, debug); err != nil {
				t.Error(err)
			}
			look(fmt.Sprintf("the profile %s at %d", profile.Name(), debug), text.String())
		}
	}
	letGo()
	<-saved

	step("a read", w, http.MethodGet, runtimes+"/dr-dev", "", http.StatusOK)
	step("a refused save", w, http.MethodPost, runtimes+"/dr-two", strings.Replace(guideBody, "env-dev", "nowhere", 1),
		http.StatusUnprocessableEntity)
	step("a token in all places", w, http.MethodPost, runtimes+"/"+ada,
		strings.ReplaceAll(guideBody, "api-server", ada), http.StatusUnprocessableEntity)
	for what, f := range map[string]fakegitlab.Fault{
		"a fetch that fails":      {Path: "/git-upload-pack", Status: http.StatusInternalServerError},
		"a fetch that breaks off": {Path: "/git-upload-pack", Partial: true},
		"an API that fails":       {Path: "/api/v4/projects/", Status: http.StatusInternalServerError},
		"an API that hangs up":    {Path: "/api/v4/", Drop: true},
	} {
		remove := l.Trouble().Add(f)
		step(what, l.replica(), http.MethodGet, runtimes, "", http.StatusServiceUnavailable)
		remove()
	}
	l.Trouble().LosePushAnswers(1)
	step("a push whose answer is lost", w, http.MethodDelete, runtimes+"/dr-dev", "", http.StatusOK)
	l.refusePushes("nautes-labs")
	step("a push that a hook refuses", w, http.MethodPost, runtimes+"/dr-dev", guideBody, http.StatusForbidden)
}
