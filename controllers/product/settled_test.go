package product

import (
	"fmt"
	"strings"
	"testing"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/statuspatch"
)

func TestNoCommandOfTheConditionIsCutInTheMiddle(t *testing.T) {
	command := func(i int) string {
		return fmt.Sprintf("dr-%02d (many runtimes of the product were deleted at once: 11 within 10m0s, and 3 go without "+
			"an approval): kubectl -n argocd annotate application product-7-dr-%02d-0123456789 %s=%036d", i, i,
			api.AnnotationApproveTeardown, i)
	}
	for _, n := range []int{1, 2, 3, 11, 500} {
		var held []string
		for i := range n {
			held = append(held, command(i))
		}
		message := settledCondition(held, nil, nil, nil).Message
		if len(message) > statuspatch.MaxMessage {
			t.Errorf("%d removals: %d bytes are cut", n, len(message))
		}
		whole := strings.Count(message, "approve-teardown=")
		if whole < 1 || !strings.Contains(message, command(whole-1)) || strings.Contains(message, "dr-"+
			fmt.Sprintf("%02d", whole)) {
			t.Errorf("%d removals: %s", n, message)
		}
		if more := fmt.Sprintf("and %d more, %d in all", n-whole, n); n > whole && !strings.Contains(message, more) {
			t.Errorf("%d removals: %q is missing: %s", n, more, message)
		}
	}
}
