// Package gitrepo reads and writes default.project: an immutable snapshot in memory per (project, head), and one commit on top of it, pushed
// as a compare-and-swap. It runs no git command and writes no file.
//
// It does not ask whether a caller may read. Whoever asks for a snapshot must have got its head from the git host with the caller's own token,
// in the same request: a snapshot that another caller loaded is handed out without asking again. Before a push, the caller must have
// seen the project at its URL in the same way: git hosts create a project when somebody pushes to a path that does not exist.
//
// Whatever lies in a repository is hostile input. Sizes and counts are bounded, nothing is followed, no path leaves the repository.
package gitrepo
