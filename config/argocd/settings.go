// Package argocd holds the settings that an installed Argo CD needs, so that a program carries those that it was built
// with: settings.yaml for every installation, health.lua for each of our kinds, and a few that an installation chooses.
package argocd

import (
	_ "embed"
	"fmt"

	"sigs.k8s.io/yaml"

	"github.com/nautes-labs/deployment-runtime/config/crd"
)

// The ConfigMaps of Argo CD. It reads the first one at any time, the second one when its programs start.
const (
	ConfigMap  = "argocd-cm"
	Parameters = "argocd-cmd-params-cm"
)

// Keys with a value that an installation chooses.
const (
	// KeyInstallationID tells the objects of two management clusters that share a runtime cluster apart.
	KeyInstallationID = "installationID"
	// KeyJsonnet says whether files *.jsonnet are evaluated: in the process of the repo-server, as much as tenants
	// like, and with its files at hand. They are left out otherwise.
	KeyJsonnet = "jsonnet.enable"
	// KeySubmodules says whether submodules are read: Argo CD gives the credentials of a repository to whatever host a
	// submodule names.
	KeySubmodules = "reposerver.enable.git.submodule"
	// KeyNamespaces names the namespaces besides Argo CD's own in which Applications may lie.
	KeyNamespaces = "application.namespaces"
)

// Label and LabelValue are on the ConfigMaps of Argo CD: it looks at no others.
const (
	Label      = "app.kubernetes.io/part-of"
	LabelValue = "argocd"
)

// healthPrefix begins the key of a script for the health of one of our kinds. Nobody else writes one.
const healthPrefix = "resource.customizations.health.nautes.resource.nautes.io_"

//go:embed settings.yaml
var settings []byte

//go:embed health.lua
var health string

// Data is the data of ConfigMaps, by name and key.
type Data map[string]map[string]string

// Choices are the values that an installation chooses, by the keys above.
type Choices struct{ InstallationID, Jsonnet, Submodules string }

// LeftOut is the value of a key for what tenants should not have.
const LeftOut = "false"

// Settings returns all that Argo CD needs.
func Settings(c Choices) (Data, error) {
	out := Data{}
	if err := yaml.UnmarshalStrict(settings, &out); err != nil {
		return nil, fmt.Errorf("parsing the embedded settings of Argo CD: %w", err)
	}
	definitions, err := crd.Objects()
	if err != nil {
		return nil, err
	}
	for _, d := range definitions {
		out[ConfigMap][healthPrefix+d.Spec.Names.Kind] = health
	}
	out[ConfigMap][KeyInstallationID] = c.InstallationID
	out[ConfigMap][KeyJsonnet] = c.Jsonnet
	out[Parameters][KeySubmodules] = c.Submodules
	return out, nil
}
