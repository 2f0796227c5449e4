package version

import "testing"

func TestAReleaseSaysItsVersion(t *testing.T) {
	if String() == "" {
		t.Error("a build without a version says nothing")
	}
	version = "v1.2.3"
	if got := String(); got != "v1.2.3" {
		t.Errorf("got %s", got)
	}
}
