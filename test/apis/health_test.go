package apis

import (
	"slices"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"
	"sigs.k8s.io/yaml"

	"github.com/nautes-labs/deployment-runtime/config/argocd"
)

const healthKey = "resource.customizations.health.nautes.resource.nautes.io_"

// healthScripts returns what config/argocd puts into argocd-cm, by kind.
func healthScripts(t *testing.T) map[string]string {
	t.Helper()
	settings, err := argocd.Settings(argocd.Choices{})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for key, value := range settings[argocd.ConfigMap] {
		if kind, ok := strings.CutPrefix(key, healthKey); ok {
			out[kind] = value
		}
	}
	return out
}

func TestArgoCDKnowsTheHealthOfEveryKind(t *testing.T) {
	scripts := healthScripts(t)
	for _, d := range definitions(t) {
		if scripts[d.Spec.Names.Kind] == "" {
			t.Errorf("config/argocd has no health check for %s", d.Spec.Names.Kind)
		}
	}
	if len(scripts) != len(definitions(t)) {
		t.Errorf("config/argocd has %d health checks for %d kinds", len(scripts), len(definitions(t)))
	}
}

func TestHealth(t *testing.T) {
	cases := map[string]struct{ object, status, message string }{
		"nothing was looked at": {
			`{metadata: {generation: 1}}`, "Progressing", "waiting for the operator",
		},
		"no condition yet": {
			`{metadata: {generation: 1}, status: {observedGeneration: 1}}`, "Progressing", "waiting for the operator",
		},
		"the status speaks of an older spec": {
			`{metadata: {generation: 2}, status: {observedGeneration: 1, conditions: [{type: Ready, status: "True", message: fine}]}}`,
			"Progressing", "waiting for the operator to look at the last change",
		},
		"ready": {
			`{metadata: {generation: 2}, status: {observedGeneration: 2, conditions: [
			  {type: Accepted, status: "False", message: other}, {type: Ready, status: "True", message: fine}]}}`,
			"Healthy", "fine",
		},
		"not ready": {
			`{metadata: {generation: 2}, status: {observedGeneration: 2, conditions: [{type: Ready, status: "False", message: why}]}}`,
			"Degraded", "why",
		},
		"unknown": {
			`{metadata: {generation: 2}, status: {observedGeneration: 2, conditions: [{type: Ready, status: Unknown, message: later}]}}`,
			"Progressing", "later",
		},
	}
	for kind, script := range healthScripts(t) {
		for name, c := range cases {
			t.Run(kind+" "+name, func(t *testing.T) {
				status, message := judged(t, script, c.object)
				if status != c.status || message != c.message {
					t.Errorf("got %s %q, want %s %q", status, message, c.status, c.message)
				}
			})
		}
	}
}

// judged runs a health script as Argo CD does: the object is the global obj, and no library but the safe ones is there.
func judged(t *testing.T, script, object string) (status, message string) {
	t.Helper()
	var value map[string]any
	if err := yaml.UnmarshalStrict([]byte(object), &value); err != nil {
		t.Fatal(err)
	}
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	for _, open := range []lua.LGFunction{lua.OpenBase, lua.OpenTable, lua.OpenString} {
		state.Push(state.NewFunction(open))
		state.Call(0, 0)
	}
	state.SetGlobal("obj", luaValue(state, value))
	if err := state.DoString(script); err != nil {
		t.Fatal(err)
	}
	result, ok := state.Get(-1).(*lua.LTable)
	if !ok {
		t.Fatalf("the script returns %s, want a table", state.Get(-1).Type())
	}
	return result.RawGetString("status").String(), result.RawGetString("message").String()
}

func luaValue(state *lua.LState, value any) lua.LValue {
	switch v := value.(type) {
	case map[string]any:
		table := state.NewTable()
		keys := make([]string, 0, len(v))
		for key := range v {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		for _, key := range keys {
			table.RawSetString(key, luaValue(state, v[key]))
		}
		return table
	case []any:
		table := state.NewTable()
		for _, entry := range v {
			table.Append(luaValue(state, entry))
		}
		return table
	case float64:
		return lua.LNumber(v)
	case string:
		return lua.LString(v)
	}
	return lua.LNil
}
