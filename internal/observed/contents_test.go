package observed_test

import (
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
)

func object(apiVersion, kind, name string,
	changes ...func(*metav1.PartialObjectMetadata)) metav1.PartialObjectMetadata {
	o := metav1.PartialObjectMetadata{
		TypeMeta:   metav1.TypeMeta{APIVersion: apiVersion, Kind: kind},
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID(kind + name)},
	}
	for _, change := range changes {
		change(&o)
	}
	return o
}

func TestWhatKeepsANamespace(t *testing.T) {
	annotated := func(k, v string) func(*metav1.PartialObjectMetadata) {
		return func(o *metav1.PartialObjectMetadata) { metav1.SetMetaDataAnnotation(&o.ObjectMeta, k, v) }
	}
	going := func(o *metav1.PartialObjectMetadata) { now := metav1.Now(); o.DeletionTimestamp = &now }
	owned := func(o *metav1.PartialObjectMetadata) {
		o.OwnerReferences = []metav1.OwnerReference{{Kind: "ReplicaSet", Name: "web"}}
	}
	ours := func(o *metav1.PartialObjectMetadata) {
		o.Labels = map[string]string{api.LabelProduct: "product-7", api.LabelInstance: "i",
			"app.kubernetes.io/managed-by": "nautes"}
	}
	for sentence, c := range map[string]struct {
		object metav1.PartialObjectMetadata
		keeps  bool
	}{
		"a claim":                       {object("v1", "PersistentVolumeClaim", "data"), true},
		"a claim that belongs to a set": {object("v1", "PersistentVolumeClaim", "data", owned), true},
		"a claim that calls itself a hook": {object("v1", "PersistentVolumeClaim", "data",
			annotated("helm.sh/hook", "post-install")), true},
		"a claim that carries our labels": {object("v1", "PersistentVolumeClaim", "data", ours), true},
		"a claim that goes already":       {object("v1", "PersistentVolumeClaim", "data", going), false},
		"what Helm keeps": {object("v1", "ConfigMap", "a",
			annotated("helm.sh/resource-policy", "keep")), true},
		"what Helm keeps, whoever owns it": {object("v1", "ConfigMap", "a", owned,
			annotated("helm.sh/resource-policy", "keep")), true},
		"what Argo CD does not delete": {object("v1", "ConfigMap", "a",
			annotated("argocd.argoproj.io/sync-options", "Validate=false, Delete=false")), true},
		"what Argo CD does not prune": {object("v1", "ConfigMap", "a",
			annotated("argocd.argoproj.io/sync-options", "Prune=false")), true},
		"a Secret that somebody made":           {object("v1", "Secret", "a"), true},
		"a ConfigMap that somebody made":        {object("v1", "ConfigMap", "a"), true},
		"an object of a kind that nobody knows": {object("db.example.com/v1", "Cluster", "a"), true},
		"a kind of another group named Event":   {object("db.example.com/v1", "Event", "a"), true},
		"a pod that somebody started":           {object("v1", "Pod", "a"), true},
		"a ServiceAccount":                      {object("v1", "ServiceAccount", "a"), true},
		"a pod of a set":                        {object("v1", "Pod", "a", owned), false},
		"the default ServiceAccount":            {object("v1", "ServiceAccount", "default"), false},
		"the CA of the cluster":                 {object("v1", "ConfigMap", "kube-root-ca.crt"), false},
		"the token of a ServiceAccount": {object("v1", "Secret", "a",
			annotated("kubernetes.io/service-account.name", "default")), false},
		"an Event":                   {object("v1", "Event", "a"), false},
		"an Event of the newer kind": {object("events.k8s.io/v1", "Event", "a"), false},
		"an EndpointSlice":           {object("discovery.k8s.io/v1", "EndpointSlice", "a"), false},
		"a Lease":                    {object("coordination.k8s.io/v1", "Lease", "a"), false},
		"a hook that ran": {object("batch/v1", "Job", "migrate",
			annotated("argocd.argoproj.io/hook", "PreSync")), false},
		"our RoleBinding": {object("rbac.authorization.k8s.io/v1", "RoleBinding",
			"nautes-members", ours), false},
		"a ConfigMap that carries our labels":    {object("v1", "ConfigMap", "a", ours), true},
		"a RoleBinding that somebody else wrote": {object("rbac.authorization.k8s.io/v1", "RoleBinding", "own"), true},
	} {
		t.Run(sentence, func(t *testing.T) {
			got := observed.RemainsOf([]metav1.PartialObjectMetadata{c.object}, "product-7", "i")
			if (len(got) > 0) != c.keeps {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestRemainsNameTheMostPreciousFirst(t *testing.T) {
	objects := []metav1.PartialObjectMetadata{object("v1", "Secret", "a"),
		object("v1", "PersistentVolumeClaim", "data")}
	if got := observed.RemainsOf(objects, "", "").String(); got != "PersistentVolumeClaim data, Secret a" {
		t.Errorf("got %s", got)
	}
	for i := range 7 {
		objects = append(objects, object("v1", "ConfigMap", fmt.Sprint("c", i)))
	}
	want := "PersistentVolumeClaim data, ConfigMap c0, ConfigMap c1, ConfigMap c2, ConfigMap c3 and 4 more"
	if got := observed.RemainsOf(objects, "", "").String(); got != want {
		t.Errorf("got %s", got)
	}
}

// An approval is for what was there when it was given.
func TestTheFingerprintIsOfTheseObjects(t *testing.T) {
	of := func(unlisted []string, objects ...metav1.PartialObjectMetadata) string {
		return observed.RemainsOf(objects, "", "").Fingerprint(unlisted)
	}
	a, b := object("v1", "Secret", "a"), object("v1", "Secret", "b")
	again := a
	again.UID = "another life"
	if of(nil, a, b) != of(nil, b, a) {
		t.Error("the order counts")
	}
	for sentence, other := range map[string]string{
		"another object": of(nil, a, b), "another life": of(nil, again),
		"a kind that cannot be listed": of([]string{"x"}, a),
	} {
		if other == of(nil, a) {
			t.Errorf("%s has the same fingerprint", sentence)
		}
	}
}
