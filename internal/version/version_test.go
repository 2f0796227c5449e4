package version

import (
	"runtime/debug"
	"testing"
)

func TestAReleaseSaysItsVersion(t *testing.T) {
	if String() == "" {
		t.Error("a build without a version says nothing")
	}
	version = "v1.2.3"
	if got := String(); got != "v1.2.3" {
		t.Errorf("got %s", got)
	}
}

func TestABuildWithoutAVersionSaysWhatGoKnows(t *testing.T) {
	commit := debug.BuildSetting{Key: "vcs.revision", Value: "c0ffee"}
	changed := debug.BuildSetting{Key: "vcs.modified", Value: "true"}
	for want, info := range map[string]*debug.BuildInfo{
		"v0.1.0":       {Main: debug.Module{Version: "v0.1.0"}, Settings: []debug.BuildSetting{commit}},
		"c0ffee":       {Main: debug.Module{Version: "(devel)"}, Settings: []debug.BuildSetting{commit}},
		"c0ffee-dirty": {Main: debug.Module{Version: "(devel)"}, Settings: []debug.BuildSetting{commit, changed}},
		"devel":        {Main: debug.Module{Version: "(devel)"}},
	} {
		if got := of(info); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
