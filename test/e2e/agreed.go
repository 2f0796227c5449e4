package e2e

import (
	"encoding/binary"
	"strings"
	"testing"
	"unicode/utf16"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/layout"
)

// agreed returns the stories of files that people write in odd ways: REST and the operator have to agree on each.
func agreed() []Scenario {
	return []Scenario{
		{"what REST reads is deployed, and what REST calls blocked is not", oddFiles},
	}
}

// inUTF16 writes a text as PowerShell's redirection does.
func inUTF16(text string) string {
	data := []byte("\xff\xfe")
	for _, unit := range utf16.Encode([]rune(text)) {
		data = binary.LittleEndian.AppendUint16(data, unit)
	}
	return string(data)
}

// refused matches what a Product says of a file that Argo CD cannot read or apply, and not that it is still at it.
func refused() OmegaMatcher {
	return Or(HavePrefix("False/"+api.ReasonSyncFailed+":"), HavePrefix("False/"+api.ReasonManifestError+":"))
}

func oddFiles(t *testing.T, w *World) {
	p := w.pushed(t)
	later := p.runtimeFile("later", "dev")
	for file, text := range map[string]string{
		"runtimes/later.yaml":  inUTF16(later),
		"runtimes/latin.yaml":  strings.Replace(later, "later", "latin", 1) + "# f\xfcr alle\n",
		"runtimes/marked.yaml": "\ufeff" + strings.Replace(later, "later", "marked", 1),
	} {
		name := strings.TrimSuffix(strings.TrimPrefix(file, "runtimes/"), ".yaml")
		p.Expect(layout.Read([]layout.File{{Path: file, Data: []byte(text)}}).Has("DeploymentRuntime", name)).
			To(BeTrue(), name)
		p.EventuallyStreamAt(p.Commit(metadata, map[string]string{file: text}))
		p.Expect(p.Get(name).Spec.Destination).To(Equal("dev"), name)
		p.EventuallyStreamAt(p.remove(file))
	}
	for reason, text := range map[string]string{
		"a revision that is a number": strings.Replace(later, "targetRevision: main", "targetRevision: 1.10", 1),
		"a name that is a number":     strings.Replace(later, "name: later", "name: 20261128", 1),
	} {
		blocked := layout.Read([]layout.File{{Path: "runtimes/odd.yaml", Data: []byte(text)}})
		p.Expect(blocked.Of("DeploymentRuntime")).To(BeEmpty(), reason)
		p.Expect(blocked.Findings()).To(ContainElement(HaveField("Message", ContainSubstring("put it in quotes"))), reason)
		p.Commit(metadata, map[string]string{"runtimes/odd.yaml": text})
		p.Eventually(func() string { return p.Says(p.product(), api.ConditionSynced) }).Should(refused(), reason)
		p.EventuallyStreamAt(p.remove("runtimes/odd.yaml"))
	}
	var all api.DeploymentRuntimeList
	p.Expect(w.Client.List(p.Ctx, &all, client.InNamespace(p.Name))).To(Succeed())
	p.Expect(all.Items).To(ConsistOf(HaveField("Name", "web")))
}
