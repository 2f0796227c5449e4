// Package fakegitlab is a strict stand-in for GitLab in one http.Handler: the part of its REST API v4 that we call, and
// git smart HTTP on real bare repositories, with roles enforced at push by a hook that speaks as GitLab's does.
//
// A Server starts in milliseconds with the administrator root. Everything else is made through its API, with GitLab's
// own client. All methods are safe for concurrent use. Nothing is kept but repositories, and those of a temporary
// directory only until Close.
//
// gitlab.api describes the operations: parameters, types, answers. Every request and every answer is checked against
// it. What differs is kept in Violations; what GitLab wouldn't know is refused. Tests that use a Server expect no
// violation.
//
// Stricter than GitLab:
//   - Parameters that GitLab ignores are refused with 400; so are tokens in the address and bodies in other formats
//     than JSON.
//   - Failed logins of git ban an address, after 30 of them in three minutes for an hour, and hooks that fail rest,
//     both of
//     which administrators of GitLab switch on. The ban answers git only.
//   - Bots of projects don't see internal projects; what waits for deletion cannot be changed.
//   - A deploy token ends at its moment in the API too, not with that day.
//   - After 400 requests a minute of one user to projects' own addresses, or to groups' own, 429 carries no
//     Retry-After.
//     Other limits don't exist here.
//
// Laxer than GitLab:
//   - Hooks may go to addresses of the local network, and have no commits in their payload; everything that a hook is
//     about
//     is there by id.
//   - Push rules, and users and groups in protected branches, work without a licence. Of the rules, a pattern for
//     messages
//     (an extended regular expression of grep), the committer's address and the presence of a signature are looked at.
//   - Users are active at once and have no password; there is no two-factor login, no sudo, no SSH and no LFS.
//   - Rights in a new project are there at once, unless Options.LateRights is set. The protection of its first branch
//     is there at once. GitLab makes both later.
//   - There are no fine-grained tokens and no OAuth tokens.
//   - Of the names of GitLab's own pages, the common ones are refused. A path at the top may have one character.
//   - What waits for deletion waits for ever. Memberships end with their day, but nobody is told.
//   - Wildcards in protected branches are all that is protected: tags, merge requests and code owners don't exist.
//   - Answers have the members that gitlab.api lists, a part of what GitLab sends.
//   - "regex" of branches and filters of users, groups and projects that need what isn't here (topics, programming
//     languages, statistics, dates) are read and ignored.
package fakegitlab
