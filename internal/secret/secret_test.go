package secret_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/nautes-labs/deployment-runtime/internal/secret"
)

func TestATokenIsNeverShown(t *testing.T) {
	const canary = "glpat-canary"
	type request struct {
		Token secret.Token
		Inner *struct{ Token secret.Token }
	}
	r := request{Token: secret.New(canary), Inner: &struct{ Token secret.Token }{secret.New(canary)}}

	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "token", r.Token, "request", r)
	asJSON, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	asYAML, err := yaml.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	for form, text := range map[string]string{
		"%v": fmt.Sprintf("%v", r), "%+v": fmt.Sprintf("%+v", r), "%#v": fmt.Sprintf("%#v", r),
		"String": r.Token.String(),
		"%q":     fmt.Sprintf("%q", r.Token), "%x": fmt.Sprintf("%x", r.Token), "%d": fmt.Sprintf("%d", r.Token),
		"error": fmt.Errorf("asking with %v", r.Token).Error(),
		"JSON":  string(asJSON), "YAML": string(asYAML), "log": log.String(),
	} {
		if strings.Contains(text, canary) || strings.Contains(text, fmt.Sprintf("%x", canary)) {
			t.Errorf("%s shows the token: %s", form, text)
		}
		if !strings.Contains(text, "redacted") {
			t.Errorf("%s does not say that something is left out: %s", form, text)
		}
	}
	if text := fmt.Sprintf("%v %+v %#v", struct{ r request }{r}, struct{ t secret.Token }{r.Token},
		struct{ t *secret.Token }{&r.Token}); strings.Contains(text, canary) {
		t.Errorf("an unexported field shows the token: %s", text)
	}
	if same := secret.New(canary); !same.Equal(r.Token) || same.Equal(secret.New("glpat-other")) ||
		same.Equal(secret.Token{}) {
		t.Error("tokens are compared by something else than their value")
	}
	if r.Token.Reveal() != canary || r.Token.IsZero() || !(secret.Token{}).IsZero() {
		t.Error("the value is lost")
	}
}
