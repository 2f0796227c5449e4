package controllers_test

import (
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/runtime"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/nautes-labs/deployment-runtime/config/crd"
	"github.com/nautes-labs/deployment-runtime/controllers"
	"github.com/nautes-labs/deployment-runtime/test/devenv"
)

// One environment serves the whole suite: a management cluster and two more API servers that play runtime clusters.
// Each spec works in namespaces of its own, see newPlace.
var (
	env *devenv.Env
	// k8s talks to the management cluster itself, without a cache: a spec drives one reconcile at a time and sees what
	// it did. It has the field indexes of the operator's cache.
	k8s    client.Client
	scheme *runtime.Scheme
)

// The runtime clusters of the suite.
const (
	east = "east"
	west = "west"
)

func TestControllers(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Controllers")
}

var _ = BeforeSuite(func(ctx SpecContext) {
	SetDefaultEventuallyTimeout(20 * time.Second)
	SetDefaultEventuallyPollingInterval(20 * time.Millisecond)
	ctrl.SetLogger(zap.New(zap.WriteTo(GinkgoWriter)))
	var err error
	env, err = devenv.Start(ctx, devenv.Options{APIServers: []string{east, west}, Log: GinkgoWriter})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(env.Stop)
	scheme, err = controllers.Scheme()
	Expect(err).NotTo(HaveOccurred())
	live, err := client.New(env.Management.RESTConfig(), client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())
	k8s, err = withIndexes(ctx, live)
	Expect(err).NotTo(HaveOccurred())

	own, err := crd.Manifests()
	Expect(err).NotTo(HaveOccurred())
	Expect(env.Management.Apply(ctx, own)).To(Succeed())
	argo, err := devenv.ArgoCDTypes(ctx)
	Expect(err).NotTo(HaveOccurred())
	Expect(env.Management.Apply(ctx, argo)).To(Succeed())
}, NodeTimeout(10*time.Minute))

// The logs of the servers are kept when a spec failed.
var _ = ReportAfterEach(func(report SpecReport) {
	if report.Failed() && env != nil {
		env.Keep()
	}
})
