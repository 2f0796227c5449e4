package desired_test

import (
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/api/resource"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/desired"
)

func TestANamespaceNotesItsApplications(t *testing.T) {
	many := make([]string, 1001)
	for i := range many {
		many[i] = fmt.Sprintf("product-7-%053d", i)
	}
	for want, applications := range map[string][]string{"": nil, "a": {"a"}, "a,b": {"b", "a", "b"}, "*": many} {
		ns := desired.Namespace(desired.NamespaceOf{Product: "product-7", Name: "shop", Applications: applications})
		if got := ns.Annotations[api.AnnotationApplications]; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	ns := desired.Namespace(desired.NamespaceOf{Product: "product-7", Name: "shop", Applications: many[:1000]})
	if n := len(ns.Annotations[api.AnnotationApplications]); n > 64<<10 {
		t.Errorf("the note has %d bytes", n)
	}
}

func TestAnAppProjectKnowsTheApplicationsItWasWrittenFor(t *testing.T) {
	project := desired.AppProject(desired.Tenancy{Product: "product-7", Applications: []string{"a-b"}}, "argocd")
	for name, want := range map[string]bool{"a-b": true, "a": false, "b": false, "": false} {
		if got := desired.KnowsApplication(project, name); got != want {
			t.Errorf("%q: got %v", name, got)
		}
	}
}

func TestTheQuotaCountsObjects(t *testing.T) {
	q := desired.ProductQuota("product-7", "i", map[string]int64{"environments": 3})
	if got := q.Spec.Hard["count/environments."+api.Group]; len(q.Spec.Hard) != 1 ||
		got.Cmp(resource.MustParse("3")) != 0 || q.Namespace != "product-7" {
		t.Errorf("got %+v", q)
	}
}
