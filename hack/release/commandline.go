package main

import (
	"context"
	_ "embed"
	"path/filepath"
	"slices"
	"strings"
)

// plugin is the name by which kubectl finds the command line.
const plugin = "kubectl-nautes"

// completePlugin is what kubectl asks for completions of its plugin.
//
//go:embed kubectl_complete-nautes
var completePlugin []byte

// archives packs the command line for each platform.
func (r *release) archives(context.Context) error {
	docs, err := files("", filepath.Join(r.work, "docs"))
	if err != nil {
		return err
	}
	for _, name := range []string{"LICENSE", "CHANGELOG.md"} {
		e, err := file(name, filepath.Join(r.root, name), 0o644)
		if err != nil {
			return err
		}
		docs = append(docs, e)
	}
	for _, p := range r.platforms {
		r.say("packing nautes for %s", p)
		if err := r.archive(p, slices.Clone(docs)); err != nil {
			return err
		}
	}
	return nil
}

// archive packs the command line by both of its names. Windows has no links that anybody may make, so it gets a copy.
func (r *release) archive(p platform, entries []entry) error {
	program, err := file(p.executable("nautes"), r.binary(p, "nautes"), 0o755)
	if err != nil {
		return err
	}
	stem := strings.Join([]string{"nautes", r.version, p.String()}, "_")
	if p.os == "windows" {
		again := program
		again.name = p.executable(plugin)
		content, err := zipOf(append(entries, program, again), r.time)
		if err != nil {
			return err
		}
		return r.publish(stem+".zip", content)
	}
	entries = append(entries, program, entry{name: plugin, mode: 0o777, link: "nautes"},
		entry{name: "kubectl_complete-nautes", mode: 0o755, content: completePlugin})
	content, err := tarGzOf(entries, r.time)
	if err != nil {
		return err
	}
	return r.publish(stem+".tar.gz", content)
}
