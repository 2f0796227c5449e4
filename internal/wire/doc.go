// Package wire is the shape of the REST API: the items that are answered, the bodies that are accepted, and how both
// map to the objects of the API group. resources.go is the table of kinds and members; everything is pure.
//
// Human names stand in items and bodies, resource names (product-7, repo-3) in objects. From objects to items, Names
// translates. From bodies to objects nothing is translated here, because that needs look-ups: Body.Onto leaves the
// names of code repos and products as they were written.
package wire
