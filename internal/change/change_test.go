package change_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	client "gitlab.com/gitlab-org/api/client-go"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/change"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/rules/rulestest"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

func TestTheGuidesExampleGoesThereAndBack(t *testing.T) {
	w := newWorld(t)
	p := w.product("nautes-labs")
	before := w.head(p)
	w.pushCode(p, "api-server", "manifests/development/web.yaml")

	out := w.change(p.maintainer.caller, save(p, "dr-dev", guide))
	head, files := w.main(p)
	if !out.Changed || out.Commit != head || out.Base != before || out.User.ID != p.maintainer.id ||
		out.Product != p.name {
		t.Errorf("got %+v, main is %s", out, head)
	}
	if diff := cmp.Diff([]string{}, out.Warnings); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(runtimeYAML(p, "dr-dev", "env-dev"), files["runtimes/dr-dev.yaml"]); diff != "" {
		t.Errorf("the file is not the guide's: %s", diff)
	}

	item := `{"product":"nautes-labs","name":"dr-dev","projects_ref":["api-server"],"manifest_source":{"code_repo":"api-server","target_revision":"HEAD","path":"manifests/development"},` +
		`"destination":"env-dev","namespaces":[],"deletion_policy":"Delete","suspend":false,"status":{"ready":false,"reason":"Syncing",` +
		`"message":"the file in default.project is not applied in the management cluster yet",` +
		`"cluster":"","sync":"","health":"","revision":""}}`
	got := w.get(p.maintainer.caller, p, "DeploymentRuntime", "dr-dev")
	if diff := cmp.Diff(item, asJSON(t, got.Item)); diff != "" {
		t.Error(diff)
	}
	dir := w.clone(p)
	if blob := w.git(dir, "rev-parse", "HEAD:runtimes/dr-dev.yaml"); got.ETag != `"`+blob+`"` {
		t.Errorf("ETag %s, the blob is %s", got.ETag, blob)
	}
	listed := w.list(p.maintainer.caller, p, "DeploymentRuntime", change.ListOptions{})
	if diff := cmp.Diff("["+item+"]", asJSON(t, listed.Items)); diff != "" {
		t.Error(diff)
	}
	if listed.ETag != `W/"`+head+`"` {
		t.Errorf("ETag of the list: %s", listed.ETag)
	}

	again := w.change(p.maintainer.caller, save(p, "dr-dev", asJSON(t, got.Item)))
	if again.Changed || again.Commit != head || w.head(p) != head {
		t.Errorf("an answer that is sent back changes something: %+v", again)
	}

	gone := w.change(p.maintainer.caller, remove(p, "DeploymentRuntime", "dr-dev"))
	if _, files := w.main(p); !gone.Changed || files["runtimes/dr-dev.yaml"] != "" {
		t.Errorf("after the deletion: %+v, %v", gone, files)
	}
	w.refused(p, p.maintainer.caller, remove(p, "DeploymentRuntime", "dr-dev"), problem.Missing,
		problem.ReasonResourceNotFound)
	_, err := w.service.Get(t.Context(), p.maintainer.caller,
		change.Ref{Product: p.path, Kind: "DeploymentRuntime", Name: "dr-dev"})
	w.wantProblem(err, problem.Missing, problem.ReasonResourceNotFound)
}

func TestACommitSaysWhoDidWhat(t *testing.T) {
	w := newWorld(t)
	p := w.product("nautes-labs")
	c := p.maintainer.caller
	c.Client = "curl/8\nNautes-Skip-Check: true"
	w.change(c, save(p, "dr-dev", to("env-nowhere"), forced))

	dir := w.clone(p)
	got := w.git(dir, "log", "-1", "--format=%an|%ae|%cn|%ce%n%B")
	who := "Person " + p.maintainer.name + "|" + p.maintainer.name + "@example.com"
	want := who + "|" + who + "\n" + strings.Join([]string{
		"Save DeploymentRuntime dr-dev", "",
		"Nautes-Kind: DeploymentRuntime", "Nautes-Name: dr-dev", "Nautes-Product: nautes-labs",
		"Nautes-Request-Id: " + c.RequestID,
		"Nautes-Client: curl/8 Nautes-Skip-Check: true", "Nautes-Skip-Check: true",
	}, "\n")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if n := w.git(dir, "show", "-1", "--format=", "--name-status"); n != "A\truntimes/dr-dev.yaml" {
		t.Errorf("the commit touches %s", n)
	}
	if trailers := w.git(dir, "log", "-1", "--format=%(trailers:key=Nautes-Skip-Check,valueonly)"); trailers != "true" {
		t.Errorf("git reads the trailers as %q", trailers)
	}
}

func TestReplaceWithoutSurprises(t *testing.T) {
	w := newWorld(t)
	p := w.product("nautes-labs")
	c := p.maintainer.caller
	rich := "# kept by nobody\n" + strings.Replace(runtimeYAML(p, "dr-dev", "env-dev"), "metadata:\n",
		"metadata:\n  labels:\n    team: a\n", 1) +
		"  deletionPolicy: Orphan\n  namespaces:\n  - a\n  suspend: true\n"
	w.push(p, map[string]string{"runtimes/dr-dev.yaml": rich})

	if out := w.change(c, save(p, "dr-dev", guide)); out.Changed || out.Verdict != wire.VerdictUnchanged ||
		out.Commit != w.head(p) {
		t.Errorf("a client that only knows the guide changed something: %+v", out)
	}
	w.change(c, save(p, "dr-dev", at("other")))
	_, files := w.main(p)
	for _, kept := range []string{"team: a", "deletionPolicy: Orphan", "- a\n", "suspend: true", "path: other"} {
		if !strings.Contains(files["runtimes/dr-dev.yaml"], kept) {
			t.Errorf("%q is not in\n%s", kept, files["runtimes/dr-dev.yaml"])
		}
	}
	w.change(c, save(p, "dr-dev",
		strings.Replace(at("other"), `"env-dev"`, `{"environment":"env-dev","namespaces":["b"]},"suspend":null`, 1)))
	_, files = w.main(p)
	if text := files["runtimes/dr-dev.yaml"]; strings.Contains(text, "suspend") || !strings.Contains(text, "- b\n") {
		t.Errorf("null resets, and the newer form of destination sets namespaces:\n%s", text)
	}

	out := w.change(c, save(p, "dr-dev", strings.Replace(guide, `"destination"`, `"zone":1,"destination"`, 1)))
	if !hasWarning(out.Warnings, "zone") {
		t.Errorf("unknown members are listed: %v", out.Warnings)
	}
	strict := func(r *change.Request) { r.Strict = true }
	w.refused(p, c, save(p, "dr-dev", strings.Replace(guide, `"destination"`, `"zone":1,"destination"`, 1), strict),
		problem.Invalid, problem.ReasonBadRequest)
}

func TestIgnoredMembersAreToldWithARefusal(t *testing.T) {
	w := newWorld(t)
	p := w.product("nautes-labs")
	for sentence, body := range map[string]string{
		"by its form": strings.Replace(guide, `"destination"`, `"destinationn"`, 1),
		"by a rule":   strings.Replace(guide, `"env-dev"`, `"nowhere","zone":1`, 1),
	} {
		t.Run(sentence, func(t *testing.T) {
			out, err := w.service.Change(t.Context(), p.maintainer.caller, save(p, "dr-dev", body))
			if err == nil || len(out.Ignored) != 1 {
				t.Errorf("told is %v with %v", out.Ignored, err)
			}
		})
	}
}

func TestWhatIsRefused(t *testing.T) {
	w := newWorld(t)
	p := w.product("nautes-labs")
	w.product("other")
	c := p.maintainer.caller
	w.change(c, save(p, "dr-dev", guide))
	w.mgmt.Record(rulestest.Record(p.name, "dr-deployed", "env-dev", "c1"))
	deployed := rulestest.Runtime(p.name, "dr-deployed", p.repo, "env-dev")
	w.mgmt.Add(deployed)
	w.push(p, map[string]string{
		"runtimes/dr-deployed.yaml": strings.Replace(runtimeYAML(p, "dr-deployed", "env-dev"), "manifests/development",
			"deployed", 1),
		"envs/env-two.yaml": yaml("Environment", "env-two", "product: "+p.name, "cluster: c2", "envType: test"),
	})

	code := func(name string) string {
		return strings.Replace(at("x"), `"code_repo": "api-server"`, `"code_repo": "`+name+`"`, 1)
	}
	for sentence, c := range map[string]struct {
		request change.Request
		rules   []string
		field   string
		// anyway: insecure_skip_check lets it pass.
		anyway bool
	}{
		"an environment that does not exist": {save(p, "dr", to("env-nowhere")),
			[]string{api.ReasonEnvironmentNotFound}, "destination", true},
		"a project that does not exist": {save(p, "dr", strings.Replace(at("x"), `"projects_ref": [`,
			`"projects_ref": ["gone",`, 1)), []string{api.ReasonProjectNotFound}, "", true},
		"a code repo that nobody knows, also when forced": {save(p, "dr", code("nowhere")),
			[]string{api.ReasonCodeRepoNotFound}, "manifest_source.code_repo", false},
		"a code repo of a product that is not the caller's": {save(p, "dr", code("other/api-server")),
			[]string{api.ReasonCodeRepoNotFound}, "manifest_source.code_repo", false},
		"a twin, whose name comes first": {save(p, "a-twin", guide),
			[]string{api.ReasonTwinRuntime}, "", true},
		"a twin, whose name comes last": {save(p, "z-twin", guide),
			[]string{api.ReasonTwinRuntime}, "", true},
		"a system namespace": {save(p, "dr", strings.Replace(at("x"), `"env-dev"`,
			`"env-dev","namespaces":["argocd"]`, 1)), []string{api.ReasonNamespaceReserved}, "", true},
		"an empty path": {save(p, "dr", at("")), nil, "manifest_source.path", false},
		"a path that leaves the repository": {save(p, "dr", at("../secrets")), nil,
			"manifest_source.path", false},
		"a revision that git does not permit": {save(p, "dr",
			strings.Replace(at("x"), "HEAD", "a..b", 1)), nil, "", false},
		"a name that is no DNS label": {save(p, "Dr_Dev", guide), nil, "", false},
		"no destination": {save(p, "dr",
			strings.Replace(guide, `"env-dev"`, `""`, 1)), nil, "destination", false},
		"an empty body object": {save(p, "dr", `{}`), nil, "", false},
		"the destination of a deployed runtime": {save(p, "dr-deployed",
			strings.Replace(at("deployed"), "env-dev", "env-two", 1)), nil, "", true},
	} {
		t.Run(sentence, func(t *testing.T) {
			w := *w
			w.T = t
			err := w.refusedWith(p, p.maintainer.caller, c.request, problem.Invalid, problem.ReasonInvalid)
			if c.rules != nil {
				w.wantRules(err, c.rules...)
			}
			var v change.Violations
			if !asViolations(err, &v) {
				t.Fatalf("no violations in %v", err)
			}
			if c.field != "" && v[0].Field != c.field {
				t.Errorf("field %q, want %q", v[0].Field, c.field)
			}
			preview := c.request
			preview.DryRun = true
			if out, err := w.service.Change(t.Context(), p.maintainer.caller, preview); c.anyway &&
				(err != nil || out.Verdict != wire.VerdictRefused || len(out.Violations) == 0) {
				t.Errorf("dry run: %+v, %v", out, err)
			}
			force := c.request
			force.SkipCheck, force.DryRun = true, true
			out, err := w.service.Change(t.Context(), p.maintainer.caller, force)
			if passes := err == nil && out.Verdict == wire.VerdictSave; passes != c.anyway {
				t.Errorf("forced: %+v, %v", out, err)
			}
		})
	}
}

func TestAllViolationsAtOnceInAStableOrder(t *testing.T) {
	w := newWorld(t)
	p := w.product("nautes-labs")
	body := `{"projects_ref":["gone-b","gone-a"],"manifest_source":{"code_repo":"api-server","target_revision":"HEAD","path":"x"},"destination":"env-nowhere"}`
	var first string
	for range 5 {
		_, err := w.service.Change(t.Context(), p.maintainer.caller, save(p, "dr", body))
		var v change.Violations
		if !asViolations(err, &v) || len(v) < 3 {
			t.Fatalf("got %v", err)
		}
		if text := asJSON(t, v); first == "" {
			first = text
		} else if text != first {
			t.Errorf("another order:\n%s\n%s", first, text)
		}
		if v[0].Params["kind"] != "DeploymentRuntime" || v[0].Params["name"] != "dr" {
			t.Errorf("params %v", v[0].Params)
		}
	}
	_, err := w.service.Change(t.Context(), p.maintainer.caller,
		save(p, "dr", `{"manifest_source":{"code_repo":"api-server"}}`))
	w.wantProblem(err, problem.Invalid, problem.ReasonInvalid)
	var v change.Violations
	if !asViolations(err, &v) || len(v) < 3 {
		t.Errorf("shape: all at once as well: %v", v)
	}
}

func TestWhatIsInUseIsNotDeleted(t *testing.T) {
	w := newWorld(t)
	p := w.product("nautes-labs")
	c := p.maintainer.caller
	w.change(c, save(p, "dr-dev", guide))

	for kind, name := range map[string]string{"Environment": "env-dev", "Project": "api-server",
		"CodeRepo": "api-server"} {
		err := w.refusedWith(p, c, remove(p, kind, name), problem.Conflict, api.ReasonInUse)
		if !strings.Contains(err.Error(), "dr-dev") {
			t.Errorf("%s: the referrer is not named: %v", kind, err)
		}
		out := w.change(c, remove(p, kind, name, dryRun, forced))
		if out.Verdict != wire.VerdictSave || !strings.Contains(out.Diff, "deleted file") {
			t.Errorf("%s, forced: %+v", kind, out)
		}
	}
	together := change.Request{Product: p.path, Operations: []change.Operation{
		{Delete: true, Kind: "Environment", Name: "env-dev"}, {Delete: true, Kind: "DeploymentRuntime", Name: "dr-dev"},
	}}
	w.change(c, together)
	dir := w.clone(p)
	if subject := w.git(dir, "log", "-1", "--format=%s"); subject != "Delete 2 objects" {
		t.Errorf("subject %q", subject)
	}
	if count := w.git(dir, "rev-list", "--count", "HEAD"); count != "3" {
		t.Errorf("%s commits", count)
	}
}

func TestABatchIsOneJudgementAndOneCommit(t *testing.T) {
	w := newWorld(t)
	p := w.product("nautes-labs")
	c := p.maintainer.caller
	crd := &api.Environment{Spec: api.EnvironmentSpec{Product: p.path, Cluster: "c2", EnvType: "prod"}}
	crd.Name = "env-prod"
	batch := change.Request{Product: p.name, Operations: []change.Operation{
		{Kind: "DeploymentRuntime", Name: "dr-prod", Body: json.RawMessage(to("env-prod"))}, // before what it needs
		{Object: crd},
		{Kind: "Project", Name: "web", Body: json.RawMessage(`{"language":"ts"}`)},
	}}
	before := w.head(p)
	out := w.change(c, batch)
	head, files := w.main(p)
	if out.Commit != head || out.Base != before || files["runtimes/dr-prod.yaml"] == "" ||
		files["projects/web/web.yaml"] == "" {
		t.Errorf("got %+v, %v", out, files)
	}
	if diff := cmp.Diff(yaml("Environment", "env-prod", "cluster: c2", "envType: prod", "product: "+p.name),
		files["envs/env-prod.yaml"]); diff != "" {
		t.Error(diff)
	}
	if parent := w.git(w.clone(p), "rev-parse", "HEAD^"); parent != before {
		t.Errorf("more than one commit: the parent is %s", parent)
	}
	if again := w.change(c, batch); again.Changed {
		t.Errorf("the same again: %+v", again)
	}

	bad := batch
	bad.Operations = append([]change.Operation{{Kind: "Project", Name: "fine", Body: json.RawMessage(`{}`)}},
		change.Operation{Kind: "DeploymentRuntime", Name: "dr-bad", Body: json.RawMessage(to("nowhere"))})
	w.refused(p, c, bad, problem.Invalid, problem.ReasonInvalid)
	twice := change.Request{Product: p.path, Operations: []change.Operation{batch.Operations[2], batch.Operations[2]}}
	w.refused(p, c, twice, problem.Invalid, problem.ReasonBadRequest)
}

func TestADryRunShowsWhatWouldHappen(t *testing.T) {
	w := newWorld(t)
	p := w.product("nautes-labs")
	before := w.head(p)
	out := w.change(p.maintainer.caller, save(p, "dr-dev", guide, dryRun))
	if w.head(p) != before || out.Verdict != wire.VerdictSave || out.Base != before || out.Changed {
		t.Errorf("got %+v", out)
	}
	for _, line := range []string{"--- /dev/null", "+++ b/runtimes/dr-dev.yaml", "+  destination: env-dev"} {
		if !strings.Contains(out.Diff, line) {
			t.Errorf("%q is not in\n%s", line, out.Diff)
		}
	}
	plan := []wire.Plan{{
		Name: "dr-dev", Cluster: "c1", Server: "https://c1.example.com:6443", Namespaces: []string{"dr-dev"},
		Source: wire.Source{URL: w.url + "/nautes-labs/api-server.git", TargetRevision: "HEAD",
			Path: "manifests/development"},
	}}
	if diff := cmp.Diff(plan, out.Plan); diff != "" {
		t.Error(diff)
	}
	w.change(p.maintainer.caller, save(p, "dr-dev", guide))
	if out := w.change(p.maintainer.caller, save(p, "dr-dev", guide, dryRun)); out.Verdict != wire.VerdictUnchanged ||
		out.Diff != "" {
		t.Errorf("unchanged: %+v", out)
	}
	reader := w.member(p.group, client.ReporterPermissions)
	w.refused(p, reader.caller, save(p, "dr-dev", guide, dryRun), problem.Forbidden, problem.ReasonForbidden)
}

func TestWithoutTheManagementClusterSavesGoOn(t *testing.T) {
	w := newWorld(t)
	p := w.product("nautes-labs")
	o := w.options
	o.Management = nil
	alone := change.New(o)
	out, err := alone.Change(t.Context(), p.maintainer.caller, save(p, "dr-dev", guide))
	w.must(err)
	if !out.Changed || !hasWarning(out.Warnings, "UNCHECKED:") {
		t.Errorf("nobody to ask: %+v", out)
	}
	_, err = alone.Change(t.Context(), p.maintainer.caller, save(p, "dr-x", to("env-nowhere")))
	w.wantRules(err, api.ReasonEnvironmentNotFound)
	_, err = alone.List(t.Context(), p.maintainer.caller, "", "Cluster", change.ListOptions{})
	w.wantProblem(err, problem.Unavailable, problem.ReasonNoManagementCluster)

	w.mgmt.Broken(errLost)
	out = w.change(p.maintainer.caller, save(p, "dr-two", at("two")))
	if !out.Changed || !hasWarning(out.Warnings, "UNCHECKED:") {
		t.Errorf("somebody who does not answer: %+v", out)
	}
	w.get(p.maintainer.caller, p, "DeploymentRuntime", "dr-two")
}
