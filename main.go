// Command manager runs the servers of the system: the operator and the API server. It can also remove the operator's
// finalizers.
package main

import (
	"os"

	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/nautes-labs/deployment-runtime/internal/command"
)

func main() {
	os.Exit(command.Execute(ctrl.SetupSignalHandler(), os.Args[1:], os.Stdout, os.Stderr))
}
