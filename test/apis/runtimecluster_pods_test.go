package apis

import (
	"context"
	"fmt"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

const critical = "system-node-critical"

// Argo CD is an administrator, and so is whoever tries here: nobody's rights make a difference.
func TestPodsOfAProductKeepTheirPlace(t *testing.T) {
	ours := namespaceWith(t, "place-shop", map[string]string{api.LabelProduct: "product-7"})
	trusted := namespaceWith(t, "place-trusted",
		map[string]string{api.LabelProduct: "product-7", api.LabelTrusted: "true"})
	plain := namespaceWith(t, "place-plain", nil)
	removed(t, "runtime-cluster")
	stands := deployment(ours.Name, "stands", withClass(critical))
	eventually(t, "without the policy anything is let through", func(ctx context.Context) error {
		return client.IgnoreAlreadyExists(admin.Create(ctx, stands.DeepCopy()))
	})
	applied(t, "runtime-cluster")

	class := "cannot have a priority class of the system"
	node := "cannot name their node"
	for sentence, c := range map[string]struct {
		object  client.Object
		refused string
	}{
		"a pod of the system's class":    {pod(ours.Name, withClass(critical)), class},
		"the other class of the system":  {pod(ours.Name, withClass("system-cluster-critical")), class},
		"a pod that names its node":      {pod(ours.Name, withNode), node},
		"a Deployment":                   {deployment(ours.Name, "d", withClass(critical)), class},
		"a Deployment that names a node": {deployment(ours.Name, "d", withNode), node},
		"a StatefulSet": {&appsv1.StatefulSet{ObjectMeta: inNamespace(ours.Name, "s"),
			Spec: appsv1.StatefulSetSpec{Selector: selector(), Template: template(withClass(critical))}}, class},
		"a DaemonSet": {&appsv1.DaemonSet{ObjectMeta: inNamespace(ours.Name, "s"),
			Spec: appsv1.DaemonSetSpec{Selector: selector(), Template: template(withClass(critical))}}, class},
		"a ReplicaSet": {&appsv1.ReplicaSet{ObjectMeta: inNamespace(ours.Name, "s"),
			Spec: appsv1.ReplicaSetSpec{Selector: selector(), Template: template(withClass(critical))}}, class},
		"a Job": {&batchv1.Job{ObjectMeta: inNamespace(ours.Name, "j"),
			Spec: job(withClass(critical))}, class},
		"a CronJob": {&batchv1.CronJob{ObjectMeta: inNamespace(ours.Name, "c"),
			Spec: batchv1.CronJobSpec{Schedule: "@daily",
				JobTemplate: batchv1.JobTemplateSpec{Spec: job(withClass(critical))}}}, class},
		"a CronJob that names a node": {&batchv1.CronJob{ObjectMeta: inNamespace(ours.Name, "c"),
			Spec: batchv1.CronJobSpec{Schedule: "@daily", JobTemplate: batchv1.JobTemplateSpec{Spec: job(withNode)}}},
			node},
		"a ReplicationController": {&corev1.ReplicationController{ObjectMeta: inNamespace(ours.Name, "r"),
			Spec: corev1.ReplicationControllerSpec{Selector: map[string]string{"app": "a"},
				Template: templateOf(withClass(critical))}}, class},
		"a usual pod":        {pod(ours.Name), ""},
		"a usual Deployment": {deployment(ours.Name, "d"), ""},
		"a usual CronJob": {&batchv1.CronJob{ObjectMeta: inNamespace(ours.Name, "c"),
			Spec: batchv1.CronJobSpec{Schedule: "@daily", JobTemplate: batchv1.JobTemplateSpec{Spec: job()}}}, ""},
		"a pod where the platform permits it": {pod(trusted.Name, withClass(critical), withNode), ""},
		"a pod of no product":                 {pod(plain.Name, withClass(critical), withNode), ""},
	} {
		t.Run(sentence, func(t *testing.T) {
			create := func(ctx context.Context) error {
				return admin.Create(ctx, c.object.DeepCopyObject().(client.Object), client.DryRunAll)
			}
			attempt{create, c.refused != ""}.check(t, sentence, c.refused)
		})
	}
	for sentence, c := range map[string]struct {
		patch   string
		refused bool
	}{
		"what stands already is scaled": {`{"spec":{"replicas":3}}`, false},
		"what stands already loses a finalizer": {`{"metadata":{"finalizers":null,"labels":{"a":"b"}}}`,
			false},
		"what stands already gets another class of its kind": {`{"spec":{"template":{"spec":{"priorityClassName":"system-cluster-critical"}}}}`,
			true},
		"what stands already gives the class up": {`{"spec":{"template":{"spec":{"priorityClassName":null}}}}`,
			false},
	} {
		t.Run(sentence, func(t *testing.T) {
			change := func(ctx context.Context) error {
				return admin.Patch(ctx, stands.DeepCopy(),
					client.RawPatch("application/merge-patch+json", []byte(c.patch)), client.DryRunAll)
			}
			attempt{change, c.refused}.check(t, sentence, class)
		})
	}
}

func TestAProductBindsNoPodToANode(t *testing.T) {
	ours := namespaceWith(t, "bind-shop", map[string]string{api.LabelProduct: "product-7"})
	mayBind(t, "binder", ours.Name)
	if err := admin.Create(t.Context(), pod(ours.Name)); err != nil {
		t.Fatal(err)
	}
	bind := func(c client.Client) func(context.Context) error {
		return func(ctx context.Context) error {
			target := corev1.ObjectReference{Kind: "Node", Name: "n"}
			return c.SubResource("binding").Create(ctx, pod(ours.Name),
				&corev1.Binding{ObjectMeta: inNamespace(ours.Name, "p"), Target: target}, client.DryRunAll)
		}
	}
	applied(t, "runtime-cluster")
	const message = "bound to nodes by schedulers alone"
	attempt{bind(impersonating(t, "binder")), true}.check(t, "a member with a Role", message)
	attempt{bind(admin), false}.check(t, "who may bind everywhere", message)
}

func TestServicesOfAProductTakeNoAddresses(t *testing.T) {
	ours := namespaceWith(t, "address-shop", map[string]string{api.LabelProduct: "product-7"})
	trusted := namespaceWith(t, "address-trusted",
		map[string]string{api.LabelProduct: "product-7", api.LabelTrusted: "true"})
	mayBind(t, "router", ours.Name)
	removed(t, "runtime-cluster")
	stands := service(ours.Name, "stands", "198.51.100.7")
	eventually(t, "without the policy it is let through", func(ctx context.Context) error {
		return client.IgnoreAlreadyExists(admin.Create(ctx, stands.DeepCopyObject().(client.Object)))
	})
	applied(t, "runtime-cluster")
	create := func(s *corev1.Service) func(context.Context) error {
		return func(ctx context.Context) error { return admin.Create(ctx, s.DeepCopy(), client.DryRunAll) }
	}
	change := func(patch string) func(context.Context) error {
		return func(ctx context.Context) error {
			return admin.Patch(ctx, stands.DeepCopy(), client.RawPatch("application/merge-patch+json", []byte(patch)),
				client.DryRunAll)
		}
	}
	draw := func(c client.Client) func(context.Context) error {
		return func(ctx context.Context) error {
			patch := client.RawPatch("application/merge-patch+json",
				[]byte(`{"status":{"loadBalancer":{"ingress":[{"ip":"198.51.100.8"}]}}}`))
			return c.Status().Patch(ctx, stands.DeepCopy(), patch, client.DryRunAll)
		}
	}
	const external, balancer = "cannot have externalIPs", "load balancer are written by the controller"
	for sentence, c := range map[string]struct {
		attempt
		message string
	}{
		"an external IP": {attempt{create(service(ours.Name, "s", "198.51.100.8")), true},
			external},
		"no external IP": {attempt{create(service(ours.Name, "s")), false}, external},
		"one that the platform permits": {attempt{create(service(trusted.Name, "s", "198.51.100.8")),
			false}, external},
		"one more on what stands": {attempt{
			change(`{"spec":{"externalIPs":["198.51.100.7","198.51.100.8"]}}`), true}, external},
		"what stands is changed elsewhere": {attempt{change(`{"metadata":{"labels":{"a":"b"}}}`), false},
			external},
		"what stands gives it up": {attempt{change(`{"spec":{"externalIPs":null}}`), false},
			external},
		"an address of a load balancer by a member":  {attempt{draw(impersonating(t, "router")), true}, balancer},
		"an address of a load balancer by its maker": {attempt{draw(admin), false}, balancer},
		"an address in a namespace without a product": {attempt{create(service("default", "address", "198.51.100.8")),
			false}, external},
	} {
		t.Run(sentence, func(t *testing.T) { c.check(t, sentence, c.message) })
	}
}

func TestManifestsKeepToTheNamespacesOfTheirRuntime(t *testing.T) {
	ours := namespaceWith(t, "own-shop", map[string]string{api.LabelProduct: "product-7"})
	if err := admin.Patch(t.Context(), ours.DeepCopy(), note("app-a,app-c")); err != nil {
		t.Fatal(err)
	}
	crowded := namespaceWith(t, "own-crowded", map[string]string{api.LabelProduct: "product-7"})
	names := make([]string, 1000)
	for i := range names {
		names[i] = fmt.Sprintf("product-7-%053d", i)
	}
	every := namespaceWith(t, "own-every", map[string]string{api.LabelProduct: "product-7"})
	for ns, value := range map[*corev1.Namespace]string{crowded: strings.Join(names, ","),
		every: api.EveryApplication} {
		if err := admin.Patch(t.Context(), ns.DeepCopy(), note(value)); err != nil {
			t.Fatal(err)
		}
	}
	unnoted := namespaceWith(t, "own-unnoted", map[string]string{api.LabelProduct: "product-7"})
	plain := namespaceWith(t, "own-plain", nil)
	removed(t, "runtime-cluster")
	stands := tracked(ours.Name, "stands", "app-b:/ConfigMap:own-shop/stands")
	eventually(t, "without the policy it is let through", func(ctx context.Context) error {
		return client.IgnoreAlreadyExists(admin.Create(ctx, stands.DeepCopyObject().(client.Object)))
	})
	applied(t, "runtime-cluster")
	create := func(o client.Object) func(context.Context) error {
		return func(ctx context.Context) error {
			return admin.Create(ctx, o.DeepCopyObject().(client.Object), client.DryRunAll)
		}
	}
	change := func(patch string) func(context.Context) error {
		return func(ctx context.Context) error {
			return admin.Patch(ctx, stands.DeepCopy(), client.RawPatch("application/merge-patch+json", []byte(patch)),
				client.DryRunAll)
		}
	}
	generated := tracked(ours.Name, "", "app-b:/ConfigMap:own-shop/")
	generated.GenerateName = "hook-"
	workload := deployment(ours.Name, "d")
	workload.Annotations = map[string]string{trackingID: "app-b:apps/Deployment:own-shop/d"}
	for sentence, c := range map[string]attempt{
		"an Application that the record names": {create(tracked(ours.Name, "x",
			"app-a:/ConfigMap:own-shop/x")), false},
		"the other one": {create(tracked(ours.Name, "x",
			"app-c:/ConfigMap:own-shop/x")), false},
		"an Application that the record does not name": {create(tracked(ours.Name, "x",
			"app-b:/ConfigMap:own-shop/x")), true},
		"a name that another's begins with": {create(tracked(ours.Name, "x", "app:/ConfigMap:own-shop/x")),
			true},
		"a workload":                      {create(workload), true},
		"a hook with a generated name":    {create(generated), true},
		"an object without a tracking id": {create(tracked(ours.Name, "x", "")), false},
		"an id that was copied from another kind": {create(tracked(ours.Name, "x",
			"app-b:apps/Deployment:own-shop/x")), false},
		"an id that was copied from another namespace": {create(tracked(ours.Name, "x", "app-b:/ConfigMap:other/x")),
			false},
		"a namespace without the note": {create(tracked(unnoted.Name, "x",
			"app-b:/ConfigMap:own-unnoted/x")), false},
		"a namespace of no product": {create(tracked(plain.Name, "x",
			"app-b:/ConfigMap:own-plain/x")), false},
		"the last of as many as are noted": {create(tracked(crowded.Name, "x",
			names[999]+":/ConfigMap:own-crowded/x")), false},
		"a namespace of more than can be noted": {create(tracked(every.Name, "x",
			"app-b:/ConfigMap:own-every/x")), false},
		"what stands already is updated": {change(`{"data":{"a":"b"}}`), false},
		"what stands already goes to one that is named": {change(`{"metadata":{"annotations":{"argocd.argoproj.io/tracking-id":"app-a:/ConfigMap:own-shop/stands"}}}`),
			false},
		"what stands already goes to one that is not": {change(`{"metadata":{"annotations":{"argocd.argoproj.io/tracking-id":"app-d:/ConfigMap:own-shop/stands"}}}`),
			true},
		"what stands already is deleted": {func(ctx context.Context) error {
			return admin.Delete(ctx, stands.DeepCopy(), client.DryRunAll)
		}, false},
	} {
		t.Run(sentence, func(t *testing.T) { c.check(t, sentence, "may not write into namespace own-shop") })
	}
	mayChange(t, "noter", ours.Name)
	noting := func(c client.Client) func(context.Context) error {
		return func(ctx context.Context) error {
			return c.Patch(ctx, ours.DeepCopy(), note("app-a,app-b"), client.DryRunAll)
		}
	}
	attempt{noting(impersonating(t, "noter")), true}.check(t, "a member notes his own", "noted by the operator")
	attempt{noting(admin), false}.check(t, "the operator notes it", "")
}

const trackingID = "argocd.argoproj.io/tracking-id"

func tracked(namespace, name, id string) *corev1.ConfigMap {
	cm := &corev1.ConfigMap{ObjectMeta: inNamespace(namespace, name)}
	if id != "" {
		cm.Annotations = map[string]string{trackingID: id}
	}
	return cm
}

func note(applications string) client.Patch {
	return client.RawPatch("application/merge-patch+json",
		[]byte(`{"metadata":{"annotations":{"`+api.AnnotationApplications+`":"`+applications+`"}}}`))
}

func inNamespace(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name}
}

func selector() *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{"app": "a"}}
}

func template(changes ...func(*corev1.PodSpec)) corev1.PodTemplateSpec {
	out := corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "a"}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "i"}}},
	}
	for _, change := range changes {
		change(&out.Spec)
	}
	return out
}

func templateOf(changes ...func(*corev1.PodSpec)) *corev1.PodTemplateSpec {
	out := template(changes...)
	return &out
}

func withClass(name string) func(*corev1.PodSpec) {
	return func(s *corev1.PodSpec) { s.PriorityClassName = name }
}

func withNode(s *corev1.PodSpec) { s.NodeName = "n" }

func pod(namespace string, changes ...func(*corev1.PodSpec)) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: inNamespace(namespace, "p"), Spec: template(changes...).Spec}
}

func deployment(namespace, name string, changes ...func(*corev1.PodSpec)) *appsv1.Deployment {
	return &appsv1.Deployment{ObjectMeta: inNamespace(namespace, name),
		Spec: appsv1.DeploymentSpec{Selector: selector(), Template: template(changes...)}}
}

func job(changes ...func(*corev1.PodSpec)) batchv1.JobSpec {
	out := batchv1.JobSpec{Template: template(changes...)}
	out.Template.Spec.RestartPolicy = corev1.RestartPolicyNever
	return out
}

func service(namespace, name string, external ...string) *corev1.Service {
	return &corev1.Service{ObjectMeta: inNamespace(namespace, name), Spec: corev1.ServiceSpec{
		Type: corev1.ServiceTypeLoadBalancer, ExternalIPs: external, Ports: []corev1.ServicePort{{Port: 80}},
	}}
}

// mayBind gives a user, in one namespace, what an administrator has in all.
func mayBind(t *testing.T, user, namespace string) {
	t.Helper()
	in := inNamespace(namespace, strings.ToLower(user))
	for _, o := range []client.Object{
		&rbacv1.Role{ObjectMeta: in, Rules: []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{
			"bindings", "pods/binding", "services/status"}, Verbs: []string{"create", "patch", "update"}}}},
		&rbacv1.RoleBinding{
			ObjectMeta: in, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: in.Name},
			Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
		},
	} {
		if err := admin.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
}
