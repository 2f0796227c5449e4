package coderepo

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/flowcontrol"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/githosts"
	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/resolve"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
	"github.com/nautes-labs/deployment-runtime/internal/statuspatch"
)

const (
	// A CodeRepo whose project is where it was is asked for again after projectRecheck, and later where there are many:
	// projectShare for each.
	projectRecheck = 5 * time.Minute
	projectShare   = 500 * time.Millisecond
	// brokenRecheck is for one whose project is not there, or could not be asked for: its owner waits.
	brokenRecheck = time.Minute
	// No more than this many projects are asked for in a second, and in a moment.
	projectsPerSecond = 4
	projectsAtOnce    = 40
	// longestBranch is what the status has room for.
	longestBranch = 255
)

// ProjectWatch asks git hosts whether the path of a CodeRepo still leads to the project that its name says: a CodeRepo
// is named by the id of its project and cloned by its path, and another project may have taken that. What was found out
// stands in the CodeRepo's status.
type ProjectWatch struct {
	Hosts githosts.Hosts
	Clock clock.PassiveClock

	pace flowcontrol.PassiveRateLimiter
	mu   sync.Mutex
	// due says when a CodeRepo is asked for again, and of which state of it that was said.
	due map[client.ObjectKey]recheck
}

type recheck struct {
	url        string
	generation int64
	at         time.Time
}

// NewProjectWatch returns a watch that keeps its pace.
func NewProjectWatch(hosts githosts.Hosts, c clock.Clock) *ProjectWatch {
	return &ProjectWatch{
		Hosts: hosts, Clock: c, due: map[client.ObjectKey]recheck{},
		pace: flowcontrol.NewTokenBucketPassiveRateLimiterWithClock(projectsPerSecond, projectsAtOnce, c),
	}
}

// findProject looks for the project of a CodeRepo that is named by an id. What cannot be found out changes nothing.
func (r *Reconciler) findProject(ctx context.Context, s *scope) error {
	id, _ := identity.ProjectOf(s.repo.Name)
	if r.Projects == nil || id == 0 {
		meta.RemoveStatusCondition(&s.repo.Status.Conditions, api.ConditionRepositoryFound)
		return nil
	}
	provider, url, err := r.addressOf(ctx, s.repo)
	if err != nil || provider == nil {
		return err
	}
	if wait := r.Projects.wait(s.repo, url); wait > 0 {
		s.LookAgain(wait)
		return nil
	}
	project, err := r.Projects.project(ctx, provider, resolve.ProjectPath(provider, url))
	// nobody can be asked at all
	if problem.Is(err, problem.Missing) && problem.As(err).Reason == api.ReasonNotConfigured {
		meta.RemoveStatusCondition(&s.repo.Status.Conditions, api.ConditionRepositoryFound)
		return nil
	}
	// git is led after the one that moved, and that may have been another one
	if err == nil || isMoved(err) && !rules.IsReplaced(s.repo) {
		s.found(project, id)
	} else {
		log.FromContext(ctx).V(1).Info("the project of a code repo was not found", "cause", err.Error())
	}
	calm := err == nil && !meta.IsStatusConditionFalse(s.repo.Status.Conditions, api.ConditionRepositoryFound)
	s.LookAgain(r.Projects.later(s.repo, url, calm))
	return nil
}

// addressOf returns where a code repo lies, or no provider where the rules say why not: there is no clone URL, or the
// whole group is somebody else's.
func (r *Reconciler) addressOf(ctx context.Context, repo *api.CodeRepo) (*api.CodeRepoProvider, string, error) {
	product, err := resolve.Get[api.Product](ctx, r.Lookup, "", repo.Namespace)
	if err != nil {
		return nil, "", fmt.Errorf("looking up product %s: %w", repo.Namespace, err)
	}
	url, refused := rules.CodeRepoURL(ctx, r.Lookup, repo)
	if refused != nil || product == nil || rules.Detached(product) != nil {
		return nil, "", nil //nolint:nilerr // the rules are asked next, and say it
	}
	provider, err := resolve.Get[api.CodeRepoProvider](ctx, r.Lookup, "", repo.Spec.CodeRepoProvider)
	return provider, url, err
}

func isMoved(err error) bool {
	p := problem.As(err)
	return p != nil && p.Reason == problem.ReasonMoved
}

// found says what stands at the path: the project of that id, another one, or none.
func (s *scope) found(project githost.Project, id int64) {
	c := metav1.Condition{Type: api.ConditionRepositoryFound, Status: metav1.ConditionFalse,
		ObservedGeneration: s.repo.Generation}
	switch project.ID {
	case id:
		s.repo.Status.DefaultBranch = ""
		if len(project.DefaultBranch) <= longestBranch {
			s.repo.Status.DefaultBranch = project.DefaultBranch
		}
		c.Status, c.Reason, c.Message = metav1.ConditionTrue, api.ReasonRepositoryFound,
			"the path leads to the project that the code repo is named by"
	case 0:
		c.Reason, c.Message = api.ReasonRepositoryMoved, "the project has another path now: "+
			"what runs keeps running as long as no other project takes the old one; correct spec.repoName or spec.url"
	default:
		c.Reason, c.Message = api.ReasonRepositoryReplaced, fmt.Sprintf(
			"the path leads to project %d now, and the code repo is named by project %d: nothing new is "+
				"deployed from there; "+
				"correct spec.repoName or spec.url, or make a code repo repo-%[1]d for the new project", project.ID, id)
	}
	statuspatch.Condition(&s.repo.Status.Conditions, c)
}

// wait returns how long to wait before the project is asked for. What is new or changed does not wait, unless there is
// much of it; what was there before a restart waits its share, so that a start asks no more than any other moment.
func (w *ProjectWatch) wait(repo *api.CodeRepo, url string) time.Duration {
	now, key := w.Clock.Now(), client.ObjectKeyFromObject(repo)
	w.mu.Lock()
	defer w.mu.Unlock()
	next, known := w.due[key]
	// "" of one that is refused
	unchanged := repo.Status.ObservedGeneration == repo.Generation && (repo.Status.URL == url || repo.Status.URL == "")
	if !known && unchanged {
		next = recheck{url, repo.Generation, now.Add(rand.N(w.interval()))} //nolint:gosec // a spread, no secret
		w.due[key] = next
	}
	if next.url == url && next.generation == repo.Generation && now.Before(next.at) {
		return next.at.Sub(now)
	}
	if w.pace.TryAccept() {
		return 0
	}
	after := time.Second + rand.N(projectsAtOnce*time.Second/projectsPerSecond) //nolint:gosec // a spread, no secret
	w.due[key] = recheck{url, repo.Generation, now.Add(after)}
	return after
}

// later returns when to ask again.
func (w *ProjectWatch) later(repo *api.CodeRepo, url string, calm bool) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	after := brokenRecheck
	if calm {
		after = w.interval()
	}
	w.due[client.ObjectKeyFromObject(repo)] = recheck{url, repo.Generation, w.Clock.Now().Add(after)}
	return after
}

func (w *ProjectWatch) interval() time.Duration {
	return max(projectRecheck, time.Duration(len(w.due))*projectShare)
}

// forget is for a CodeRepo that is gone.
func (w *ProjectWatch) forget(key client.ObjectKey) {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.due, key)
}

func (w *ProjectWatch) project(ctx context.Context, provider *api.CodeRepoProvider,
	path string) (githost.Project, error) {
	host, token, err := w.Hosts.Host(ctx, provider)
	if err != nil {
		return githost.Project{}, err
	}
	return host.ProjectAt(ctx, token, path)
}
