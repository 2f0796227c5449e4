package wire

import (
	"strings"
	"unicode"
)

// Field turns the path of a field of an object (spec.manifestSource.codeRepo) into the member of the REST form
// (manifest_source.code_repo). Paths of other metadata stay as they are.
func Field(kind, path string) string {
	if path == "metadata.name" {
		return "name"
	}
	inner, found := strings.CutPrefix(path, "spec.")
	if !found {
		return path
	}
	if kind == "CodeRepoBinding" {
		if rest, is := strings.CutPrefix(inner, "codeRepo"); is && (rest == "" || rest[0] == '.') {
			return "coderepo" + rest
		}
	}
	if kind == "CodeRepo" && inner == "repoName" {
		return "git.gitlab.path"
	}
	return Snake(inner)
}

// Snake turns camelCase into snake_case.
func Snake(s string) string {
	var b strings.Builder
	for _, r := range s {
		if unicode.IsUpper(r) {
			b.WriteByte('_')
			r = unicode.ToLower(r)
		}
		b.WriteRune(r)
	}
	return b.String()
}
