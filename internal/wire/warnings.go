package wire

import "strings"

// A warning begins with a word for programs, which never changes. What is wrong with a file has the code of
// layout's finding.
const (
	// WarningLegacyCodeRepo: a runtime names the code repo of another product without that product.
	WarningLegacyCodeRepo = "LEGACY_CODE_REPO"
	// WarningUnresolved: the selection includes items although the name of their product is not known.
	WarningUnresolved = "UNRESOLVED"
	// WarningRevisionNotFound and WarningPathNotFound: the code repo does not have what a saved runtime names.
	WarningRevisionNotFound = "REVISION_NOT_FOUND"
	WarningPathNotFound     = "PATH_NOT_FOUND"
	// WarningHookFailed: the change is made, but its webhook is not registered.
	WarningHookFailed = "HOOK_FAILED"
	// WarningRepositoryKept: the code repo is removed, but its GitLab project stays.
	WarningRepositoryKept = "REPOSITORY_KEPT"

	warningUnchecked = "UNCHECKED:"
)

// Unchecked returns the warning of a rule that could not be checked. The rule is named by the reason of its
// violations.
func Unchecked(rule, why string) string { return warningUnchecked + rule + ": " + why }

// Skipped returns the warning of a violation that insecure_skip_check skipped.
func Skipped(rule, message string) string { return "SKIPPED:" + rule + ": " + message }

// UncheckedRule returns the rule that a warning of Unchecked names. It is empty for any other warning.
func UncheckedRule(warning string) string {
	rest, found := strings.CutPrefix(warning, warningUnchecked)
	if !found {
		return ""
	}
	rule, _, _ := strings.Cut(rest, ":")
	return rule
}
