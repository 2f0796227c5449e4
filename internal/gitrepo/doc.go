// Package gitrepo reads and writes default.project. It keeps an immutable snapshot in memory for each project and head.
// It pushes one commit on top of a snapshot as a compare-and-swap. It runs no git command and writes no file.
//
// The package does not check whether a caller may read. A caller that asks for a snapshot must have got the head from
// the git host with its own token, in the same request, because a snapshot that another caller loaded is handed out
// without asking the git host again. Before a push, the caller must have seen the project at its URL in the same way,
// because git hosts create a project when somebody pushes to a path that does not exist.
//
// The content of a repository is hostile input. Sizes and counts are bounded, no link is followed, and no path leaves
// the repository.
package gitrepo
