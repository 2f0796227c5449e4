#!/bin/sh
# The server decided what it could before the objects arrived; what needs them is decided here.

refuse() {
	printf 'GitLab: %s\n' "$1" >&2
	exit 1
}

[ -z "$HTTP_FAKEGITLAB_MOVED" ] || printf '%s\n' "$HTTP_FAKEGITLAB_MOVED" >&2
[ -z "$HTTP_FAKEGITLAB_REFUSAL" ] || refuse "$HTTP_FAKEGITLAB_REFUSAL"
[ -n "$HTTP_FAKEGITLAB_UNFORCED$HTTP_FAKEGITLAB_MESSAGE$HTTP_FAKEGITLAB_COMMITTER$HTTP_FAKEGITLAB_SIGNED" ] || exit 0

zero=0000000000000000000000000000000000000000

while read -r old new ref; do
	[ "$new" != $zero ] || continue
	case "$HTTP_FAKEGITLAB_UNFORCED" in
	*" $ref "*)
		[ "$old" = $zero ] || git merge-base --is-ancestor "$old" "$new" ||
			refuse "You are not allowed to force push code to a protected branch on this project."
		;;
	esac
	[ -n "$HTTP_FAKEGITLAB_MESSAGE$HTTP_FAKEGITLAB_COMMITTER$HTTP_FAKEGITLAB_SIGNED" ] || continue
	for commit in $(git rev-list "$new" --not --all); do
		if [ -n "$HTTP_FAKEGITLAB_MESSAGE" ]; then
			git log -1 --format=%B "$commit" | grep -Eq -e "$HTTP_FAKEGITLAB_MESSAGE" ||
				refuse "Commit message does not follow the pattern '$HTTP_FAKEGITLAB_MESSAGE'"
		fi
		if [ -n "$HTTP_FAKEGITLAB_COMMITTER" ]; then
			email=$(git log -1 --format=%ce "$commit")
			[ "$email" = "$HTTP_FAKEGITLAB_COMMITTER" ] ||
				refuse "You cannot push commits for '$email'. You can only push commits if the committer email is one of your own verified emails."
		fi
		if [ -n "$HTTP_FAKEGITLAB_SIGNED" ]; then
			git cat-file commit "$commit" | grep -q '^gpgsig' || refuse "Commit must be signed with a GPG key"
		fi
	done
done
