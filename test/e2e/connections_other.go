//go:build !linux

package e2e

// connecting needs Linux, which tells the sockets of a process in files.
func connecting() []Scenario { return nil }
