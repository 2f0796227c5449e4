package clusters

import (
	"net/http"
	"slices"
	"strings"
)

// RequestName names a request to an API server by what it does, such as PATCH deploymentruntimes/status. Names of objects
// are no part of it.
func RequestName(r *http.Request) string {
	if resource := ResourceOf(r.URL.Path); resource != "" {
		return r.Method + " " + resource
	}
	return r.Method
}

// ResourceOf returns the resource that the path of a request to an API server leads to, such as
// deploymentruntimes/status, or nothing where it leads to none. Names of objects and namespaces are no part of it.
func ResourceOf(path string) string {
	rest := strings.Split(strings.Trim(path, "/"), "/")
	// In front of it there may be the path of a proxy.
	if i := slices.Index(rest, "apis"); i >= 0 && len(rest) > i+3 {
		rest = rest[i+3:] // apis, group, version
	} else if i := slices.Index(rest, "api"); i >= 0 && len(rest) > i+2 {
		rest = rest[i+2:] // api, version
	} else {
		return ""
	}
	if rest[0] == "namespaces" && len(rest) > 2 && rest[2] != "status" && rest[2] != "finalize" {
		rest = rest[2:]
	}
	if len(rest) > 2 {
		return rest[0] + "/" + rest[2]
	}
	return rest[0]
}
