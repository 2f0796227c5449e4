package wire

import (
	"regexp"
	"strings"
	"unicode"

	"github.com/nautes-labs/deployment-runtime/internal/kinds"
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

// fieldPaths matches paths of fields of a spec in a sentence.
var fieldPaths = regexp.MustCompile(`\bspec(\.[A-Za-z]+(\[[0-9]+\])?)+`)

// Sentence turns the paths of fields in a sentence about an object of the kind into members of the REST form. Paths of
// other kinds stay as they are.
func Sentence(kind, sentence string) string {
	k, known := kinds.ByName(kind)
	if !known {
		return sentence
	}
	spec := kinds.SpecOf(k.New()).Type()
	return fieldPaths.ReplaceAllStringFunc(sentence, func(path string) string {
		first, _, _ := strings.Cut(strings.TrimPrefix(path, "spec."), ".")
		first, _, _ = strings.Cut(first, "[")
		for f := range spec.Fields() {
			if jsonName(f) == first {
				return Field(kind, path)
			}
		}
		return path
	})
}

// Snake turns camelCase and CamelCase into snake_case.
func Snake(s string) string {
	var b strings.Builder
	for _, r := range s {
		if unicode.IsUpper(r) {
			if b.Len() > 0 {
				b.WriteByte('_')
			}
			r = unicode.ToLower(r)
		}
		b.WriteRune(r)
	}
	return b.String()
}
