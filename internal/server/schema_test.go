package server_test

import (
	"encoding/json"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// example returns a value that has every member of a schema.
func example(registry huma.Registry, s *huma.Schema) any {
	if s.Ref != "" {
		s = registry.SchemaFromRef(s.Ref)
	}
	switch {
	case len(s.OneOf) > 0:
		return example(registry, s.OneOf[0])
	case len(s.Enum) > 0:
		return s.Enum[0]
	case s.Type == huma.TypeObject:
		out := map[string]any{}
		for name, member := range s.Properties {
			out[name] = example(registry, member)
		}
		return out
	case s.Type == huma.TypeArray:
		return []any{example(registry, s.Items)}
	case s.Type == huma.TypeBoolean:
		return true
	case s.Type == huma.TypeInteger:
		return 1
	}
	return "x"
}

func unknownMembers(t *testing.T, kind string, value any) []string {
	t.Helper()
	raw, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	body, err := wire.Parse(kind, raw)
	if err != nil {
		t.Fatalf("%s: %s: %v", kind, raw, err)
	}
	return body.Unknown
}
