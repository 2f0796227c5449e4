package server

import (
	"context"
	"testing"
	"time"

	"github.com/nautes-labs/deployment-runtime/internal/secret"
)

// The lists of products and of clusters belong to no product whose share they could use up.
func TestListsOfNoProductAreEncodedByCaller(t *testing.T) {
	p, err := newPlaces(8)
	if err != nil {
		t.Fatal(err)
	}
	p.encoding.Places = 2
	ctx, cancel := context.WithDeadline(t.Context(), time.Now())
	defer cancel()
	for _, who := range []string{"glpat-ada-0123456789", "glpat-eve-0123456789"} {
		if _, err := p.encode(ctx, secret.New(who), ""); err != nil {
			t.Errorf("%s: %v", who, err)
		}
	}
}
