package main

import (
	"errors"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// settings are the flags.
type settings struct {
	only                   []string
	sizes                  []int
	perProduct, perCluster int
	products, clusters     int
	oneProductSize         int
	oneClusterSize         int
	inPlaceSize            int
	others, samples        int
	idleFor, troubleFor    time.Duration
	noise                  int
	foreignSecrets         int
	foreignApplications    int
	troubleSize            int
	waveSize, teardownSize int
	json, from, plots      string
	profile                string
}

func readSettings() (settings, error) {
	var s settings
	only := flag.String("only", "", "scenarios to run, separated by commas, of "+strings.Join(scenarioNames(), ", ")+
		" (default: all)")
	sizes := flag.String("sizes", "500,1000,2000", "growth: numbers of runtimes, a fresh environment for each")
	quick := flag.Bool("quick", false, "few runtimes and short times: to see that everything works, not to measure")
	flag.IntVar(&s.perProduct, "per-product", 20, "runtimes of a product")
	flag.IntVar(&s.perCluster, "per-cluster", 50, "runtimes of a cluster")
	flag.IntVar(&s.products, "max-products", 500, "there are never more products than that")
	flag.IntVar(&s.clusters, "max-clusters", 200, "there are never more clusters than that")
	flag.IntVar(&s.oneProductSize, "one-product", 2000, "one-product: runtimes of the one product; half of it too")
	flag.IntVar(&s.oneClusterSize, "one-cluster", 5000, "one-cluster: namespaces of the one cluster; half of it too")
	flag.IntVar(&s.inPlaceSize, "in-place", 5000, "reactions, idle, restart, memory: runtimes that are in place")
	flag.IntVar(&s.others, "others", 500, "reactions: runtimes that are created meanwhile")
	flag.IntVar(&s.samples, "samples", 300, "reactions, trouble: changes that are timed")
	flag.DurationVar(&s.idleFor, "idle", 2*time.Minute, "idle: how long")
	flag.IntVar(&s.noise, "noise", 33, "idle: updates of Applications per second that say the same")
	flag.IntVar(&s.foreignSecrets, "foreign-secrets", 30000, "memory: Secrets that are nothing to the operator")
	flag.IntVar(&s.foreignApplications, "foreign-applications", 5000, "memory: Applications of others")
	flag.IntVar(&s.troubleSize, "trouble", 600, "trouble: runtimes, a third of them on each of three clusters")
	flag.DurationVar(&s.troubleFor, "trouble-for", time.Minute, "trouble: how long changes are timed, with and without")
	flag.IntVar(&s.waveSize, "wave", 1000, "waves: runtimes that one change concerns")
	flag.IntVar(&s.teardownSize, "teardown", 2000, "teardown: runtimes that are deleted")
	flag.StringVar(&s.json, "json", "", "file for the results; the scenarios in it that do not run now stay")
	flag.StringVar(&s.from, "from", "", "measure nothing: print and plot the results of this file")
	flag.StringVar(&s.plots, "plot", "", "directory for the plots")
	flag.StringVar(&s.profile, "cpuprofile", "", "growth: file for a CPU profile of the first 30 s of the last size")
	flag.Parse()
	if *quick {
		s.beQuick()
		*sizes = "20,40"
	}
	if *only != "" {
		s.only = strings.Split(*only, ",")
	}
	for size := range strings.SplitSeq(*sizes, ",") {
		n, err := strconv.Atoi(size)
		if err != nil {
			return s, fmt.Errorf("reading -sizes: %w", err)
		}
		s.sizes = append(s.sizes, n)
	}
	err := s.validate()
	return s, err
}

// beQuick makes every scenario small.
func (s *settings) beQuick() {
	s.perProduct, s.perCluster = 5, 10
	s.oneProductSize, s.oneClusterSize, s.inPlaceSize, s.waveSize, s.teardownSize = 20, 20, 20, 20, 20
	s.others, s.samples, s.troubleSize = 20, 20, 18
	s.idleFor, s.troubleFor = 10*time.Second, 10*time.Second
	s.foreignSecrets, s.foreignApplications = 300, 50
}

func (s *settings) validate() error {
	for _, name := range s.only {
		if !slices.Contains(scenarioNames(), name) {
			return fmt.Errorf("there is no scenario %q: there are %s", name, strings.Join(scenarioNames(), ", "))
		}
	}
	numbers := append([]int{s.perProduct, s.perCluster, s.products, s.clusters, s.oneProductSize / 2,
		s.oneClusterSize / 2, s.inPlaceSize, s.samples, s.noise, s.troubleSize / 3, s.waveSize, s.teardownSize},
		s.sizes...)
	if slices.Min(numbers) < 1 {
		return errors.New("numbers must be at least 1, the sizes of one-product and one-cluster 2, of trouble 3")
	}
	return nil
}

func scenarioNames() []string {
	var names []string
	for _, sc := range scenarios() {
		names = append(names, sc.names...)
	}
	return names
}

// shape is how large a world is.
type shape struct{ runtimes, products, clusters int }

// shapeOf lets products and clusters grow along.
func (s *settings) shapeOf(runtimes int) shape {
	parts := func(per, most int) int { return min((runtimes+per-1)/per, most) }
	return shape{runtimes, parts(s.perProduct, s.products), parts(s.perCluster, s.clusters)}
}
