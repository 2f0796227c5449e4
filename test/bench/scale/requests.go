package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"k8s.io/client-go/kubernetes"

	"github.com/nautes-labs/deployment-runtime/test/devenv"
)

// counted are requests that API servers have served, by what was asked of them: "PATCH applications".
type counted map[string]int

var served = regexp.MustCompile(
	`^apiserver_request_total\{.*resource="([^"]+)".*subresource="([^"]*)".*verb="([^"]*)".*\} (\S+)$`)

// servedBy adds up what API servers have served.
func servedBy(ctx context.Context, servers ...*devenv.Cluster) (counted, error) {
	sum := counted{}
	for _, s := range servers {
		set, err := kubernetes.NewForConfig(s.RESTConfig())
		if err != nil {
			return nil, err
		}
		data, err := set.RESTClient().Get().AbsPath("/metrics").DoRaw(ctx)
		if err != nil {
			return nil, fmt.Errorf("reading the metrics of an API server: %w", err)
		}
		lines := bufio.NewScanner(bytes.NewReader(data))
		for lines.Scan() {
			m := served.FindStringSubmatch(lines.Text())
			if len(m) == 0 || m[1] == "leases" { // which API servers renew for themselves
				continue
			}
			n, err := strconv.ParseFloat(m[4], 64)
			if err != nil {
				return nil, err
			}
			what := m[3] + " " + m[1]
			if m[2] != "" {
				what += "/" + m[2]
			}
			sum[what] += int(n)
		}
	}
	return sum, nil
}

// since returns what was served after an earlier count.
func (c counted) since(before counted) counted {
	out := counted{}
	for what, n := range c {
		if n > before[what] {
			out[what] = n - before[what]
		}
	}
	return out
}

// writes adds up what changed something.
func (c counted) writes() int { return c.of("POST", "PUT", "PATCH", "DELETE") }

// lists adds up the lists.
func (c counted) lists() int { return c.of("LIST") }

func (c counted) of(verbs ...string) (n int) {
	for what, m := range c {
		if verb, _, _ := strings.Cut(what, " "); slices.Contains(verbs, verb) {
			n += m
		}
	}
	return n
}

// print lists what happened at least once for twenty runtimes.
func (c counted) print(runtimes int) {
	keys := slices.Collect(maps.Keys(c))
	slices.SortFunc(keys, func(a, b string) int { return c[b] - c[a] })
	for _, k := range keys {
		if c[k]*20 >= runtimes {
			fmt.Printf("    %-40s %6d  %.2f a runtime\n", k, c[k], float64(c[k])/float64(runtimes))
		}
	}
}
