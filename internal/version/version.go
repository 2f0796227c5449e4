// Package version says which build this is.
package version

import "runtime/debug"

// version is set by the linker in a release: -X .../internal/version.version=v1.2.3.
var version string

// String returns the version of the release, or the commit of the build, or "unknown".
func String() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	return "unknown"
}
