package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/rules/rulestest"
)

// world is what everything is measured in: a GitLab, a management cluster in memory, and the API on a real listener.
type world struct {
	sizes

	dir        string
	content    content
	gitlab     *gitLab
	management *rulestest.World
	api        *apiServer

	// served is the product that the API works on; cloned has the same history and is worked on with the git command.
	served, cloned product
	tokens         []string // of the writers

}

func newWorld(ctx context.Context, z sizes, dir string) (_ *world, err error) {
	w := &world{sizes: z, dir: dir, content: z.content(), management: rulestest.New()}
	if w.gitlab, err = startGitLab(ctx, filepath.Join(dir, "gitlab")); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	for i := range w.content.environments {
		w.management.Add(rulestest.Cluster(clusterOf(i)))
	}
	w.management.Add(rulestest.Provider(providerName, func(p *api.CodeRepoProvider) {
		p.Spec.HTTPAddress, p.Spec.SSHAddress, p.Spec.APIServer = w.gitlab.URL, "", w.gitlab.URL+"/api/v4"
	}))
	began := time.Now()
	if w.served, err = w.makeProduct(ctx, "served", z.commits); err != nil {
		return nil, err
	}
	if w.cloned, err = w.makeProduct(ctx, "cloned", z.commits); err != nil {
		return nil, err
	}
	w.deploy(w.served)
	for i := range z.writers {
		token, err := w.gitlab.person(fmt.Sprintf("writer-%03d", i), w.served.group, w.cloned.group)
		if err != nil {
			return nil, err
		}
		w.tokens = append(w.tokens, token)
	}
	fmt.Printf("prepared in %s\n", time.Since(began).Round(100*time.Millisecond))
	w.api, err = w.startAPI(ctx, defaultSnapshotBytes)
	return w, err
}

// deploy puts all runtimes of a product into the management cluster, with the records and the status that the operator
// would write.
func (w *world) deploy(p product) {
	w.management.Add(rulestest.Product(p.name, p.path))
	for i := range w.content.runtimes {
		e, cluster := environment(i%w.content.environments), clusterOf(i%w.content.environments)
		w.management.Record(rulestest.Record(p.name, runtimeName(i), e, cluster))
		w.management.Add(rulestest.Runtime(p.name, runtimeName(i), repoID(w.content.repoOf(i)), e,
			func(r *api.DeploymentRuntime) {
				r.Status = api.DeploymentRuntimeStatus{
					Sync: "Synced", Health: "Healthy", Revision: strings.Repeat("0123456789", 4),
					Placement: &api.PlacementStatus{Cluster: cluster},
					Conditions: []metav1.Condition{{Type: api.ConditionReady, Status: metav1.ConditionTrue,
						Reason: api.ReasonReady, Message: "The runtime is deployed."}},
				}
			}))
	}
}

func (w *world) close() error {
	var err error
	if w.api != nil {
		err = w.api.stop()
	}
	return errors.Join(err, w.gitlab.close())
}
