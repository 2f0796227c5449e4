package command

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/nautes-labs/deployment-runtime/config/argocd"
	"github.com/nautes-labs/deployment-runtime/controllers"
)

// argoCDCommand sets an installed Argo CD up for the operator.
func argoCDCommand() *cobra.Command {
	var kubeconfig string
	s := argoCDSetup{}
	cmd := &cobra.Command{
		Use:   "argocd",
		Short: "Set up the Argo CD that is installed: the settings that the operator needs",
		Long: "argocd merges the settings that the operator needs into the ConfigMaps argocd-cm and argocd-cmd-params-cm " +
			"of an installed Argo CD. It\n" +
			"removes nothing, leaves every other key alone, and refuses to change what others have set, unless --overwrite " +
			"says so. Run it again at\n" +
			"any time: what is right already is not written.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := localConfig(kubeconfig)
			if err != nil {
				return err
			}
			if err := reach(cfg); err != nil {
				return err
			}
			if s.client, err = client.New(cfg, client.Options{Scheme: clientgoscheme.Scheme}); err != nil {
				return fmt.Errorf("connecting to the API server: %w", err)
			}
			s.out = cmd.OutOrStdout()
			return s.run(cmd.Context())
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&kubeconfig, "kubeconfig", "",
		"kubeconfig of the management cluster (default: what kubectl uses, or the cluster that this runs in)")
	fs.StringVar(&s.namespace, "argocd-namespace", controllers.DefaultOptions().ArgoCDNamespace,
		"namespace that Argo CD runs in")
	fs.Var(&s.jsonnet, "jsonnet", "true has Argo CD evaluate files *.jsonnet, false has it leave them out (default: as "+
		"it is set; false for an Argo CD that deploys nothing yet)")
	fs.Var(&s.submodules, "submodules", "true has Argo CD read submodules of git, false has it leave them out (default: "+
		"as for --jsonnet)")
	fs.BoolVar(&s.overwrite, "overwrite", false, "change keys that others have set to another value")
	fs.BoolVar(&s.dryRun, "dry-run", false, "say what would change, and change nothing")
	return cmd
}

// localConfig finds the cluster as kubectl does, or the one of the pod.
func localConfig(kubeconfig string) (*rest.Config, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = kubeconfig
	cfg, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, nil).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("reading the kubeconfig: %w", err)
	}
	return cfg, nil
}

// argoCDSetup brings the settings into the ConfigMaps of Argo CD.
type argoCDSetup struct {
	client              client.Client
	out                 io.Writer
	namespace           string
	jsonnet, submodules choice
	overwrite, dryRun   bool
}

// run looks at what is set and writes what is missing. If somebody else writes in between, it looks again.
func (s argoCDSetup) run(ctx context.Context) error {
	var changed []keyChange
	err := retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		now, err := s.pass(ctx)
		changed = append(changed, now...)
		return err
	})
	if err == nil || len(changed) > 0 {
		s.report(changed)
	}
	if err != nil && len(changed) > 0 {
		return fmt.Errorf("the rest is not set yet, run this again: %w", err)
	}
	return err
}

// pass asks the API server first what every write would give, so that a refusal comes before the first write. It returns
// what it changed, also before an error.
func (s argoCDSetup) pass(ctx context.Context) ([]keyChange, error) {
	live, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	wanted, err := s.wanted(ctx, live)
	if err != nil {
		return nil, err
	}
	var changed []keyChange
	var refused conflicts
	for _, name := range configMapsOfArgoCD() {
		after, err := s.apply(ctx, live[name], wanted[name], client.DryRunAll)
		if taken := conflictsOf(err, live[name], wanted[name]); len(taken) > 0 {
			refused = append(refused, taken...)
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("trying a change of ConfigMap %s: %w", name, err)
		}
		changes := changesOf(live[name], after)
		changed = append(changed, changes...)
		if !s.overwrite {
			refused = append(refused, lost(changes)...)
		}
	}
	if len(refused) > 0 {
		return nil, refused
	}
	if s.dryRun {
		return changed, nil
	}
	var written []keyChange
	for _, name := range configMapsOfArgoCD() {
		if !concern(changed, name) {
			continue
		}
		after, err := s.apply(ctx, live[name], wanted[name])
		if err != nil {
			return written, fmt.Errorf("changing ConfigMap %s: %w", name, err)
		}
		written = append(written, changesOf(live[name], after)...)
	}
	return written, nil
}

// configMapsOfArgoCD are in the order in which they are written: Argo CD looks at the first one at once.
func configMapsOfArgoCD() []string { return []string{argocd.ConfigMap, argocd.Parameters} }

func (s argoCDSetup) read(ctx context.Context) (map[string]*corev1.ConfigMap, error) {
	live := map[string]*corev1.ConfigMap{}
	for _, name := range configMapsOfArgoCD() {
		live[name] = &corev1.ConfigMap{}
		err := s.client.Get(ctx, client.ObjectKey{Namespace: s.namespace, Name: name}, live[name])
		if apierrors.IsNotFound(err) {
			return nil, fmt.Errorf("namespace %q has no ConfigMap %s, which every installation of Argo CD brings along: "+
				"install Argo CD first, or say with --argocd-namespace where it is", s.namespace, name)
		}
		if err != nil {
			return nil, fmt.Errorf("reading ConfigMap %s: %w", name, err)
		}
	}
	return live, nil
}

// wanted says what is to be set. What an installation has chosen stays.
func (s argoCDSetup) wanted(ctx context.Context, live map[string]*corev1.ConfigMap) (argocd.Data, error) {
	ours, err := controllers.Instance(ctx, s.client)
	if err != nil {
		return nil, err
	}
	c := argocd.Choices{InstallationID: live[argocd.ConfigMap].Data[argocd.KeyInstallationID]}
	// An id that is ours may be from a run that was cut off. Applications in other namespaces may not be listed.
	deploys := c.InstallationID != "" && c.InstallationID != ours ||
		live[argocd.Parameters].Data[argocd.KeyNamespaces] != ""
	if c.InstallationID == "" {
		c.InstallationID = ours
	}
	if !deploys {
		if deploys, err = s.hasApplications(ctx); err != nil {
			return nil, err
		}
	}
	if c.Jsonnet, c.Submodules, err = s.choose(live, deploys); err != nil {
		return nil, err
	}
	return argocd.Settings(c)
}

// hasApplications says whether Argo CD deploys something, by whomever.
func (s argoCDSetup) hasApplications(ctx context.Context) (bool, error) {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(schema.GroupVersionKind{Group: "argoproj.io", Version: "v1alpha1", Kind: "ApplicationList"})
	err := s.client.List(ctx, list, client.InNamespace(s.namespace), client.Limit(1))
	if err != nil && !meta.IsNoMatchError(err) {
		return false, fmt.Errorf("looking for Applications: %w", err)
	}
	return len(list.Items) > 0, nil
}
