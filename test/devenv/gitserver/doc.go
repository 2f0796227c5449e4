// Package gitserver serves bare git repositories over smart HTTP, with git's own http-backend.
//
// Repos is a directory of repositories that tests edit directly (a commit takes milliseconds and no clone) and that
// speaks HTTP without any access control, to be put behind a handler of somebody else's. Server adds an address on
// 127.0.0.1 and basic authentication per repository. Both are safe for concurrent use.
package gitserver
