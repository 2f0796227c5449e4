package devenv

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// parameters returns the environment variables that a program of Argo CD takes from ConfigMaps, as its StatefulSet or
// Deployment in the release says: a kubelet would do that.
func (a *ArgoCD) parameters(ctx context.Context, program string) ([]string, error) {
	release, err := a.cluster.host.tools.ArgoCDManifests(ctx, a.Version)
	if err != nil {
		return nil, err
	}
	variables, err := workloadVariables(filepath.Join(release, "workloads"), program)
	if err != nil {
		return nil, err
	}
	client, err := a.cluster.clientset()
	if err != nil {
		return nil, err
	}
	data := configMaps{}
	var env []string
	for _, v := range variables {
		if v.ValueFrom == nil || v.ValueFrom.ConfigMapKeyRef == nil {
			continue
		}
		ref := v.ValueFrom.ConfigMapKeyRef
		if _, ok := data[ref.Name]; !ok {
			m, err := client.CoreV1().ConfigMaps(ArgoCDNamespace).Get(ctx, ref.Name, metav1.GetOptions{})
			if err != nil && !apierrors.IsNotFound(err) {
				return nil, fmt.Errorf("reading ConfigMap %s: %w", ref.Name, err)
			}
			data[ref.Name] = m.Data
		}
		if value, ok := data[ref.Name][ref.Key]; ok {
			env = append(env, v.Name+"="+value)
		}
	}
	return env, nil
}

// workloadVariables reads the environment of a program's container. A StatefulSet and a Deployment have the same
// shape where it matters.
func workloadVariables(dir, program string) ([]corev1.EnvVar, error) {
	for _, kind := range []string{"statefulset", "deployment"} {
		manifest, err := os.ReadFile(filepath.Join(dir, program+"-"+kind+".yaml"))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading the workload of %s: %w", program, err)
		}
		var workload appsv1.Deployment
		if err := yaml.Unmarshal(manifest, &workload); err != nil {
			return nil, fmt.Errorf("decoding the workload of %s: %w", program, err)
		}
		for i := range workload.Spec.Template.Spec.Containers {
			if c := &workload.Spec.Template.Spec.Containers[i]; c.Name == program {
				return c.Env, nil
			}
		}
	}
	return nil, fmt.Errorf("the release holds no workload of %s", program)
}
