package record

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/desired"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
)

// Two runtimes of two products were searched for until the names of their Applications were equal, which takes seconds.
func TestARecordOfAnotherRuntimeIsNeverAdoptedThoughItsApplicationHasTheSameName(t *testing.T) {
	x := strings.Repeat("x", 44)
	owner := placement.RuntimeRef{Namespace: "product-a", Name: "b-" + x + "1790398", UID: "1"}
	thief := &api.DeploymentRuntime{ObjectMeta: metav1.ObjectMeta{Namespace: "product-a-b", Name: x + "1068552"}}
	if identity.Application(owner.Namespace, owner.Name) != identity.Application(thief.Namespace, thief.Name) {
		t.Fatal("the names differ: search for a pair that has the same one")
	}
	app := desired.Application(placement.Placement{
		Runtime: owner, Product: owner.Namespace,
		Destination: placement.Destination{Environment: "dev", Cluster: "east"}, Namespaces: []string{"shop"},
	}, "argocd", false)

	if rec, p := Of(app, thief); rec != nil || p == nil || p.Reason != api.ReasonNameConflict {
		t.Errorf("the record of %v is read as that of %s/%s: %v", owner, thief.Namespace, thief.Name, p)
	}
	own := &api.DeploymentRuntime{ObjectMeta: metav1.ObjectMeta{Namespace: owner.Namespace, Name: owner.Name}}
	if rec, p := Of(app, own); p != nil || rec == nil {
		t.Errorf("the owner's own record is not read: %v", p)
	}
}
