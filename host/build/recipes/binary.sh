#: Installs programs that somebody else has built.
#: Without `binaries` and `install_command` everything is copied.
#:
#: extract_to (src_dir) : Dir = "." — directory of the source to take files from
#: install_command : Script = "" — run in place of copying
#: binaries : List[Dir] = [] — programs to put into `bin`
#: env : Map[Flag] = {} — variables for hooks and the command
#: pre_install : Script = "" — run before
#: post_install : Script = "" — run at the end
#:
#: module Caddy {
#:   recipe = "std.binary"
#:   version = "2.8.4"
#:   source = { path = "./caddy-2.8.4" }
#:   recipeArgs = { binaries = ["caddy"] }
#: }
punix_begin -O2
punix_hook pre_install "$arg_pre_install"
if [ -n "$arg_install_command" ]; then
    punix_hook install_command "$arg_install_command"
else
    punix_phase install
    if [ ! -d "$SOURCE/$arg_extract_to" ]; then
        punix_fail "the source has no directory \`$arg_extract_to\`"
    fi
    for punix_binary in "${arg_binaries[@]}"; do
        if [ ! -f "$SOURCE/$arg_extract_to/$punix_binary" ]; then
            punix_fail "the source has no program \`$punix_binary\`"
        fi
        mkdir -p "$OUTPUT/bin"
        punix_run cp -- "$SOURCE/$arg_extract_to/$punix_binary" "$OUTPUT/bin/"
        chmod 755 "$OUTPUT/bin/${punix_binary##*/}"
    done
    if [ "${#arg_binaries[@]}" -eq 0 ]; then
        punix_run cp -RP -- "$SOURCE/$arg_extract_to/." "$OUTPUT/"
    fi
fi
punix_hook post_install "$arg_post_install"
punix_end
