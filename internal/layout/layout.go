// Package layout maps objects to the files of a default.project, and back. It is pure: files in, edits out.
//
// Argo CD reads the same files, as a directory source that is limited to the four directories. So a Tree also says of
// each file what Argo CD makes of it: a file that stops the sync of the whole product is a Finding. The files come from
// people and are hostile input. Nothing in them makes Read fail, and no name in them becomes a path.
//
// A Tree never changes; With returns another one. A Tree holds objects in a short form and makes an Entry when it is
// asked for one.
package layout

import (
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// MaxFileBytes is the size of the largest file that is read. A larger file is no resource: pass it with Skipped.
const MaxFileBytes = 1 << 20

// MaxTreeBytes is the memory that a loaded tree may take, as Tree.Bytes counts it. Argo CD reads at most 10 MB of
// manifests, which take less than half of it.
const MaxTreeBytes = 64 << 20

// Why a file is passed without its data.
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
	// Data is nil when Skipped says why. A tree keeps the data only of files that Matter.
	Data    []byte
	Skipped string
}

// Entry is one object of a tree and its place in a file.
type Entry struct {
	Kind, Name string
	// Object is the object as the file says it, without status and without fields that only an API server sets. It
	// holds the namespace, finalizers and owner references that the file may have, so that rules can judge them. It is
	// a copy that belongs to the caller.
	Object client.Object
	// File is the path and Blob the git blob id of the file.
	File, Blob string
	// Document is the number of the document among those of the file that are not empty, from 1. Line is its first
	// line, from 1.
	Document, Line int
	// Bytes is the length of the object as JSON.
	Bytes int
	// Legacy says that the file has the shape of a newer upstream version, which the cluster refuses. Object is already
	// converted.
	Legacy bool
	// Unknown lists fields that the kind does not have. Object does not hold them, and a save drops them.
	Unknown []string
}

// Codes of findings.
const (
	// CodeStreamBlocked: because of this file Argo CD may apply nothing of the whole product, or not what its files
	// say.
	CodeStreamBlocked = "STREAM_BLOCKED"
	// CodeForbiddenKind: Argo CD may not apply objects of this kind from a default.project. This stops the whole
	// product.
	CodeForbiddenKind = "FORBIDDEN_KIND"
	// CodeForbiddenNamespace: the object names another namespace than the product's. This stops the whole product.
	CodeForbiddenNamespace = "FORBIDDEN_NAMESPACE"
	// CodeNotSynced: a resource lies where Argo CD does not read it.
	CodeNotSynced = "NOT_SYNCED"
	// CodeNotRead: Argo CD may read the file, but this system does not.
	CodeNotRead = "NOT_READ"
	// CodeNotUTF8: the file is read with other characters than a person sees, and a save does not change it.
	CodeNotUTF8 = "NOT_UTF8"
	// CodeDuplicate: an object lies in more than one place.
	CodeDuplicate = "DUPLICATE"
	// CodeLegacyShape: an object has the shape of a newer upstream version.
	CodeLegacyShape = "LEGACY_SHAPE"
)

// Finding is something about a file that a person should know.
type Finding struct {
	// Code is one of the codes.
	Code string
	File string
	// Line that the finding is about, from 1; 0 when it is about the whole file.
	Line int
	// Message is a sentence that says what is wrong and what to do. It names the line but not the file.
	Message string
}

// Edit is one change of a file. Nil data deletes it.
type Edit struct {
	Path string
	Data []byte
}
