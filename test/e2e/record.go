package e2e

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/nautes-labs/deployment-runtime/internal/observed"
)

// recordTo is set in the environment to the directory that takes what Argo CD writes into Applications: one file for
// each, with one state in a line. The tests of the runtime's status replay such files.
const recordTo = "NAUTES_E2E_RECORD"

// record writes the states of all Applications until the test ends.
func (w *World) record(t *testing.T) {
	directory := os.Getenv(recordTo)
	if directory == "" {
		return
	}
	c, err := client.NewWithWatch(w.Env.Management.RESTConfig(), client.Options{Scheme: w.Client.Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	events, err := c.Watch(ctx, &observed.ApplicationList{}, client.InNamespace(argoNamespace))
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		last := map[string]*observed.Application{}
		for event := range events.ResultChan() {
			app, ok := event.Object.(*observed.Application)
			if !ok || last[app.Name] != nil && observed.SaysTheSame(last[app.Name], app) {
				continue
			}
			last[app.Name] = app
			if err := write(filepath.Join(directory, app.Name+".jsonl"), app); err != nil {
				t.Error(err)
			}
		}
	}()
	t.Cleanup(func() { cancel(); <-ended })
}

func write(name string, app *observed.Application) error {
	kept, err := observed.Strip(app.DeepCopy())
	if err != nil {
		return err
	}
	line, err := json.Marshal(kept)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(filepath.Clean(name), //nolint:gosec // the person who runs the scenarios names it
		os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	_, err = file.Write(append(line, '\n'))
	return err
}
