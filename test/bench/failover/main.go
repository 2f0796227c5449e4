// Command failover measures how long nobody works when the operator that works ends: by SIGKILL, as when its node is
// lost, and by SIGTERM, as when it is upgraded. Two operators run as processes beside one real API server. Each time the
// other one has to write the status of an object that was made after the end of the first.
//
//	go run ./test/bench/failover -rounds 5
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers"
	"github.com/nautes-labs/deployment-runtime/test/bench/figures"
	"github.com/nautes-labs/deployment-runtime/test/bench/operator"
	"github.com/nautes-labs/deployment-runtime/test/devenv"
)

const (
	system = "nautes"
	lease  = "nautes-operator"
	// calm is how long an operator that stands by has written nothing when it counts as started.
	calm     = 2 * time.Second
	patience = 2 * time.Minute
	poll     = 20 * time.Millisecond
)

func main() {
	rounds := flag.Int("rounds", 5, "how often the operator that works is ended, in each way")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *rounds)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "failover: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, rounds int) error {
	env, err := devenv.Start(ctx, devenv.Options{})
	if err != nil {
		return err
	}
	defer env.Stop()
	p := &pair{env: env}
	if err := p.prepare(ctx); err != nil {
		return err
	}
	defer p.stop()
	for _, way := range []struct {
		name string
		end  func(*operator.Process)
	}{{"SIGKILL", (*operator.Process).Kill}, {"SIGTERM", (*operator.Process).Stop}} {
		if err := p.measure(ctx, way.name, way.end, rounds); err != nil {
			return fmt.Errorf("%s: %w", way.name, err)
		}
	}
	return nil
}

// pair is an operator that works, and one that stands by.
type pair struct {
	env             *devenv.Env
	client          client.Client
	binary          string
	works, standsBy *operator.Process
	objects         int
}

// prepare installs the kinds and starts both operators.
func (p *pair) prepare(ctx context.Context) error {
	scheme, err := controllers.Scheme()
	if err != nil {
		return err
	}
	if p.client, err = client.New(p.env.Management.RESTConfig(), client.Options{Scheme: scheme}); err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	if err := operator.InstallKinds(ctx, p.env); err != nil {
		return err
	}
	for _, name := range []string{system, devenv.ArgoCDNamespace} {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
		if err := p.client.Create(ctx, ns); err != nil {
			return fmt.Errorf("creating a namespace: %w", err)
		}
	}
	if p.binary, err = operator.Build(ctx, p.env.Dir); err != nil {
		return err
	}
	if p.works, err = p.start(ctx); err != nil {
		return err
	}
	if err := p.write(ctx); err != nil { // it has the lease now
		return err
	}
	p.standsBy, err = p.start(ctx)
	return err
}

func (p *pair) start(ctx context.Context) (*operator.Process, error) {
	o, err := operator.Start(ctx, p.env, p.binary, "--leader-elect=true")
	if err != nil {
		return nil, err
	}
	_, err = o.Settle(ctx, calm, patience)
	return o, err
}

func (p *pair) stop() {
	for _, o := range []*operator.Process{p.works, p.standsBy} {
		if o != nil {
			o.Stop()
		}
	}
}

// measure ends the operator that works, again and again, and prints how long the next write took from that on.
func (p *pair) measure(ctx context.Context, way string, end func(*operator.Process), rounds int) error {
	var took figures.Timings
	var last coordinationv1.Lease
	for range rounds {
		if err := p.client.Get(ctx, client.ObjectKey{Namespace: system, Name: lease}, &last); err != nil {
			return fmt.Errorf("reading the Lease: %w", err)
		}
		began := time.Now()
		end(p.works)
		p.works = nil
		if err := p.write(ctx); err != nil {
			return err
		}
		took.Add(time.Since(began))
		var err error
		p.works = p.standsBy
		if p.standsBy, err = p.start(ctx); err != nil {
			return err
		}
	}
	duration := time.Duration(*last.Spec.LeaseDurationSeconds) * time.Second
	fmt.Printf("%s to the next write: shortest %s, middle %s, longest %s of %d; "+
		"the lease is for %s, so the longest is %.2f of it\n",
		way, figures.Round(took.At(0)), figures.Round(took.At(50)), figures.Round(took.At(100)), rounds, duration,
		figures.Ratio(took.At(100), duration))
	return nil
}

// write makes an object and waits until an operator has written its status.
func (p *pair) write(ctx context.Context) error {
	p.objects++
	o := &api.CodeRepoProvider{ObjectMeta: metav1.ObjectMeta{Namespace: system, Name: fmt.Sprintf("host-%d", p.objects)},
		Spec: api.CodeRepoProviderSpec{HTTPAddress: "https://git.example.com", ProviderType: "gitlab"}}
	if err := p.client.Create(ctx, o); err != nil {
		return fmt.Errorf("creating an object: %w", err)
	}
	err := wait.PollUntilContextTimeout(ctx, poll, patience, true, func(ctx context.Context) (bool, error) {
		err := p.client.Get(ctx, client.ObjectKeyFromObject(o), o)
		return len(o.Status.Conditions) > 0, err
	})
	if err != nil {
		return fmt.Errorf("waiting for the status of %s: %w", o.Name, err)
	}
	return nil
}
