// Package record reads Applications as the records of runtimes, and says whether what is recorded may be removed.
package record

import (
	"context"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/argocd"
	"github.com/nautes-labs/deployment-runtime/internal/apply"
	"github.com/nautes-labs/deployment-runtime/internal/desired"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// Record is an Application that is ours, with what it remembers.
type Record struct {
	App       *observed.Application
	Placement placement.Placement
	Teardown  *placement.Teardown
}

// Read reads an Application as a record. It is ours by its annotation and our finalizer together, never by labels. An
// Application without either is somebody else's: NameConflict. One whose record is damaged, or disagrees with its own
// project and destination, is RecordMismatch. Neither is ever touched.
func Read(app *observed.Application) (*Record, *problem.Problem) {
	text, marked := app.Annotations[api.AnnotationPlacement]
	finalized := slices.Contains(app.Finalizers, api.Finalizer)
	if !marked && !finalized {
		return nil, argocd.Foreign("Application", app.Name)
	}
	p, err := placement.Decode(text)
	if err != nil {
		return nil, mismatch(app, "its record is damaged").Because(err)
	}
	if !slices.Contains(identity.Applications(p.Runtime.Namespace, p.Runtime.Name), app.Name) {
		return nil, mismatch(app, "its record is of another runtime")
	}
	to := app.Spec.Destination
	if to.Name != p.Destination.Cluster || to.Server != "" || app.Spec.Project != identity.AppProject(p.Product) {
		return nil, mismatch(app, "its project or destination is not the recorded one")
	}
	r := &Record{App: app, Placement: p}
	if text, asked := app.Annotations[api.AnnotationTeardown]; asked {
		t, err := placement.DecodeTeardown(text)
		if err != nil {
			return nil, mismatch(app, "its teardown request is damaged").Because(err)
		}
		r.Teardown = &t
	}
	return r, nil
}

// Of reads an Application as the record of a runtime. The hash in its name is short enough to be searched for: another
// runtime's record is never taken for this one's, although the names are equal.
func Of(app *observed.Application, runtime *api.DeploymentRuntime) (*Record, *problem.Problem) {
	rec, p := Read(app)
	if p != nil {
		return nil, p
	}
	if !rec.Placement.Runtime.SameRuntime(placement.RuntimeRef{Namespace: runtime.Namespace, Name: runtime.Name}) {
		return nil, problem.New(problem.Conflict, api.ReasonNameConflict,
			"Application %s stands for another runtime whose name leads to the same one: give this "+
				"runtime another name", app.Name)
	}
	return rec, nil
}

func mismatch(app *observed.Application, what string) *problem.Problem {
	return problem.New(problem.Conflict, api.ReasonRecordMismatch,
		"Application %s is not touched because %s: restore its annotation %s and its spec, or remove it by hand",
		app.Name, what, api.AnnotationPlacement)
}

// Situation returns what stands under a runtime's name; a nil record is none.
func (r *Record) Situation() placement.Situation {
	if r == nil {
		return placement.Situation{}
	}
	return placement.Situation{Recorded: &r.Placement, Teardown: r.Teardown,
		Deleting: !r.App.DeletionTimestamp.IsZero()}
}

// Halted says that nothing new may be deployed: a permission is gone, or the removal is held.
func (r *Record) Halted() bool {
	return r.Placement.Halted != "" || r.Teardown != nil && r.Teardown.Hold != placement.HoldNone
}

// DeploysFrom says whether Argo CD has that repository.
func (r *Record) DeploysFrom(repoURL string) bool {
	return r.App.Spec.Source != nil && r.App.Spec.Source.RepoURL == repoURL
}

// Automated says whether Argo CD syncs by itself.
func (r *Record) Automated() bool {
	return r.App.Spec.SyncPolicy != nil && r.App.Spec.SyncPolicy.Automated != nil
}

// Destinations returns where a placement deploys to.
func Destinations(p placement.Placement) []desired.Destination {
	var out []desired.Destination
	for _, ns := range p.Namespaces {
		out = append(out, desired.Destination{Cluster: p.Destination.Cluster, Namespace: ns})
	}
	return out
}

// Searching says whether Argo CD has yet to look for what a short revision means: what it said of the last full name is
// of no interest.
func (r *Record) Searching(f observed.Facts) bool {
	p := r.Placement
	return p.Ref != "" && !p.RefFound && !f.Compared && f.Refusal() == ""
}

// Release takes our finalizer off an Application.
func Release(ctx context.Context, c client.Client, app *observed.Application) error {
	after := app.DeepCopy()
	after.Finalizers = slices.DeleteFunc(after.Finalizers, func(f string) bool { return f == api.Finalizer })
	_, err := apply.Patch(ctx, c, app, after)
	return client.IgnoreNotFound(err)
}
