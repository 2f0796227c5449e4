package change_test

import (
	"encoding/json"
	"strconv"
	"testing"

	client "gitlab.com/gitlab-org/api/client-go"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/change"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// GitLab takes a path of digits only for an id. What is asked for by its path is that group and no other, whatever is
// asked.
func TestAPathOfDigitsIsNotTheGroupWithThatID(t *testing.T) {
	w := newWorld(t)
	victim := w.bare("billing")
	digits := strconv.FormatInt(victim.group, 10)
	owner := w.member(victim.group, client.OwnerPermissions)
	untouched := func(what string) {
		t.Helper()
		g, _, err := w.root.Groups.GetGroup(victim.group, nil)
		w.must(err)
		if g.Visibility != client.PrivateVisibility || g.MarkedForDeletionOn != nil {
			t.Fatalf("%s: the group with that id is changed: visibility %s, marked for deletion on %v", what,
				g.Visibility, g.MarkedForDeletionOn)
		}
	}
	binding := func(p product) change.Request {
		return request(p, change.Operation{Kind: "CodeRepoBinding", Name: "share",
			Body: json.RawMessage(`{"coderepo":"api-server","permissions":"readonly","product":"` + digits + `"}`)})
	}
	lender := w.product("lender")

	// No group has that path yet.
	_, err := w.service.Change(t.Context(), owner.caller, productDeletion(digits))
	w.wantProblem(err, problem.Missing, api.ReasonProductNotFound)
	untouched("a deletion")
	_, err = w.service.Get(t.Context(), owner.caller, change.Ref{Kind: "Product", Name: digits})
	w.wantProblem(err, problem.Missing, api.ReasonProductNotFound)
	w.refused(lender, lender.maintainer.caller, binding(lender), problem.Invalid, problem.ReasonInvalid)

	named := w.product(digits)
	w.join(named.group, owner, client.OwnerPermissions)
	w.join(named.group, lender.maintainer, client.ReporterPermissions)
	w.openGroup(named.group)
	answer, err := w.service.Get(t.Context(), owner.caller, change.Ref{Kind: "Product", Name: digits})
	w.must(err)
	if got := answer.Item.(*wire.Product).Name; got != digits {
		t.Errorf("the product of that path is told as %q", got)
	}
	if out := w.change(owner.caller,
		productRequest(digits, productBody(`"visibility":"internal"`))); out.Product != named.name {
		t.Errorf("a save is of %s, want %s", out.Product, named.name)
	}
	untouched("a save")
	w.change(lender.maintainer.caller, binding(lender))
	if b := w.get(lender.maintainer.caller, lender, "CodeRepoBinding",
		"share").Item.(*wire.CodeRepoBinding); b.Product != digits {
		t.Errorf("the binding is for %q, want %q", b.Product, digits)
	}
	_, err = w.service.Change(t.Context(), owner.caller, productDeletion(named.name))
	w.wantProblem(err, problem.Conflict, api.ReasonInUse)
	untouched("a deletion by the id of the other one")
}

// A group may be called like the id of another one. It is named by its own id then, in answers too, and never leads to
// the other.
func TestAPathThatReadsAsAnIDLeadsBack(t *testing.T) {
	w := newWorld(t)
	other := w.bare("billing")
	named := w.product(other.name)
	owner := w.member(named.group, client.OwnerPermissions)
	answer, err := w.service.Get(t.Context(), owner.caller, change.Ref{Kind: "Product", Name: named.name})
	w.must(err)
	if got := answer.Item.(*wire.Product).Name; got != named.name {
		t.Errorf("the product is told as %q, which leads to another group", got)
	}
	w.change(owner.caller, productRequest(named.name, productBody(`"description":"Things"`)))
	if g, _, err := w.root.Groups.GetGroup(named.group, nil); err != nil || g.Description != "Things" {
		t.Errorf("got %+v, %v", g, err)
	}
}

// Everybody may ask to become a member of a group that everybody sees. That is no role, though some versions of GitLab
// count it as Developer.
func TestARequestForAccessIsNoRole(t *testing.T) {
	w := newWorld(t)
	p, empty := w.product("acme"), w.bare("fresh")
	asking := w.person()
	own, err := client.NewClient(asking.caller.Token.Reveal(), client.WithBaseURL(w.url), client.WithoutRetries())
	w.must(err)
	for _, one := range []product{p, empty} {
		w.openGroup(one.group)
		_, _, err = w.root.Projects.EditProject(one.project,
			&client.EditProjectOptions{Visibility: client.Ptr(client.PublicVisibility)})
		w.must(err)
		_, _, err = own.AccessRequests.RequestGroupAccess(one.group)
		w.must(err)
	}
	_, err = w.service.List(t.Context(), asking.caller, p.path, "DeploymentRuntime", change.ListOptions{})
	w.wantProblem(err, problem.Forbidden, problem.ReasonForbidden)
	environment := change.Operation{Kind: "Environment", Name: "env",
		Body: json.RawMessage(`{"cluster":"c1","env_type":"dev"}`)}
	w.refused(empty, asking.caller, request(empty, environment), problem.Forbidden, problem.ReasonForbidden)
}

// Who was invited to default.project alone sees the private group around it, and not its members.
func TestAMaintainerOfDefaultProjectAloneSavesWhatIsUnchanged(t *testing.T) {
	w := newWorld(t)
	p := w.product("acme")
	invited := w.person()
	_, _, err := w.root.ProjectMembers.AddProjectMember(p.project,
		&client.AddProjectMemberOptions{UserID: invited.id, AccessLevel: client.Ptr(client.MaintainerPermissions)})
	w.must(err)
	if out := w.change(invited.caller, productRequest("acme", asItIs)); out.Changed {
		t.Errorf("got %+v", out)
	}
	_, err = w.service.Change(t.Context(), invited.caller, productRequest("acme", productBody(`"name":"Mine"`)))
	w.wantProblem(err, problem.Forbidden, problem.ReasonForbidden)
	_, err = w.service.Change(t.Context(), invited.caller, productDeletion("acme"))
	w.wantProblem(err, problem.Forbidden, problem.ReasonForbidden)
}
