package cluster

import (
	"encoding/json"
	"fmt"

	"github.com/nautes-labs/deployment-runtime/internal/clusters"
)

// secretName returns the name of the Secret that makes a Cluster known to Argo CD.
func secretName(cluster string) string { return "cluster-" + cluster }

// argoClusterConfig returns credentials in the form of Argo CD's cluster Secrets. Equal credentials give equal bytes.
func argoClusterConfig(c *clusters.Credentials) ([]byte, error) {
	type tlsConfig struct {
		Insecure   bool   `json:"insecure"`
		ServerName string `json:"serverName,omitempty"`
		CAData     []byte `json:"caData,omitempty"`
		CertData   []byte `json:"certData,omitempty"`
		KeyData    []byte `json:"keyData,omitempty"`
	}
	config, err := json.Marshal(struct { //nolint:gosec // G117: credentials belong into the Secret that this goes into
		Username        string    `json:"username,omitempty"`
		Password        string    `json:"password,omitempty"`
		BearerToken     string    `json:"bearerToken,omitempty"`
		TLSClientConfig tlsConfig `json:"tlsClientConfig"`
	}{
		Username:    c.Username,
		Password:    c.Password,
		BearerToken: c.BearerToken,
		TLSClientConfig: tlsConfig{ServerName: c.ServerName, CAData: c.CAData, CertData: c.CertData,
			KeyData: c.KeyData},
	})
	if err != nil {
		return nil, fmt.Errorf("encoding a cluster's configuration for Argo CD: %w", err)
	}
	return config, nil
}
