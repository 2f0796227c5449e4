package reposerver

import (
	"context"
	"maps"
	"sync"
	"time"

	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

const (
	// commitTime bounds one question for a commit, commitsAtOnce the questions at one time. After one without an answer
	// nobody asks for commitRest.
	commitTime, commitsAtOnce, commitRest = 10 * time.Second, 2, time.Minute
	// commitsKept bounds the memory for answers.
	commitsKept = 1000
)

// Commits are asked for beside the work that needs them, so that a repo-server which hangs holds up no worker. The zero
// value is ready for use.
type Commits struct {
	mu    sync.Mutex
	known map[string]*question
	// busy are the questions that are being asked.
	busy chan struct{}
	// rest is until when nobody asks.
	rest time.Time
}

// question is one for a commit, with its answer.
type question struct {
	told   Commit
	asking bool
}

// Of returns what is known of a commit. asked says that an answer is on its way.
func (a *Commits) Of(id string) (told Commit, asked bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if one := a.known[id]; one != nil {
		return one.told, one.asking
	}
	return Commit{}, false
}

// Ask begins to ask for a commit, unless it is known or being asked for. It does not wait.
func (a *Commits) Ask(ctx context.Context, c clock.PassiveClock, id string,
	read func(context.Context) (Commit, error)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.known == nil {
		a.known, a.busy = map[string]*question{}, make(chan struct{}, commitsAtOnce)
	}
	if a.known[id] != nil || c.Now().Before(a.rest) {
		return
	}
	if len(a.known) >= commitsKept {
		maps.DeleteFunc(a.known, func(_ string, one *question) bool { return !one.asking })
	}
	if len(a.known) >= commitsKept {
		return
	}
	a.known[id] = &question{asking: true}
	go a.answer(context.WithoutCancel(ctx), c, id, read)
}

// answer asks when it is its turn. What was not answered may be asked again after the rest.
func (a *Commits) answer(ctx context.Context, c clock.PassiveClock, id string,
	read func(context.Context) (Commit, error)) {
	a.busy <- struct{}{}
	defer func() { <-a.busy }()
	if !a.mayAsk(c.Now(), id) {
		return
	}
	asking, cancel := context.WithTimeout(ctx, commitTime)
	defer cancel()
	told, err := read(asking)
	if err != nil {
		log.FromContext(ctx).Info("the author of a rollout is not known", "commit", id, "cause", err.Error())
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if err == nil {
		a.known[id] = &question{told: told}
		return
	}
	delete(a.known, id)
	a.rest = c.Now().Add(commitRest)
}

// mayAsk says whether nobody failed to get an answer a moment ago. Else the question is given up.
func (a *Commits) mayAsk(now time.Time, id string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if now.Before(a.rest) {
		delete(a.known, id)
		return false
	}
	return true
}
