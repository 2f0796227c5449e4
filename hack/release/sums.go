package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"

	"github.com/sigstore/sigstore/pkg/cryptoutils"
)

// The files that prove the others.
const (
	sums      = "SHA256SUMS"
	signature = sums + ".sig"
)

// checksums writes the checksum of each file, as `sha256sum --check` reads them.
func (r *release) checksums(context.Context) error {
	found, err := os.ReadDir(r.out)
	if err != nil {
		return fmt.Errorf("listing the release: %w", err)
	}
	var out bytes.Buffer
	for _, f := range found {
		content, err := os.ReadFile(filepath.Join(r.out, f.Name()))
		if err != nil {
			return fmt.Errorf("reading the release: %w", err)
		}
		fmt.Fprintf(&out, "%x  %s\n", sha256.Sum256(content), f.Name())
	}
	return r.publish(sums, out.Bytes())
}

// sign signs the checksums with a key of this machine, in the form of `cosign sign-blob`: the signature of the SHA-256
// by ECDSA, in ASN.1, in base64. It has no random part (RFC 6979), so that two runs are equal.
func (r *release) sign(context.Context) error {
	name, text := r.key, []byte(r.keyText)
	switch {
	case r.key != "":
		var err error
		if text, err = os.ReadFile(r.key); err != nil {
			return fmt.Errorf("reading the key: %w", err)
		}
	case r.keyText != "":
		name = "the key in COSIGN_PRIVATE_KEY"
	default:
		r.say("UNSIGNED: no key was given (make release KEY=cosign.key)")
		return nil
	}
	key, err := cryptoutils.UnmarshalPEMToPrivateKey(text, cryptoutils.StaticPasswordFunc([]byte(r.password)))
	if err != nil {
		return fmt.Errorf("reading %s; the password is taken from COSIGN_PASSWORD: %w", name, err)
	}
	private, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return fmt.Errorf("%s is a %T: make one with `cosign generate-key-pair`", name, key)
	}
	content, err := os.ReadFile(filepath.Join(r.out, sums))
	if err != nil {
		return fmt.Errorf("reading the checksums: %w", err)
	}
	digest := sha256.Sum256(content)
	raw, err := private.Sign(nil, digest[:], crypto.SHA256)
	if err != nil {
		return fmt.Errorf("signing: %w", err)
	}
	r.say("signed with %s", name)
	return r.publish(signature, []byte(base64.StdEncoding.EncodeToString(raw)+"\n"))
}
