package change_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/nautes-labs/deployment-runtime/internal/change"
)

// A batch can break any number of rules: in its shape, and together with others.
func TestViolationsAreBounded(t *testing.T) {
	w := newWorld(t)
	p := w.product("nautes-labs")
	missing := strings.Replace(guide, `"api-server"`, `"p1","p2","p3"`, 1)
	for what, operation := range map[string]func(i int) change.Operation{
		"shapes": func(i int) change.Operation {
			return change.Operation{Kind: "Environment", Name: fmt.Sprint("e", i),
				Body: []byte(`{"cluster":"X!","env_type":"?!"}`)}
		},
		"rules": func(i int) change.Operation { return save(p, fmt.Sprint("r", i), missing).Operations[0] },
	} {
		var batch []change.Operation
		for i := range 700 {
			batch = append(batch, operation(i))
		}
		_, err := w.service.Change(t.Context(), p.maintainer.caller, change.Request{Product: p.path, Operations: batch})
		var violations change.Violations
		if !errors.As(err, &violations) || len(violations) != 1001 {
			t.Errorf("%s: %d violations", what, len(violations))
			continue
		}
		last := violations[1000]
		var more int
		if _, err := fmt.Sscanf(last.Message, "%d more violations are not listed", &more); err != nil || more < 100 ||
			last.Params["more"] != fmt.Sprint(more) {
			t.Errorf("%s: the last is %+v", what, last)
		}
		if !strings.Contains(err.Error(), fmt.Sprintf("(and %d more, see violations)", 999+more)) {
			t.Errorf("%s: %.200v", what, err)
		}
	}
}
