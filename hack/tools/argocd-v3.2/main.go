// Command argocd-v3.2 is the part of Argo CD that the tests and the demo start: the application controller, the
// repo-server, and the program that git asks for credentials. Argo CD's own command holds eleven programs and takes
// longer to build. Here as there, ARGOCD_BINARY_NAME or the name of the file says which program it is.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	controller "github.com/argoproj/argo-cd/v3/cmd/argocd-application-controller/commands"
	askpass "github.com/argoproj/argo-cd/v3/cmd/argocd-git-ask-pass/commands"
	reposerver "github.com/argoproj/argo-cd/v3/cmd/argocd-repo-server/commands"
	"github.com/argoproj/argo-cd/v3/util/log"
	"github.com/spf13/cobra"
	"k8s.io/klog/v2"
)

func main() {
	klog.SetLogger(log.NewLogrusLogger(log.NewWithCurrentConfig()))
	name := os.Getenv("ARGOCD_BINARY_NAME")
	if name == "" {
		name = filepath.Base(os.Args[0])
	}
	programs := map[string]func() *cobra.Command{
		"argocd-application-controller": controller.NewCommand,
		"argocd-git-ask-pass":           askpass.NewCommand,
		"argocd-repo-server":            reposerver.NewCommand,
	}
	program, ok := programs[name]
	if !ok {
		fmt.Fprintf(os.Stderr, "argocd: there is no %s in this binary\n", name)
		os.Exit(1)
	}
	if err := program().Execute(); err != nil {
		os.Exit(1)
	}
}
