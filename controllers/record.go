package controllers

import (
	"slices"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/argocd"
	"github.com/nautes-labs/deployment-runtime/internal/desired"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// appRecord is an Application that is ours, with what it remembers.
type appRecord struct {
	app       *observed.Application
	placement placement.Placement
	teardown  *placement.Teardown
}

// readRecord reads an Application as a record. It is ours by its annotation and our finalizer together, never by labels. An Application
// without either is somebody else's: NameConflict. One whose record is damaged, or disagrees with its own project and
// destination, is RecordMismatch. Neither is ever touched.
func readRecord(app *observed.Application) (*appRecord, *problem.Problem) {
	text, marked := app.Annotations[api.AnnotationPlacement]
	finalized := slices.Contains(app.Finalizers, api.Finalizer)
	if !marked && !finalized {
		return nil, argocd.Foreign("Application", app.Name)
	}
	p, err := placement.Decode(text)
	if err != nil {
		return nil, mismatch(app, "its record is damaged").Because(err)
	}
	if app.Name != desired.ApplicationName(p.Runtime.Namespace, p.Runtime.Name) {
		return nil, mismatch(app, "its record is of another runtime")
	}
	to := app.Spec.Destination
	if to.Name != p.Destination.Cluster || to.Server != "" || app.Spec.Project != desired.AppProjectName(p.Product) {
		return nil, mismatch(app, "its project or destination is not the recorded one")
	}
	r := &appRecord{app: app, placement: p}
	if text, asked := app.Annotations[api.AnnotationTeardown]; asked {
		t, err := placement.DecodeTeardown(text)
		if err != nil {
			return nil, mismatch(app, "its teardown request is damaged").Because(err)
		}
		r.teardown = &t
	}
	return r, nil
}

// recordOf reads an Application as the record of a runtime. The hash in its name is short enough to be searched for: another runtime's record is
// never taken for this one's, although the names are equal.
func recordOf(app *observed.Application, runtime *api.DeploymentRuntime) (*appRecord, *problem.Problem) {
	rec, p := readRecord(app)
	if p != nil {
		return nil, p
	}
	if !rec.placement.Runtime.SameRuntime(placement.RuntimeRef{Namespace: runtime.Namespace, Name: runtime.Name}) {
		return nil, problem.New(problem.Conflict, api.ReasonNameConflict,
			"Application %s stands for another runtime whose name leads to the same one: give this runtime another name", app.Name)
	}
	return rec, nil
}

func mismatch(app *observed.Application, what string) *problem.Problem {
	return problem.New(problem.Conflict, api.ReasonRecordMismatch,
		"Application %s is not touched because %s: restore its annotation %s and its spec, or remove it by hand", app.Name, what, api.AnnotationPlacement)
}

// situation returns what stands under a runtime's name; a nil record is none.
func (r *appRecord) situation() placement.Situation {
	if r == nil {
		return placement.Situation{}
	}
	return placement.Situation{Recorded: &r.placement, Teardown: r.teardown, Deleting: !r.app.DeletionTimestamp.IsZero()}
}

// halted says that nothing new may be deployed: a permission is gone, or the removal is held.
func (r *appRecord) halted() bool {
	return r.placement.Halted != "" || r.teardown != nil && r.teardown.Hold != placement.HoldNone
}

// deploysFrom says whether Argo CD has that repository.
func (r *appRecord) deploysFrom(repoURL string) bool {
	return r.app.Spec.Source != nil && r.app.Spec.Source.RepoURL == repoURL
}

// automated says whether Argo CD syncs by itself.
func (r *appRecord) automated() bool {
	return r.app.Spec.SyncPolicy != nil && r.app.Spec.SyncPolicy.Automated != nil
}

// destinationsOf returns where a placement deploys to.
func destinationsOf(p placement.Placement) []desired.Destination {
	var out []desired.Destination
	for _, ns := range p.Namespaces {
		out = append(out, desired.Destination{Cluster: p.Destination.Cluster, Namespace: ns})
	}
	return out
}
