// Command applicationset is Argo CD's ApplicationSet controller, the yardstick of the benchmark of growth. It is a
// module of its own, so that tests and the demo, which do not start it, neither build it nor load what it imports.
package main

import (
	"os"

	applicationset "github.com/argoproj/argo-cd/v3/cmd/argocd-applicationset-controller/commands"
	"github.com/argoproj/argo-cd/v3/util/log"
	"k8s.io/klog/v2"
)

func main() {
	klog.SetLogger(log.NewLogrusLogger(log.NewWithCurrentConfig()))
	if err := applicationset.NewCommand().Execute(); err != nil {
		os.Exit(1)
	}
}
