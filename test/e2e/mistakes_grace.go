package e2e

import (
	"fmt"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers"
)

func comesBackInGrace(t *testing.T, w *World) {
	p := w.NewProduct(t)
	web := p.Deploy("web", "dev")
	pods := p.Pods(East, p.Namespace("web"))
	p.RestartOperator(func(o *controllers.Options) { o.Timing.Grace = time.Hour })
	p.Delete("web")
	p.Recreate(web)
	p.EventuallyReady("web")
	p.expectTakenOver(web, pods)
}

func brake(t *testing.T, w *World) {
	p := w.NewProduct(t)
	runtimes := map[string]*api.DeploymentRuntime{}
	pods := map[string][]string{}
	for i := range 4 {
		name := fmt.Sprintf("web-%d", i)
		p.Commit("app", map[string]string{name + "/web.yaml": Deployment("web", 1)})
		runtimes[name] = p.Deploy(name, "dev", func(r *api.DeploymentRuntime) { r.Spec.ManifestSource.Path = name })
		pods[name] = p.Pods(East, p.Namespace(name))
	}
	// All four are asked for within one grace, however busy the machine is.
	p.RestartOperator(func(o *controllers.Options) { o.Timing.Grace = 20 * time.Second })
	for name := range runtimes {
		p.Delete(name)
	}
	commands := map[string]string{}
	for name := range runtimes {
		commands[name] = p.EventuallyHeld(name, "many runtimes of the product were deleted at once")
		p.Expect(p.Application(name).Spec.SyncPolicy.Automated).To(BeNil())
	}

	p.Type(commands["web-0"])
	p.EventuallyGone("web-0", East, p.Namespace("web-0"))
	delete(runtimes, "web-0")
	for name := range runtimes {
		p.EventuallyHeld(name, "many runtimes of the product were deleted at once")
		p.Expect(p.Pods(East, p.Namespace(name))).To(Equal(pods[name]), "a hold stays although only three are left")
	}
	for name, r := range runtimes {
		p.Recreate(r)
		p.EventuallyReady(name)
	}
	for name, r := range runtimes {
		p.expectTakenOver(r, pods[name])
	}
}
