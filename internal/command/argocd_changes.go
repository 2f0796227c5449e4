package command

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/nautes-labs/deployment-runtime/config/argocd"
)

// argoCDManager is the name under which the API server knows who set a key. It is the one of earlier versions.
const argoCDManager = "nautes"

// longestShown is how long a value may be that is printed.
const longestShown = 60

// choice is a flag that is true, false, or not set.
type choice string

// Set implements pflag.Value.
func (c *choice) Set(value string) error {
	b, err := strconv.ParseBool(value)
	if err != nil {
		return errors.New("must be true or false")
	}
	*c = choice(strconv.FormatBool(b))
	return nil
}

// String implements pflag.Value.
func (c *choice) String() string { return string(*c) }

// Type implements pflag.Value.
func (c *choice) Type() string { return "true|false" }

// choose says what is left out of the repositories. An Argo CD that deploys already could prune what came from there,
// so a person decides.
func (s argoCDSetup) choose(live map[string]*corev1.ConfigMap, deploys bool,
) (jsonnet, submodules string, err error) {
	var questions []string
	ask := func(c choice, name, key, what string) string {
		stands, set := live[name].Data[key]
		switch {
		case c != "":
			return string(c)
		case set:
			return stands
		case deploys:
			questions = append(questions, what)
		}
		return argocd.LeftOut
	}
	jsonnet = ask(s.jsonnet, argocd.ConfigMap, argocd.KeyJsonnet,
		"files *.jsonnet: say --jsonnet=false to leave them out, or --jsonnet=true to keep them")
	submodules = ask(s.submodules, argocd.Parameters, argocd.KeySubmodules,
		"submodules of git: say --submodules=false to leave them out, or --submodules=true to keep them")
	if len(questions) == 0 {
		return jsonnet, submodules, nil
	}
	return "", "", fmt.Errorf("this Argo CD deploys already, and what comes from there would be pruned once it is "+
		"left out. Look whether its repositories have any, then run this again:\n  %s", strings.Join(questions, "\n  "))
}

// apply sets the wanted keys, and no other, on the ConfigMap exactly as it was read.
func (s argoCDSetup) apply(ctx context.Context, live *corev1.ConfigMap, data map[string]string,
	opts ...client.PatchOption,
) (*corev1.ConfigMap, error) {
	o := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "ConfigMap"}}
	o.SetNamespace(live.Namespace)
	o.SetName(live.Name)
	o.SetResourceVersion(live.ResourceVersion)
	o.SetLabels(map[string]string{argocd.Label: argocd.LabelValue}) // an earlier version owns it, and would lose it
	if err := unstructured.SetNestedStringMap(o.Object, data, "data"); err != nil {
		return nil, fmt.Errorf("building the change: %w", err)
	}
	opts = append(opts, client.FieldOwner(argoCDManager))
	if s.overwrite {
		opts = append(opts, client.ForceOwnership)
	}
	if err := s.client.Patch(ctx, o, client.Apply, opts...); err != nil {
		return nil, err //nolint:wrapcheck // the caller says what for, and looks for conflicts
	}
	after := &corev1.ConfigMap{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, after); err != nil {
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	return after, nil
}

// keyChange is a key of a ConfigMap with another value than before.
type keyChange struct {
	configMap, key, before, after string
	isNew, isGone                 bool
}

// changesOf says what differs between two states of a ConfigMap, by key. A key of others stays. One that only an earlier
// version of us set is gone.
func changesOf(before, after *corev1.ConfigMap) []keyChange {
	var out []keyChange
	keys := maps.Clone(before.Data)
	if keys == nil {
		keys = map[string]string{}
	}
	maps.Copy(keys, after.Data)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		value, had := before.Data[key]
		if now, has := after.Data[key]; had != has || value != now {
			out = append(out, keyChange{configMap: before.Name, key: key, before: value, after: now, isNew: !had,
				isGone: !has})
		}
	}
	return out
}

// concern says whether changes are about a ConfigMap.
func concern(changes []keyChange, configMap string) bool {
	return slices.ContainsFunc(changes, func(c keyChange) bool { return c.configMap == configMap })
}

// String tells of the change in one line.
func (c keyChange) String() string {
	before := shown(c.before)
	if c.isNew {
		before = "not set"
	}
	return fmt.Sprintf("%s %s: %s -> %s", c.configMap, c.key, before, shown(c.after))
}

// shown is a value in a line: a script is not.
func shown(value string) string {
	if lines := strings.Count(strings.TrimSpace(value), "\n"); lines > 0 || len(value) > longestShown {
		return fmt.Sprintf("(%d lines)", lines+1)
	}
	return strconv.Quote(value)
}

// report says what was done, and what a person has to do now.
func (s argoCDSetup) report(changes []keyChange) {
	for _, c := range changes {
		fmt.Fprintln(s.out, c)
	}
	switch {
	case len(changes) == 0:
		fmt.Fprintln(s.out, "argocd: everything is set already")
	case s.dryRun:
		fmt.Fprintf(s.out, "argocd: %d keys would change; nothing was written\n", len(changes))
	default:
		fmt.Fprintf(s.out, "argocd: %d keys changed\n", len(changes))
	}
	if concern(changes, argocd.Parameters) && !s.dryRun {
		fmt.Fprintf(s.out, "argocd: restart argocd-application-controller and argocd-repo-server: they read %s only when "+
			"they start\n", argocd.Parameters)
	}
}

// conflicts are the keys that others have set to another value.
type conflicts []string

// Error implements error.
func (c conflicts) Error() string {
	return fmt.Sprintf("others have set what the operator needs in another way; nothing was changed:\n  %s\n"+
		"Look what their values are for, then run this again with --overwrite", strings.Join(c, "\n  "))
}

// lost returns the keys that a change takes away: somebody added them to what an earlier version of us applied, so that
// nobody else owns them.
func lost(changes []keyChange) conflicts {
	var out conflicts
	for _, c := range changes {
		if c.isGone {
			out = append(out, fmt.Sprintf("%s %s: is %s, and would be removed: set it by other means first", c.configMap,
				c.key, shown(c.before)))
		}
	}
	return out
}

// conflictsOf returns the keys about which the API server refuses a write: another writer has set them.
func conflictsOf(err error, live *corev1.ConfigMap, wanted map[string]string) conflicts {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil {
		return nil
	}
	var out conflicts
	for _, cause := range status.Status().Details.Causes {
		if cause.Type != metav1.CauseTypeFieldManagerConflict {
			continue
		}
		key := strings.TrimPrefix(cause.Field, ".data.")
		out = append(out, fmt.Sprintf("%s %s: is %s, and should be %s (%s)", live.Name, key, shown(live.Data[key]),
			shown(wanted[key]), cause.Message))
	}
	return out
}
