// Package wire is the form of the REST API: the items in answers, the bodies of requests, and how both map to the
// objects of the API group. resources.go is the table of kinds and members. Everything is pure.
//
// Items and bodies hold human names, objects hold resource names (product-7, repo-3). Names translates from objects to
// items. The other direction needs look-ups, so this package does not translate it: Body.Onto leaves the names of code
// repos and products as they were written.
package wire
