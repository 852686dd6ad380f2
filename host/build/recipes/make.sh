#: Runs `make` and `make install`.
#: Needs make, and the compilers that the makefile calls. `CFLAGS`, `CXXFLAGS`, `CPPFLAGS` and `LDFLAGS` are in the
#: environment; a makefile that sets them itself has to be told: `make_flags = ["CFLAGS=$CFLAGS"]`.
#:
#: src_dir : Dir = "" — directory of the source with the makefile; `.` is its top
#: make_target : Str = "all" — what to make; `""` for the makefile's first target
#: make_flags : List[Flag] = [] — arguments of the first call of make
#: make_args : List[Flag] = [] — arguments of both calls
#: install_target : Str = "install" — what installs
#: install_flags : List[Flag] = [] — arguments of the second call; `PREFIX=$OUTPUT` is before them unless `make_args`
#:     sets `PREFIX` or `prefix`
#: skip_install : Bool = false — leave the second call out; `post_install` copies then
#: env : Map[Flag] = {} — variables
#: pre_build : Script = "" — run before make
#: post_install : Script = "" — run at the end
#:
#: module Tree {
#:   recipe = "std.make"
#:   source = { path = "./tree" }
#:   recipeArgs = { make_args = ["CC=gcc"]  install_flags = ["MANDIR=$OUTPUT/share/man"] }
#: }
punix_begin -O2
punix_enter strict "$arg_src_dir"
punix_hook pre_build "$arg_pre_build"

punix_phase build
punix_need make
punix_run make ${arg_make_target:+"$arg_make_target"} "${arg_make_flags[@]}" "${arg_make_args[@]}"

if [ "$arg_skip_install" = false ]; then
    punix_phase install
    punix_prefix=("PREFIX=$OUTPUT")
    for punix_argument in "${arg_make_args[@]}"; do
        case $punix_argument in
        PREFIX=* | punix_prefix=*) punix_prefix=() ;;
        esac
    done
    punix_run make "$arg_install_target" "${punix_prefix[@]}" "${arg_make_args[@]}" "${arg_install_flags[@]}"
fi

punix_hook post_install "$arg_post_install"
punix_tidy
punix_end
