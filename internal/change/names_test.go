package change

import "testing"

// RepoName has no sub-group in it, so two code repos of one lender may be called the same.
func TestBorrowedCodeReposOfOnePathAreToldByTheirResourceNames(t *testing.T) {
	n := names{borrowed: map[string]lent{
		"product-9/repo-5": {name: "product-9/repo-5", path: "acme/api"},
		"repo-5":           {name: "product-9/repo-5", path: "acme/api"}, // by its name of old
		"product-9/repo-6": {name: "product-9/repo-6", path: "acme/api"},
		"product-9/repo-7": {name: "product-9/repo-7", path: "acme/web"},
	}}
	n.tellApart()
	for written, want := range map[string]string{
		"product-9/repo-5": "product-9/repo-5", "repo-5": "product-9/repo-5", "product-9/repo-6": "product-9/repo-6",
		"product-9/repo-7": "acme/web",
	} {
		if got := n.borrowed[written].path; got != want {
			t.Errorf("%s is told as %q, want %q", written, got, want)
		}
	}
}
