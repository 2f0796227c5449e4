package identity_test

import (
	"strings"
	"testing"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
)

func TestNamesWithNumbersLeadThereAndBack(t *testing.T) {
	for name, tc := range map[string]struct {
		name string
		make func(int64) string
		read func(string) (int64, bool)
	}{
		"a product":   {"product-7", identity.Product, identity.GroupOf},
		"a code repo": {"repo-7", identity.CodeRepo, identity.ProjectOf},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tc.make(7); got != tc.name {
				t.Errorf("7 is %q, want %q", got, tc.name)
			}
			for _, id := range []int64{1, 7, 1<<63 - 1} {
				if got, ok := tc.read(tc.make(id)); got != id || !ok {
					t.Errorf("%s is read as %d, %t", tc.make(id), got, ok)
				}
			}
			prefix := strings.TrimSuffix(tc.name, "7")
			for _, other := range []string{
				"", "7", prefix, prefix + "0", prefix + "-7", prefix + "+7", prefix + "07", prefix + "7 ",
				prefix + "7a",
				prefix + "9223372036854775808", "x" + prefix + "7", strings.ToUpper(prefix) + "7", "other-7",
			} {
				if got, ok := tc.read(other); got != 0 || ok {
					t.Errorf("%q is read as %d, %t", other, got, ok)
				}
			}
		})
	}
}

func TestReferencesToCodeReposLeadThereAndBack(t *testing.T) {
	for name, tc := range map[string]struct{ reference, owner, name string }{
		"one of the product":      {"repo-5", "product-7", "repo-5"},
		"one of another product":  {"product-9/repo-5", "product-9", "repo-5"},
		"one with a path as name": {"product-9/a/b", "product-9", "a/b"},
	} {
		t.Run(name, func(t *testing.T) {
			owner, repo := identity.SplitCodeRepo("product-7", tc.reference)
			if owner != tc.owner || repo != tc.name {
				t.Errorf("read as %q of %q, want %q of %q", repo, owner, tc.name, tc.owner)
			}
			if got := identity.JoinCodeRepo("product-7", owner, repo); got != tc.reference {
				t.Errorf("written as %q, want %q", got, tc.reference)
			}
			var r api.DeploymentRuntime
			r.Namespace, r.Spec.ManifestSource.CodeRepo = "product-7", tc.reference
			if owner, repo := identity.CodeRepoOf(&r); owner != tc.owner || repo != tc.name {
				t.Errorf("a runtime of it is deployed from %q of %q", repo, owner)
			}
		})
	}
	// Who names the product itself means the same as who names none.
	if owner, repo := identity.SplitCodeRepo("product-7", "product-7/repo-5"); identity.JoinCodeRepo("product-7",
		owner, repo) != "repo-5" {
		t.Errorf("product-7/repo-5 of product-7 is %q of %q", repo, owner)
	}
}

func TestSecretsOfProductsLeadThereAndBack(t *testing.T) {
	if got := identity.Credentials("product-7"); got != "product-7-git" {
		t.Errorf("the Secret of product-7 is %q", got)
	}
	for secret, want := range map[string]string{"product-7-git": "product-7", "-git": "", "product-7": "",
		"product-7-git2": ""} {
		if got, ok := identity.ProductOfCredentials(secret); got != want || ok != (want != "") {
			t.Errorf("%s belongs to %q, %t", secret, got, ok)
		}
	}
}

func TestNamesOfApplicationsNeverMeet(t *testing.T) {
	seen := map[string]string{}
	long := strings.Repeat("x", 63)
	for _, pair := range [][2]string{
		{"a-b", "c"}, {"a", "b-c"}, {"product-7", "dr"}, {"product-7", "dr-"}, {"product-7", long},
		{"product-7", long[:62] + "y"},
		{"product-" + long[:40], long},
	} {
		name := identity.Application(pair[0], pair[1])
		if len(name) > 53 || strings.HasSuffix(name, "-") {
			t.Errorf("%s is no good name", name)
		}
		if other, taken := seen[name]; taken {
			t.Errorf("%v and %s have the same name %s", pair, other, name)
		}
		seen[name] = strings.Join(pair[:], "/")
	}
	// Applications are found by their names in every later version.
	if got := identity.Application("product-7", "dr"); got != "product-7-dr-b121431fc6" {
		t.Errorf("the Application of dr in product-7 is %q", got)
	}
	both := identity.Applications("product-7", long)
	if want := "product-7-" + long[:42] + "-"; len(both) != 2 || len(both[1]) != 63 || !strings.HasPrefix(both[1], want) {
		t.Errorf("a runtime with a long name is deployed by one of %q", both)
	}
	if one := identity.Applications("product-7", "dr"); len(one) != 1 {
		t.Errorf("a runtime with a short name is deployed by one of %q", one)
	}
	if stream := identity.Stream("product-7"); stream != "stream-product-7" ||
		stream == identity.AppProject("product-7") {
		t.Errorf("default.project of product-7 is synced by %q", stream)
	}
}

func TestOwnersAreWrittenAndRead(t *testing.T) {
	owner := identity.Owner("CodeRepo", "product-7", "repo-3", "i")
	if namespace, name, ok := identity.OwningCodeRepo(owner); !ok || namespace != "product-7" || name != "repo-3" {
		t.Errorf("%s: got %s, %s, %v", owner, namespace, name, ok)
	}
	if got := identity.Owner("Product", "", "product-7", "i"); got != "Product//product-7/i" {
		t.Errorf("a product as a whole: %s", got) // it stands in clusters
	}
	for _, other := range []string{"", "Product//product-7/i", "Product/nautes/product-7/i",
		"CodeRepo/product-7/repo-3", "CodeRepo/a/b/c/d"} {
		if namespace, name, ok := identity.OwningCodeRepo(other); ok {
			t.Errorf("%q: got %s, %s", other, namespace, name)
		}
	}
}
