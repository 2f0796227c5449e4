// Package version says which build this is.
package version

import "runtime/debug"

// version is set by the linker in a release: -X .../internal/version.version=v1.2.3.
var version string

// String returns the version of the release. A build without one says the version that Go gave it, or its commit, or
// that it was built for development.
func String() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return development
	}
	return of(info)
}

const development = "devel"

func of(info *debug.BuildInfo) string {
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	said := map[string]string{}
	for _, s := range info.Settings {
		said[s.Key] = s.Value
	}
	switch {
	case said["vcs.revision"] == "":
		return development
	case said["vcs.modified"] == "true":
		return said["vcs.revision"] + "-dirty"
	}
	return said["vcs.revision"]
}
