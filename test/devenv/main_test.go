package devenv

import (
	"os"
	"testing"
)

// spare is a cluster that tests stop, move and replace.
const spare = "spare"

// shared is the environment of this package's tests; TestMain alone sets it.
var shared *Env

func TestMain(m *testing.M) {
	os.Exit(Main(m, Options{APIServers: []string{spare}, Git: true, Kubectl: true}, &shared))
}
