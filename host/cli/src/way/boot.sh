# Starts a program that does work on a target, and receives it first if it is not there.
#
# It is a shell's text, since a shell is all that a target surely has. It is sent as one line without these comments, in
# single quotes: every line ends where a blank can follow, and no single quote, backslash or exclamation mark stands here,
# so that whoever has csh or fish for a login reads it as everybody else does.
#
# Words: how many bytes the greeting has that is on its way already; what the program is called; then for each system its
# name, the digest of its program and how many bytes that has. What is said are lines with `punix-boot`; what a login prints before is passed over.
#   ready               the program reads next: the greeting, if nothing was lacking
#   lacks SYSTEM        the greeting is forgotten, and the bytes of the program are waited for
#   passes WHY FOLDER   the program cannot be kept there
#   fails WHY WORDS     nothing was started

mask=$(umask);
umask 077;
say() { echo "punix-boot $*"; };
fail() { say fails "$@"; exit 1; };
begin() { umask "$mask"; say ready; exec "$program" serve; };

kind=$(uname -s -m) || fail tools uname;
case "$kind" in
"Linux x86_64" | "Linux amd64") system=x86_64-linux;;
"Linux aarch64" | "Linux arm64") system=aarch64-linux;;
*) fail system "$kind";;
esac;
greeting=$1; name=$2; shift 2;
digest=;
while test $# -ge 3; do
if test "$1" = "$system"; then digest=$2; size=$3; fi;
shift 3;
done;
test -n "$digest" || fail system "$kind";

# Where it is kept: the usual place, and others for whoever has none where programs may be.
uid=$(id -u) || fail tools id;
if test "$uid" = 0;
then set -- /var/cache/punix;
else set -- "${XDG_CACHE_HOME:-${HOME:-/nowhere}/.cache}/punix";
fi;
set -- "$1" "/var/tmp/punix-$uid" "/run/user/$uid/punix";

# A directory, or a file of that size, that is ours and that nobody else can write to.
folder() { set -- $(ls -ldn "$1" 2>/dev/null); case "$1:$3" in drwx?-??-?*:"$uid") ;; *) return 1;; esac; };
file() { set -- $(ls -ldn "$1" 2>/dev/null); case "$1:$3:$5" in -rwx?-??-?*:"$uid:$size") ;; *) return 1;; esac; };
sum() {
if command -v sha256sum >/dev/null 2>&1; then set -- $(sha256sum <"$1"); echo "$1"; else "$1" digest; fi;
};

for place in "$@"; do
program=$place/$name-$digest;
if folder "$place" && file "$program" && test "$(sum "$program")" = "$digest";
then begin;
fi;
done;

# It is not there. Nothing but the greeting has been sent so far, so whatever reads ahead reads no more than that.
head -c "$greeting" >/dev/null || fail tools head;
found=;
for place in "$@"; do
new=$place/.new.$$;
mkdir -p "$place" 2>/dev/null;
if folder "$place"; then
if touch "$new" 2>/dev/null && chmod 700 "$new"; then
"$new" </dev/null >/dev/null 2>&1;
if test $? = 0; then found=$place; break; fi;
rm -f "$new";
say passes noexec "$place";
else
say passes closed "$place";
fi;
elif test -e "$place"; then
say passes others "$place";
else
say passes closed "$place";
fi;
done;
test -n "$found" || fail place;

clean() { rm -f "$new"; };
trap clean EXIT;
trap "exit 1" HUP INT TERM PIPE;
say lacks "$system";
how=$(LC_ALL=C head -c "$size" 2>&1 >"$new") || fail write "$found:" $how;
file "$new" || fail torn it has another size;
test "$(sum "$new")" = "$digest" || fail torn it has another digest;
program=$found/$name-$digest;
how=$(LC_ALL=C mv -f "$new" "$program" 2>&1) || fail write "$found:" $how;
trap - EXIT;

# What nobody has used for a month, and what others have left who were killed.
find "$found" -type f "(" -name "$name-*" -atime +30 -mtime +30 -o -name ".new.*" -mtime +0 ")" -exec rm -f "{}" ";" >/dev/null 2>&1;
begin
