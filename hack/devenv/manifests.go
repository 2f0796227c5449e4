package main

import (
	"embed"
	"fmt"
	"strconv"
	"strings"
)

//go:embed manifests/*
var files embed.FS

// manifest returns a file of this directory, with words replaced: old, new, old, new ...
func manifest(name string, replacements ...string) (string, error) {
	data, err := files.ReadFile("manifests/" + name)
	if err != nil {
		return "", fmt.Errorf("reading manifest %s: %w", name, err)
	}
	return strings.NewReplacer(replacements...).Replace(string(data)), nil
}

// workload returns the manifest of a Deployment.
func workload(name, image string, replicas int) (string, error) {
	return manifest("deployment.yaml", "NAME", name, "IMAGE", image, "REPLICAS", strconv.Itoa(replicas))
}
