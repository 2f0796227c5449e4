package change_test

import (
	"strings"
	"testing"

	client "gitlab.com/gitlab-org/api/client-go"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/change"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

func TestASaveRightAfterItsBindingIsNotRefused(t *testing.T) {
	w := newWorld(t)
	p, owner := w.product("nautes-labs"), w.product("lender")
	body := strings.Replace(guide, `"code_repo": "api-server"`, `"code_repo": "`+owner.name+"/"+owner.repo+`"`, 1)
	both, alone := w.member(p.group, client.MaintainerPermissions), p.maintainer
	w.join(owner.group, both, client.ReporterPermissions)

	err := w.refusedWith(p, both.caller, save(p, "dr", body), problem.Invalid, problem.ReasonInvalid)
	w.wantRules(err, api.ReasonCodeRepoNotFound)

	w.change(owner.maintainer.caller, request(owner, change.Operation{Kind: "CodeRepoBinding", Name: "share",
		Body: []byte(`{"product":"` + p.name + `","coderepo":"api-server","permissions":"readonly"}`)}))
	// nothing of it is in the management cluster yet, and who may not read the lender is told no more than before
	err = w.refusedWith(p, alone.caller, save(p, "dr", body), problem.Invalid, problem.ReasonInvalid)
	w.wantRules(err, api.ReasonCodeRepoNotFound)
	w.change(both.caller, save(p, "dr", body))

	only := strings.Replace(body, `"api-server"`, `"cart"`, 1)
	w.change(p.maintainer.caller, request(p, change.Operation{Kind: "Project", Name: "cart", Body: []byte(`{"language":"go"}`)}))
	w.change(owner.maintainer.caller, request(owner, change.Operation{Kind: "CodeRepoBinding", Name: "share",
		Body: []byte(`{"product":"` + p.name + `","coderepo":"api-server","permissions":"readonly","projects":["api-server"]}`)}))
	err = w.refusedWith(p, both.caller, save(p, "dr-cart", strings.Replace(only, "development", "cart", 1)),
		problem.Invalid, problem.ReasonInvalid)
	w.wantRules(err, api.ReasonPermissionDenied)
}
