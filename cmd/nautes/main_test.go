package main

import "testing"

func TestTheProgramIsNamedAsItIsCalled(t *testing.T) {
	for path, want := range map[string]string{
		"nautes": "nautes", "/usr/local/bin/nautes": "nautes", "/tmp/a.out": "nautes", "nautes.exe": "nautes",
		"kubectl-nautes": "kubectl nautes", "/home/dev/.local/bin/kubectl-nautes": "kubectl nautes",
		"kubectl-nautes.exe": "kubectl nautes",
	} {
		if got := program(path); got != want {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
	}
}
