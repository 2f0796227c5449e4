package main

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nautes-labs/deployment-runtime/test/devenv"
	"github.com/nautes-labs/deployment-runtime/test/devenv/toolchain"
)

// chapter is one part of the story: it says in a line what happens, and lets it happen.
type chapter struct {
	title string
	story string
	play  func(context.Context, *stage) error
}

// demo returns the chapters of `devenv demo`.
func demo() []chapter {
	return append(setUp(),
		chapter{"Refuse",
			"What cannot work is refused before it is committed, with everything that is wrong with it; " +
				"what runs keeps running.", refuse},
		chapter{"Roll out", "Another path: nautes shows what would change, saves it, and the pods follow.", rollOut},
		chapter{"By git alone",
			"The REST API only commits files: a push to default.project does the same, and a push " +
				"of manifests rolls out.", byGit},
		chapter{"Delete", "DELETE removes dr-dev with its pods and its namespace, and nothing else.", remove},
		chapter{"Without GitLab", "A second product lives on a plain git server, and its people use kubectl alone.",
			withoutGitLab},
		chapter{"Look again", "What was deleted by git has gone meanwhile; the kubectl product runs on.", lookAgain},
	)
}

// dev returns the chapters of `devenv dev`.
func dev() []chapter {
	return append(setUp(),
		chapter{"Without GitLab", "A second product lives on a plain git server, and its people use kubectl alone.",
			deployPlain},
		chapter{"Stay", "The environment stays until Ctrl-C.", stay},
	)
}

// setUp returns the chapters that both begin with.
func setUp() []chapter {
	return []chapter{
		{"Install", "CRDs and policies; then the operator and the REST API, each a process with the rights of its " +
			"ServiceAccount in config/rbac.", install},
		{"Register", "What a platform engineer does: register two runtime clusters and connect GitLab, " +
			"as docs/howto says.", register},
		{"Make a product",
			"A developer with a GitLab token makes a product and what it needs with nautes, and pushes " +
				"manifests with git.", makeProduct},
		{"Save a runtime", "The guide's own request, word by word. A moment later it runs, and GET says so.", save},
	}
}

// perform builds the programs, starts the environment and plays the chapters on it. Everything has ended when it
// returns.
func perform(ctx context.Context, t *transcript, argoCD string, chapters []chapter) error {
	tools, err := toolchain.New(toolchain.Options{})
	if err != nil {
		return err
	}
	root := tools.Root()
	options := devenv.Options{RuntimeClusters: []string{east, west}, Git: true, ArgoCD: argoCD, Kubectl: true}
	t.title(0, "Start", "A management cluster with Argo CD "+argoCD+
		", runtime clusters east and west, a git server: real servers, simulated nodes.\n"+
		"GitLab is a stand-in: its REST API and webhooks from test/fakegitlab, with real git behind them. "+
		"Everything else is real.")
	// At the same time, because a build alone leaves a core idle while it links.
	builds, buildCtx := errgroup.WithContext(ctx)
	builds.Go(func() error { return buildPrograms(buildCtx, t, root) })
	builds.Go(func() error { return devenv.Prepare(buildCtx, options) })
	if err := builds.Wait(); err != nil {
		return err
	}
	began := time.Now()
	return devenv.Run(ctx, options, func(ctx context.Context, env *devenv.Env) error {
		s, err := newStage(ctx, t, env, root)
		if err != nil {
			return err
		}
		defer s.close()
		t.came("all servers are ready, and the stand-in for GitLab", began)
		t.chapterEnds("Start")
		for i, c := range chapters {
			t.title(i+1, c.title, c.story)
			if err := c.play(ctx, s); err != nil {
				return fmt.Errorf("chapter %q: %w", c.title, err)
			}
			t.chapterEnds(c.title)
		}
		return nil
	})
}
