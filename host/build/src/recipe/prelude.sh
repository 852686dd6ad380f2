# What all recipes share. Everything here begins with `punix_`, because hooks run in the same shell and may define what
# they like. Pipelines are avoided and `pipefail` is not set: hooks are written for `set -eu` alone, and with it
# `… | head -n 1` would fail now and then.
if [ -z "${BASH_VERSION:-}" ]; then
    echo "error: recipes need bash, and there is none in /bin or /usr/bin" >&2
    exit 1
fi
set -eu
umask 022
PS4='+ '
# The trace has a way out of its own, so that `$(command 2>&1)` in a hook does not catch it.
exec 19>&2
BASH_XTRACEFD=19

punix_fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

punix_phase() {
    printf '==> %s\n' "$1"
}

# Shows a command, then runs it.
punix_run() {
    printf '+'
    printf ' %q' "$@"
    printf '\n'
    "$@"
}

# Runs shell text of the package in this shell.
punix_hook() {
    if [ -z "$2" ]; then return 0; fi
    punix_phase "$1"
    eval "set -x"$'\n'"$2"
    { set -eu +x; } 19>/dev/null
}

punix_need() {
    local tool
    for tool in "$@"; do
        if ! command -v "$tool" >/dev/null; then
            punix_fail "\`$tool\` is not installed, and no dependency provides it"
        fi
    done
}

# Finds the directory that most archives put everything into: the only thing at the top, and a directory.
punix_find_top() {
    local found
    shopt -s nullglob dotglob
    found=("$SOURCE"/*)
    shopt -u nullglob dotglob
    punix_top=$SOURCE
    if [ "${#found[@]}" -eq 1 ] && [ -d "${found[0]}" ] && [ ! -L "${found[0]}" ]; then
        punix_top=${found[0]}
    fi
}

# Goes to where the recipe works. `strict` takes `.` as the top of the source, `lenient` as no choice at all.
punix_enter() {
    if [ -z "$2" ] || [ "$1 $2" = 'lenient .' ]; then
        cd -- "$punix_top"
    elif [ -d "$SOURCE/$2" ]; then
        cd -- "$SOURCE/$2"
    elif [ -d "$punix_top/$2" ]; then
        cd -- "$punix_top/$2"
    else
        punix_fail "the source has no directory \`$2\`"
    fi
}

punix_apply_patches() {
    local index
    if [ "${#punix_patches[@]}" -eq 0 ]; then return 0; fi
    punix_phase patch
    punix_need patch
    for index in "${!punix_patches[@]}"; do
        punix_run patch --batch --forward --no-backup-if-mismatch --reject-file=- --directory="$punix_top" \
            --strip="${punix_strips[index]}" --input="${punix_patches[index]}" ||
            punix_fail "patch $((index + 1)) of ${#punix_patches[@]} does not apply: ${punix_patches[index]##*/}"
    done
}

# Lets compilers and build systems find the dependencies. The first argument is the optimisation for compilers that are
# told nothing by their build system and by the package.
#
# Entries of a store lie beside each other, so run paths are relative and hold wherever the store lies. They are in a
# file because `$ORIGIN` would have to be quoted in a different way for make, for configure and for libtool.
punix_use_dependencies() {
    local path include='' library='' run_path='$ORIGIN/../lib' packages='' prefixes='' directory
    local map="-ffile-prefix-map=$SOURCE=."
    punix_link_options=$TMPDIR/punix-link-options
    printf '%s\n' '-rpath $ORIGIN/../lib' >"$punix_link_options"
    for path in "${punix_dependencies[@]}"; do
        if [ -d "$path/include" ]; then include+="-I$path/include "; fi
        if [ -d "$path/lib" ]; then
            library+="-L$path/lib "
            run_path+=":\$ORIGIN/../../${path##*/}/lib"
            printf -- '-rpath $ORIGIN/../../%s/lib\n' "${path##*/}" >>"$punix_link_options"
            export LIBRARY_PATH="${LIBRARY_PATH:+$LIBRARY_PATH:}$path/lib"
        fi
        if [ -d "$path/include" ]; then export CPATH="${CPATH:+$CPATH:}$path/include"; fi
    done
    for path in "${punix_closure[@]}"; do
        if [ -d "$path/lib" ]; then printf -- '-rpath-link "%s/lib"\n' "$path" >>"$punix_link_options"; fi
        for directory in "$path/lib/pkgconfig" "$path/share/pkgconfig"; do
            if [ -d "$directory" ]; then packages+="${packages:+:}$directory"; fi
        done
        prefixes+="${prefixes:+:}$path"
    done
    export CFLAGS="$include${CFLAGS-$1} $map" CXXFLAGS="$include${CXXFLAGS-$1} $map"
    export CPPFLAGS="$include${CPPFLAGS-}" LDFLAGS="$library-Wl,@$punix_link_options${LDFLAGS:+ $LDFLAGS}"
    # For linkers that nobody tells LDFLAGS.
    export LD_RUN_PATH="$run_path${LD_RUN_PATH:+:$LD_RUN_PATH}"
    if [ -n "$packages" ]; then export PKG_CONFIG_PATH="$packages${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}"; fi
    if [ -n "$prefixes" ]; then export CMAKE_PREFIX_PATH="$prefixes${CMAKE_PREFIX_PATH:+:$CMAKE_PREFIX_PATH}"; fi
    for ((path = ${#punix_dependencies[@]} - 1; path >= 0; path--)); do
        case ":$PATH:" in
        ":${punix_dependencies[path]}/bin:"*) ;;
        *) PATH=${punix_dependencies[path]}/bin:$PATH ;;
        esac
    done
    # Archives without times and owners, and hashes in the same order every time.
    export ARFLAGS=rcD AR_FLAGS=rcD PYTHONHASHSEED=0 PERL_HASH_SEED=0 PYTHONDONTWRITEBYTECODE=1
}

# Begins every recipe.
punix_begin() {
    punix_find_top
    cd -- "$SOURCE"
    punix_apply_patches
    punix_set_environment
    punix_use_dependencies "${1:-}"
    punix_bind_arguments
}

# Quotes a text for any shell; the result is in REPLY.
punix_quote() {
    REPLY="'${1//\'/\'\\\'\'}'"
}

# Makes the shell expression for a path, seen from a directory one level below the entry, which is in `$here`. What is
# in the store is named from there, so that it is found wherever the store lies. The result is in REPLY.
punix_from_here() {
    local path
    case $1 in
    "$OUTPUT"/*)
        punix_quote "${1#"$OUTPUT"}"
        REPLY="\"\$here\"/..$REPLY"
        return 0
        ;;
    esac
    for path in "${punix_closure[@]}"; do
        case $1 in
        "$path"/*)
            punix_quote "/${path##*/}${1#"$path"}"
            REPLY="\"\$here\"/../..$REPLY"
            return 0
            ;;
        esac
    done
    punix_quote "$1"
}

# Writes the program `bin/<name>`: a script of the lines that follow, which find their own directory in `$here`.
punix_wrap() {
    local name=$1
    shift
    case $name in
    '' | . | .. | */*) punix_fail "\`$name\` is not the name of a program" ;;
    esac
    mkdir -p "$OUTPUT/bin"
    rm -f "$OUTPUT/bin/$name"
    printf '%s\n' '#!/bin/sh' 'here=$(dirname "$(readlink -f "$0")")' "$@" >"$OUTPUT/bin/$name"
    chmod 755 "$OUTPUT/bin/$name"
}

# Takes out of files what says where or when they were made: for recipes that compile.
punix_tidy() {
    local file text root=${FINAL_STORE_PATH%/*}
    shopt -s nullglob globstar
    # Nobody needs them with run paths as above, and absolute paths are all they hold.
    for file in "$OUTPUT"/lib/*.la; do rm -f "$file"; done
    for file in "$OUTPUT"/lib/pkgconfig/*.pc "$OUTPUT"/share/pkgconfig/*.pc; do
        if [ -L "$file" ]; then continue; fi
        text=$(<"$file")
        text=${text//"$OUTPUT"/'${pcfiledir}/../..'}
        text=${text//"$FINAL_STORE_PATH"/'${pcfiledir}/../..'}
        printf '%s\n' "${text//"$root/"/'${pcfiledir}/../../../'}" >"$file"
    done
    for file in "$OUTPUT"/share/{man,info}/**/*.gz; do
        if [ -f "$file" ] && [ ! -L "$file" ]; then
            chmod u+w "$file"
            printf '\0\0\0\0' | dd of="$file" bs=1 seek=4 conv=notrunc status=none
        fi
    done
    shopt -u nullglob globstar
}

# Ends every recipe.
punix_end() {
    local found
    shopt -s nullglob dotglob
    found=("$OUTPUT"/*)
    shopt -u nullglob dotglob
    if [ "${#found[@]}" -eq 0 ]; then punix_fail 'the build put nothing into $OUTPUT'; fi
}
