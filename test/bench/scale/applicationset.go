package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	argo "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/nautes-labs/deployment-runtime/controllers"
	"github.com/nautes-labs/deployment-runtime/test/devenv"
	"github.com/nautes-labs/deployment-runtime/test/devenv/toolchain"
)

// perSet is how many Applications an ApplicationSet makes here: its status lists all of them, and an object has a limit.
const perSet = 1000

// setCost is what Argo CD's ApplicationSet controller takes for bare Applications.
type setCost struct{ took, cpu time.Duration }

// applicationSet measures, in an environment of its own, how long the ApplicationSet controller of Argo CD takes for n
// Applications. By default it limits itself to 50 requests a second.
func (b *bench) applicationSet(ctx context.Context, n int, unlimited bool) (c setCost, err error) {
	tools, err := toolchain.New(toolchain.Options{Log: os.Stderr})
	if err != nil {
		return c, err
	}
	binaries, err := tools.Binaries(ctx, toolchain.ApplicationSet)
	if err != nil {
		return c, err
	}
	manifests, err := tools.ArgoCDManifests(ctx, toolchain.ArgoCDVersionV32)
	if err != nil {
		return c, err
	}
	err = devenv.Run(ctx, devenv.Options{}, func(ctx context.Context, env *devenv.Env) error {
		w := &world{env: env}
		if err := w.prepareSets(ctx, filepath.Join(manifests, "crds"), n); err != nil {
			return err
		}
		c, err = w.runSets(ctx, binaries[toolchain.ApplicationSet], n, unlimited)
		return err
	})
	return c, err
}

// prepareSets installs what the controller expects of an Argo CD, and creates the ApplicationSets.
func (w *world) prepareSets(ctx context.Context, crds string, n int) (err error) {
	files, err := filepath.Glob(filepath.Join(crds, "*.yaml"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("looking for Argo CD's CRDs in %s: %d files %w", crds, len(files), err)
	}
	var all bytes.Buffer
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		all.WriteString("\n---\n")
		all.Write(data)
	}
	if err := w.env.Management.Apply(ctx, all.Bytes()); err != nil {
		return err
	}
	if w.scheme, err = controllers.Scheme(); err != nil {
		return err
	}
	if w.hub, err = client.New(w.env.Management.RESTConfig(), client.Options{Scheme: w.scheme}); err != nil {
		return err
	}
	if w.seen, err = watch(ctx, w.env.Management.RESTConfig(), w.scheme, &argo.Application{}); err != nil {
		return err
	}
	ofArgo := map[string]string{"app.kubernetes.io/part-of": "argocd"}
	objects := []client.Object{
		&corev1.Namespace{ObjectMeta: in("", argoCD)},
		&corev1.ConfigMap{ObjectMeta: in(argoCD, "argocd-cm")},
		&corev1.Secret{ObjectMeta: in(argoCD, "argocd-secret"),
			Data: map[string][]byte{"server.secretkey": []byte("of the benchmark")}},
		&argo.AppProject{ObjectMeta: in(argoCD, "default"), Spec: argo.AppProjectSpec{SourceRepos: []string{"*"},
			Destinations: []argo.ApplicationDestination{{Server: "*", Namespace: "*"}}}},
	}
	for from := 0; from < n; from += perSet {
		objects = append(objects, newSet(from, min(from+perSet, n)))
	}
	for _, o := range objects {
		if name := o.GetName(); name == "argocd-cm" || name == "argocd-secret" {
			o.SetLabels(ofArgo)
		}
	}
	return w.create(ctx, objects...)
}

// newSet makes an Application for each number.
func newSet(from, to int) *argo.ApplicationSet {
	list := &argo.ListGenerator{}
	for i := from; i < to; i++ {
		list.Elements = append(list.Elements, apiextensionsv1.JSON{Raw: fmt.Appendf(nil, `{"name":"set-%d"}`, i)})
	}
	return &argo.ApplicationSet{ObjectMeta: in(argoCD, fmt.Sprint("set-", from)), Spec: argo.ApplicationSetSpec{
		GoTemplate: true, Generators: []argo.ApplicationSetGenerator{{List: list}},
		Template: argo.ApplicationSetTemplate{
			ApplicationSetTemplateMeta: argo.ApplicationSetTemplateMeta{Name: "{{.name}}"},
			Spec: argo.ApplicationSpec{Project: "default",
				Source: &argo.ApplicationSource{RepoURL: "https://gitlab.example.com/team/app.git", Path: "{{.name}}",
					TargetRevision: "main"},
				Destination: argo.ApplicationDestination{Server: "https://kubernetes.default.svc",
					Namespace: "{{.name}}"}}}}}
}

// runSets runs the controller until all Applications are there.
func (w *world) runSets(ctx context.Context, binary string, n int, unlimited bool) (c setCost, err error) {
	kubeconfig := filepath.Join(w.env.Dir, "applicationset-kubeconfig")
	data, err := w.env.Management.Admin().Kubeconfig(argoCD)
	if err != nil {
		return c, err
	}
	if err := os.WriteFile(kubeconfig, data, 0o600); err != nil {
		return c, err
	}
	args := []string{"--kubeconfig", kubeconfig, "--namespace", argoCD, "--repo-server-plaintext"}
	for _, flag := range []string{"--metrics-addr", "--probe-addr", "--webhook-addr"} {
		address, err := w.env.FreeAddress()
		if err != nil {
			return c, err
		}
		args = append(args, flag, address)
	}
	log, err := os.Create(filepath.Join(w.env.Dir, "applicationset.log"))
	if err != nil {
		return c, err
	}
	defer func() { _ = log.Close() }()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(os.Environ(), "ARGOCD_FAKE_IN_CLUSTER=true", "KUBECONFIG="+kubeconfig)
	if unlimited {
		cmd.Env = append(cmd.Env, "ARGOCD_K8S_CLIENT_QPS=100000", "ARGOCD_K8S_CLIENT_BURST=100000")
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return c, fmt.Errorf("starting ApplicationSet: %w", err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // how it ends is its own business
		close(ended)
	}()
	err = w.until(ctx, func() (bool, error) {
		select {
		case <-ended:
			return false, fmt.Errorf("ApplicationSet ended early, see %s", log.Name())
		default:
		}
		var list argo.ApplicationList
		err := w.seen.List(ctx, &list, client.UnsafeDisableDeepCopy)
		return len(list.Items) >= n, err
	})
	c.took = time.Since(began)
	_ = cmd.Process.Signal(syscall.SIGTERM)
	<-ended
	c.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return c, err
}
