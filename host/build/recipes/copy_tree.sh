#: Copies files of the source.
#: Names that begin with a dot are left out unless a pattern names them.
#:
#: src_dir : Dir = "" — directory of the source that the patterns are for; `.` is its top
#: dest : Dir = "" — directory below `$OUTPUT` that everything goes into
#: patterns : List[Dir] = ["*"] — what to copy, with `*`, `?` and `[…]` as in a shell; each has to find something
#: env : Map[Flag] = {} — variables for the hooks
#: pre_build : Script = "" — run before the copying
#: post_install : Script = "" — run at the end
#:
#: module Theme {
#:   recipe = "std.copy_tree"
#:   source = { path = "./theme" }
#:   recipeArgs = { patterns = ["*.css", "images"]  dest = "share/theme" }
#: }
punix_begin -O2
punix_enter strict "$arg_src_dir"
punix_hook pre_build "$arg_pre_build"

punix_phase copy
punix_destination=$OUTPUT/$arg_dest
mkdir -p -- "$punix_destination"
shopt -s nullglob
for punix_pattern in "${arg_patterns[@]}"; do
    # Without separators a blank in a pattern stays where it is.
    IFS=''
    punix_found=($punix_pattern)
    unset IFS
    # A plain name is not looked for by the shell.
    if [ "${#punix_found[@]}" -eq 0 ] || { [ ! -e "${punix_found[0]}" ] && [ ! -L "${punix_found[0]}" ]; }; then
        punix_fail "nothing in the source matches \`$punix_pattern\`"
    fi
    punix_run cp -RP -- "${punix_found[@]}" "$punix_destination/"
done
shopt -u nullglob

punix_hook post_install "$arg_post_install"
punix_end
