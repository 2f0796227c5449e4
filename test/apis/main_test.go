package apis

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/config/crd"
	"github.com/nautes-labs/deployment-runtime/test/devenv"
)

const (
	systemNamespace  = api.SystemNamespaceDefault
	productNamespace = "product-7"

	installTimeout = 30 * time.Second
)

var (
	env *devenv.Env
	// admin talks to the API server of the suite, on which the CRDs are installed.
	admin client.Client
)

func TestMain(m *testing.M) { os.Exit(devenv.Main(prepared{m}, devenv.Options{}, &env)) }

// prepared installs what the tests need into the environment before it runs them.
type prepared struct{ m *testing.M }

func (p prepared) Run() int {
	ctx, cancel := context.WithTimeout(context.Background(), installTimeout)
	defer cancel()
	if err := install(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return p.m.Run()
}

func install(ctx context.Context) error {
	scheme, err := newScheme()
	if err != nil {
		return err
	}
	config := env.Management.RESTConfig()
	config.WarningHandler = rest.NoWarnings{} // the tests of the policies look at them
	if admin, err = client.New(config, client.Options{Scheme: scheme}); err != nil {
		return fmt.Errorf("making a client: %w", err)
	}
	definitions, err := crd.Objects()
	if err != nil {
		return err
	}
	for _, d := range definitions {
		if err := admin.Create(ctx, d); err != nil {
			return fmt.Errorf("installing %s: %w", d.Name, err)
		}
	}
	for _, d := range definitions {
		if err := waitUntilServed(ctx, d.Name); err != nil {
			return err
		}
	}
	return nil
}

func newScheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, apiextensionsv1.AddToScheme,
		api.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, fmt.Errorf("building the scheme: %w", err)
		}
	}
	return scheme, nil
}

func waitUntilServed(ctx context.Context, definition string) error {
	err := wait.PollUntilContextCancel(ctx, 50*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		var d apiextensionsv1.CustomResourceDefinition
		if err := admin.Get(ctx, client.ObjectKey{Name: definition}, &d); err != nil {
			return false, err
		}
		for _, c := range d.Status.Conditions {
			if c.Type == apiextensionsv1.Established && c.Status == apiextensionsv1.ConditionTrue {
				return true, nil
			}
		}
		return false, nil
	})
	if err != nil {
		return fmt.Errorf("waiting until %s is served: %w", definition, err)
	}
	return nil
}

// tried asks the API server to judge the object without storing it.
func tried(ctx context.Context, o client.Object) error {
	return admin.Create(ctx, o, client.DryRunAll, client.FieldValidation(metav1.FieldValidationStrict))
}

func refusal(err error) string {
	if err == nil {
		return ""
	}
	if !apierrors.IsInvalid(err) {
		return "NOT A VALIDATION: " + err.Error()
	}
	return err.Error()
}
