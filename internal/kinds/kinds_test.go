package kinds_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nautes-labs/deployment-runtime/internal/kinds"
)

func TestEveryWordOfTheContractNamesItsKind(t *testing.T) {
	for name, words := range map[string]string{
		"Product":           "product products prod prods",
		"Environment":       "environment environments env envs",
		"Project":           "project projects pro proj pros",
		"CodeRepo":          "coderepo coderepos cr crs coderepoes",
		"CodeRepoBinding":   "coderepobinding coderepobindings crb crbs",
		"DeploymentRuntime": "deploymentruntime deploymentruntimes dr drs",
		"Cluster":           "cluster clusters cls",
	} {
		for _, word := range strings.Fields(words) {
			if k, found := kinds.ByWord(word); !found || k.Name != name {
				t.Errorf("%s means %q, want %s", word, k.Name, name)
			}
		}
	}
}

func TestNoWordMeansTwoKindsOrAnUnservedOne(t *testing.T) {
	seen := map[string]string{}
	for _, k := range kinds.All() {
		for _, word := range k.Words {
			if seen[word] != "" {
				t.Errorf("%s means %s and %s", word, seen[word], k.Name)
			}
			seen[word] = k.Name
		}
		if (k.Collection == "") != (len(k.Words) == 0) || (k.Collection == "") != (k.Operation == "") {
			t.Errorf("%s: words, collection and operation must go together", k.Name)
		}
	}
	for _, word := range []string{"", "DR", "coderepoprovider", "coderepoproviders", "productproviders", "secret"} {
		if k, found := kinds.ByWord(word); found {
			t.Errorf("%q must mean nothing, and means %s", word, k.Name)
		}
	}
}

func TestTheKindsOfAProductLieInItsFourDirectories(t *testing.T) {
	var directories []string
	for _, k := range kinds.All() {
		if (k.Directory != "") != (k.Scope == kinds.Product) {
			t.Errorf("%s of scope %s has directory %q", k.Name, k.Scope, k.Directory)
		}
		if k.Directory != "" {
			directories = append(directories, k.Directory)
		}
	}
	slices.Sort(directories)
	if diff := cmp.Diff([]string{"code-repos", "envs", "projects", "runtimes"},
		slices.Compact(directories)); diff != "" {
		t.Error(diff)
	}
}

func TestAKindIsFoundByItsNameAndMakesItsOwnObjects(t *testing.T) {
	for _, k := range kinds.All() {
		found, ok := kinds.ByName(k.Name)
		if !ok || found.Plural != k.Plural {
			t.Errorf("%s is not found by its name", k.Name)
		}
		if name := kinds.NameOf(k.New()); name != k.Name {
			t.Errorf("%s makes an object of kind %s", k.Name, name)
		}
	}
	for _, name := range []string{"", "deploymentruntime", "Secret"} {
		if _, ok := kinds.ByName(name); ok {
			t.Errorf("%q must be no kind", name)
		}
	}
}
