// Package layout maps objects to the files of a default.project, and back. It is pure: files in, edits out.
//
// Who reads the same files is Argo CD, as a directory source limited to the four directories. A Tree therefore says of each file what Argo
// CD makes of it as well: what holds up a whole product is a Finding. Files come from people and are hostile input: nothing in them makes
// Read fail, and no name in them becomes a path.
//
// A Tree never changes; With returns another one. It holds objects in a short form and makes an Entry for whoever asks.
package layout

import (
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// MaxFileBytes is the largest file that is read. Larger ones are no resources: hand them over with Skipped.
const MaxFileBytes = 1 << 20

// MaxTreeBytes is what a tree that is loaded may take, as Tree.Bytes counts it. Argo CD reads 10 MB of manifests, which take less than half of it.
const MaxTreeBytes = 64 << 20

// Why a file is handed over without its data.
const (
	SkippedSymlink   = "symlink"
	SkippedSubmodule = "submodule"
	SkippedTooLarge  = "too large"
)

// File is one file of a commit.
type File struct {
	// Path from the root of the repository, with slashes.
	Path string
	// Blob is the git blob id.
	Blob string
	// Data is nil when Skipped says why. A tree keeps it of files that Matter.
	Data    []byte
	Skipped string
}

// Entry is one object of a tree, and where it stands.
type Entry struct {
	Kind, Name string
	// Object is what the file says, without status and without what only an API server knows. It holds the namespace, finalizers and owner
	// references that the file may have, so that they can be judged. It is the caller's own.
	Object client.Object
	// File is the path and Blob the git blob id of the file.
	File, Blob string
	// Document counts the documents of the file that are not empty, from 1. Line is its first line, from 1.
	Document, Line int
	// Bytes is the length of the object as JSON, as the file says it.
	Bytes int
	// Legacy says that the file holds a shape of newer upstream versions, which the cluster refuses. Object is already converted.
	Legacy bool
	// Unknown lists fields that the kind does not have. They are not in Object, and a save drops them.
	Unknown []string
}

// Codes of findings.
const (
	// CodeStreamBlocked: Argo CD may apply nothing of the whole product because of this file, or something else than its files say.
	CodeStreamBlocked = "STREAM_BLOCKED"
	// CodeForbiddenKind: Argo CD may not apply objects of this kind from a default.project, which holds up the product as well.
	CodeForbiddenKind = "FORBIDDEN_KIND"
	// CodeForbiddenNamespace: the object lies in another namespace than the product's, which holds up the product as well.
	CodeForbiddenNamespace = "FORBIDDEN_NAMESPACE"
	// CodeNotSynced: a resource stands where Argo CD does not read it.
	CodeNotSynced = "NOT_SYNCED"
	// CodeNotRead: Argo CD may read the file, but it is not read here.
	CodeNotRead = "NOT_READ"
	// CodeDuplicate: an object stands in more than one place.
	CodeDuplicate = "DUPLICATE"
	// CodeLegacyShape: a shape of newer upstream versions.
	CodeLegacyShape = "LEGACY_SHAPE"
)

// Finding is something about a file that a person should know.
type Finding struct {
	// Code is one of the codes.
	Code string
	File string
	// Line that it is about, from 1; 0 when it is about the whole file.
	Line int
	// Message is a sentence that says what is wrong and what to do. It names the line, not the file.
	Message string
}

// Edit is one change of a file. Nil data deletes it.
type Edit struct {
	Path string
	Data []byte
}
