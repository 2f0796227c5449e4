package rules_test

import (
	"strings"
	"testing"

	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// expectation is what a chain must say: nothing, or a problem of the class and reason whose message holds the texts.
type expectation struct {
	class  problem.Class
	reason string
	says   []string
}

func (want expectation) check(t *testing.T, err error) {
	t.Helper()
	if want.reason == "" {
		if err != nil {
			t.Fatalf("refused: %v", err)
		}
		return
	}
	p := problem.As(err)
	if p == nil {
		t.Fatalf("got %v, want reason %s", err, want.reason)
	}
	if p.Class != want.class || p.Reason != want.reason {
		t.Errorf("got %s/%s %q, want %s/%s", p.Class, p.Reason, p.Message, want.class, want.reason)
	}
	for _, text := range want.says {
		if !strings.Contains(p.Message, text) {
			t.Errorf("the message %q does not say %q", p.Message, text)
		}
	}
}
