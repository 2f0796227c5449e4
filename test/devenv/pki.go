package devenv

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

const certificateValidity = 365 * 24 * time.Hour

// pki is the key material of one cluster, as files for its servers. Elliptic curves, because generating RSA keys
// takes longer than starting etcd.
type pki struct {
	ca                      []byte // PEM; what a client needs to trust the API server
	servingCert, servingKey string
	serviceAccountKey       string
	serviceAccountPublicKey string
}

func newPKI(dir string) (*pki, error) {
	p := &pki{
		servingCert:             filepath.Join(dir, "serving.crt"),
		servingKey:              filepath.Join(dir, "serving.key"),
		serviceAccountKey:       filepath.Join(dir, "service-account.key"),
		serviceAccountPublicKey: filepath.Join(dir, "service-account.pub"),
	}
	if err := p.writeServing(); err != nil {
		return nil, fmt.Errorf("making the serving certificate: %w", err)
	}
	if err := p.writeServiceAccount(); err != nil {
		return nil, fmt.Errorf("making the service account key: %w", err)
	}
	return p, nil
}

func (p *pki) writeServing() error {
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	ca := certificate(1, "devenv-ca")
	ca.IsCA, ca.BasicConstraintsValid, ca.KeyUsage = true, true, x509.KeyUsageCertSign
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	if err != nil {
		return err
	}
	p.ca = pemBlock("CERTIFICATE", caDER)

	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	serving := certificate(2, "kube-apiserver")
	serving.IPAddresses, serving.DNSNames = []net.IP{net.IPv4(127, 0, 0, 1)}, []string{"localhost"}
	serving.KeyUsage, serving.ExtKeyUsage = x509.KeyUsageDigitalSignature,
		[]x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	der, err := x509.CreateCertificate(rand.Reader, serving, ca, key.Public(), caKey)
	if err != nil {
		return err
	}
	if err := os.WriteFile(p.servingCert, pemBlock("CERTIFICATE", der), 0o600); err != nil {
		return err
	}
	return writeKey(p.servingKey, key)
}

func certificate(serial int64, name string) *x509.Certificate {
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(certificateValidity),
	}
}

func (p *pki) writeServiceAccount() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	if err := writeKey(p.serviceAccountKey, key); err != nil {
		return err
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return err
	}
	return os.WriteFile(p.serviceAccountPublicKey, pemBlock("PUBLIC KEY", der), 0o600)
}

func writeKey(file string, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	return os.WriteFile(file, pemBlock("EC PRIVATE KEY", der), 0o600)
}

func pemBlock(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
