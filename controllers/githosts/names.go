package githosts

import (
	"strconv"
	"strings"
)

// ProjectID returns the id of the project that a CodeRepo is named by, or 0.
func ProjectID(codeRepo string) int64 { return numberIn(codeRepo, "repo-") }

// ProductName returns the name of the Product of a group.
func ProductName(group int64) string { return "product-" + strconv.FormatInt(group, 10) }

// GroupOf returns the id of the group that a Product is of, or 0.
func GroupOf(product string) int64 { return numberIn(product, "product-") }

// numberIn returns the number that a name consists of behind its prefix, or 0: of a name that is written in another way, too.
func numberIn(name, prefix string) int64 {
	digits, found := strings.CutPrefix(name, prefix)
	id, err := strconv.ParseInt(digits, 10, 64)
	if !found || err != nil || strconv.FormatInt(id, 10) != digits {
		return 0
	}
	return id
}

// DefaultProject is the path of the repository that makes a group a product.
const DefaultProject = "default.project"
