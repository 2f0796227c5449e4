package main

import (
	"bytes"
	"crypto"
	"crypto/elliptic"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sigstore/sigstore/pkg/cryptoutils"
	sigstore "github.com/sigstore/sigstore/pkg/signature"
)

// newKey makes a key as `cosign generate-key-pair` does, with the public one beside it.
func newKey(dir, password string) (string, error) {
	private, public, err := cryptoutils.GeneratePEMEncodedECDSAKeyPair(elliptic.P256(),
		cryptoutils.StaticPasswordFunc([]byte(password)))
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "cosign.key")
	return file, errors.Join(write(file, private), write(filepath.Join(dir, "cosign.pub"), public))
}

func privateKey(t *testing.T, password string) string {
	t.Helper()
	file, err := newKey(t.TempDir(), password)
	must(t, err)
	return file
}

// verify is what cosign does with a public key, a file and its signature.
func verify(t *testing.T, key string, content, signed []byte) error {
	t.Helper()
	text, err := os.ReadFile(strings.TrimSuffix(key, ".key") + ".pub")
	must(t, err)
	public, err := cryptoutils.UnmarshalPEMToPublicKey(text)
	must(t, err)
	verifier, err := sigstore.LoadVerifier(public, crypto.SHA256)
	must(t, err)
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(signed)))
	must(t, err)
	return verifier.VerifySignature(bytes.NewReader(raw), bytes.NewReader(content))
}

func signed(t *testing.T, r *release) (content, proof []byte, err error) {
	t.Helper()
	r.out = t.TempDir()
	content = []byte("00ff  nautes.tar.gz\n")
	must(t, write(filepath.Join(r.out, sums), content))
	if err := r.sign(t.Context()); err != nil {
		return nil, nil, err
	}
	proof, err = os.ReadFile(filepath.Join(r.out, signature))
	return content, proof, err
}

func TestTheSignatureProvesTheChecksums(t *testing.T) {
	key := privateKey(t, "secret")
	text, err := os.ReadFile(key)
	must(t, err)
	content, proof, err := signed(t, &release{keyText: string(text), password: "secret", log: &bytes.Buffer{}})
	must(t, err)
	must(t, verify(t, key, content, proof)) // of a pipeline, which keeps the text of the key

	content, proof, err = signed(t, &release{key: key, password: "secret", log: &bytes.Buffer{}})
	must(t, err)
	must(t, verify(t, key, content, proof))

	content[0] = '1'
	if verify(t, key, content, proof) == nil {
		t.Error("a changed byte is not noticed")
	}
	content[0] = '0'
	if verify(t, privateKey(t, ""), content, proof) == nil {
		t.Error("the signature is anybody's")
	}
}

func TestAKeyThatCannotSignStopsTheRelease(t *testing.T) {
	_, _, err := signed(t, &release{key: privateKey(t, "secret"), password: "wrong", log: &bytes.Buffer{}})
	if err == nil || !strings.Contains(err.Error(), "COSIGN_PASSWORD") {
		t.Error(err)
	}
	rsa, _, err := cryptoutils.GeneratePEMEncodedRSAKeyPair(2048, cryptoutils.SkipPassword)
	must(t, err)
	file := filepath.Join(t.TempDir(), "rsa.pem")
	must(t, write(file, rsa))
	_, _, err = signed(t, &release{key: file, log: &bytes.Buffer{}})
	if err == nil || !strings.Contains(err.Error(), "generate-key-pair") {
		t.Error(err)
	}
	if _, _, err := signed(t, &release{key: filepath.Join(t.TempDir(), "absent")}); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func TestAReleaseWithoutAKeySaysThatItIsUnsigned(t *testing.T) {
	said := &bytes.Buffer{}
	_, _, err := signed(t, &release{log: said})
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(said.String(), "UNSIGNED") {
		t.Errorf("%v, said %s", err, said)
	}
}
