// Package secret holds values that must not be shown. Printing, logging or encoding one gives a placeholder. Only
// Reveal returns the value, so a search for Reveal finds every place that uses it.
package secret

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"log/slog"
)

const placeholder = "[redacted]"

// Token is a credential of a person or of a program. The zero value is no token. Compare with Equal, never with ==.
type Token struct {
	// value is a pointer, because fmt calls no method of a Token in an unexported field of another struct: it then
	// prints only an address.
	value *string
}

// New returns the token of that value.
func New(value string) Token {
	if value == "" {
		return Token{}
	}
	return Token{value: &value}
}

// Reveal returns the value. Use it only to hand the value to the system that asked for it.
func (t Token) Reveal() string {
	if t.value == nil {
		return ""
	}
	return *t.value
}

// IsZero says whether there is no token.
func (t Token) IsZero() bool { return t.value == nil }

// Equal says whether both have the same value. Its running time does not depend on where they differ.
func (t Token) Equal(other Token) bool {
	return subtle.ConstantTimeCompare([]byte(t.Reveal()), []byte(other.Reveal())) == 1
}

// Fingerprint identifies a token without revealing it, for the keys of maps. It proves nothing.
func (t Token) Fingerprint() string {
	sum := sha256.Sum256([]byte(t.Reveal()))
	return string(sum[:])
}

// String returns a placeholder.
func (t Token) String() string { return placeholder }

// Format prints a placeholder for every verb, even for those that print the fields of a struct.
func (t Token) Format(f fmt.State, _ rune) { fmt.Fprint(f, placeholder) }

// MarshalText returns a placeholder, so that JSON and YAML hold nothing else.
func (t Token) MarshalText() ([]byte, error) { return []byte(placeholder), nil }

// LogValue returns a placeholder.
func (t Token) LogValue() slog.Value { return slog.StringValue(placeholder) }
