// Package secret holds values that must not be shown. Whoever prints, logs or encodes one gets a placeholder; only Reveal gives
// the value away, so that a search for it finds every place that does.
package secret

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"log/slog"
)

const placeholder = "[redacted]"

// Token is a credential of a person or of a program. The zero value is no token. Compare by Equal, never by ==.
type Token struct {
	// value is behind a pointer, because fmt asks no method of what it finds in an unexported field of somebody else's struct.
	value *string
}

// New returns the token of that value.
func New(value string) Token {
	if value == "" {
		return Token{}
	}
	return Token{value: &value}
}

// Reveal returns the value. Use it only where the value is handed to the one who asked for it.
func (t Token) Reveal() string {
	if t.value == nil {
		return ""
	}
	return *t.value
}

// IsZero says whether there is no token.
func (t Token) IsZero() bool { return t.value == nil }

// Equal says whether both have the same value, in a time that does not depend on where they differ.
func (t Token) Equal(other Token) bool {
	return subtle.ConstantTimeCompare([]byte(t.Reveal()), []byte(other.Reveal())) == 1
}

// Fingerprint tells tokens apart without giving them away: for the keys of maps. It is no proof of anything.
func (t Token) Fingerprint() string {
	sum := sha256.Sum256([]byte(t.Reveal()))
	return string(sum[:])
}

// String returns a placeholder.
func (t Token) String() string { return placeholder }

// Format prints a placeholder for every verb, also for those that look inside a struct.
func (t Token) Format(f fmt.State, _ rune) { fmt.Fprint(f, placeholder) }

// MarshalText returns a placeholder, so that JSON and YAML hold nothing else.
func (t Token) MarshalText() ([]byte, error) { return []byte(placeholder), nil }

// LogValue returns a placeholder.
func (t Token) LogValue() slog.Value { return slog.StringValue(placeholder) }
