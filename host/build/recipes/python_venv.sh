#: Installs Python packages with pip, and their programs into `bin`.
#: Needs python3 with venv and pip, of the system or of a dependency. Nothing is downloaded: wheels and source archives
#: are found in the source, wherever they lie in it. A source archive is built with the setuptools or other backend of
#: that Python. Programs find their packages wherever the store lies.
#:
#: packages : List[Flag] — what to install: names (`"flask"`, `"flask==3.0"`), or paths in the source (`"."`)
#: python_dep : Dep = "" — the dependency whose `bin/python3` is used; without it the first python3 there is
#: pip_dep : Dep = "" — the dependency whose pip is used; without it the one of python3
#: no_deps : Bool = false — install only what is named
#: build_isolation : Bool = false — take what builds source archives from the source as well
#: find_links : List[Flag] = [] — more directories with wheels and source archives
#: extra_pip_args : List[Flag] = [] — more arguments of `pip install`
#: env : Map[Flag] = {} — variables
#: pre_build : Script = "" — run before pip
#: post_install : Script = "" — run at the end
#:
#: module Radicale {
#:   recipe = "std.python_venv"
#:   source = { path = "./wheels" }
#:   recipeArgs = { packages = ["radicale==3.2.3"] }
#: }
# pip compiles in directories whose names are made of chance; without -g nobody sees them.
punix_begin '-O2 -g0'
punix_enter lenient ''
# Wheels are zip archives, which cannot hold an earlier time.
if [ "$SOURCE_DATE_EPOCH" -lt 315532800 ]; then export SOURCE_DATE_EPOCH=315532800; fi
export PIP_CONFIG_FILE=/dev/null PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_NO_CACHE_DIR=1
export PIP_ROOT_USER_ACTION=ignore PIP_PROGRESS_BAR=off
punix_hook pre_build "$arg_pre_build"

punix_phase build
if [ -n "$arg_python_dep" ]; then PATH=$arg_python_dep/bin:$PATH; fi
punix_need python3
punix_python=$(command -v python3)
punix_version=$("$punix_python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
for punix_path in "$arg_pip_dep/lib/python$punix_version"/{site,dist}-packages; do
    if [ -n "$arg_pip_dep" ] && [ -d "$punix_path" ]; then
        export PYTHONPATH="$punix_path${PYTHONPATH:+:$PYTHONPATH}"
    fi
done
# Some systems' Pythons install below a prefix in a way of their own; in a virtual environment all do the same.
punix_environment=$TMPDIR/punix-environment
punix_run "$punix_python" -m venv --without-pip --system-site-packages "$punix_environment"
punix_arguments=(--no-index --ignore-installed --no-compile --no-warn-script-location "--prefix=$OUTPUT")
punix_found=$(
    find "$PWD" \( -name '*.whl' -o -name '*.tar.gz' -o -name '*.zip' \) -type f -exec dirname {} \; | sort -u
)
while IFS= read -r punix_path; do
    if [ -n "$punix_path" ]; then punix_arguments+=(--find-links "$punix_path"); fi
done <<<"$punix_found"
for punix_path in "${arg_find_links[@]}"; do punix_arguments+=(--find-links "$punix_path"); done
if [ "$arg_no_deps" = true ]; then punix_arguments+=(--no-deps); fi
if [ "$arg_build_isolation" = false ]; then punix_arguments+=(--no-build-isolation); fi
punix_run "$punix_environment/bin/python3" -m pip install "${punix_arguments[@]}" "${arg_extra_pip_args[@]}" \
    "${arg_packages[@]}"

punix_phase install
punix_library=$OUTPUT/lib/python$punix_version
punix_site=$punix_library/site-packages
# Says where this build took its files from.
find "$OUTPUT" -name direct_url.json -path '*.dist-info/*' -delete
find "$OUTPUT" -name RECORD -path '*.dist-info/*' -exec sed -i \
    -e '/\/direct_url\.json,/d' -e '/^\(\.\.\/\)*bin\//d' {} +
punix_run "$punix_python" -m compileall -q --invalidation-mode unchecked-hash -s "$OUTPUT" -p / "$punix_site" ||
    echo 'some modules cannot be compiled; they are read as they are'
punix_from_here "$punix_python"
punix_interpreter=$REPLY
for punix_script in "$OUTPUT"/bin/*; do
    if [ ! -f "$punix_script" ] || [ -L "$punix_script" ]; then continue; fi
    IFS= read -r punix_first <"$punix_script" || true
    case $punix_first in
    '#!'*python*) ;;
    *) continue ;;
    esac
    punix_name=${punix_script##*/}
    mkdir -p "$punix_library/_punix_pyscripts"
    sed '1s/.*/#!\/usr\/bin\/env python3/' "$punix_script" >"$punix_library/_punix_pyscripts/$punix_name"
    punix_from_here "$punix_site"
    punix_packages=$REPLY
    punix_from_here "$punix_library/_punix_pyscripts/$punix_name"
    punix_wrap "$punix_name" "PYTHONPATH=$punix_packages\${PYTHONPATH:+:\$PYTHONPATH}" 'export PYTHONPATH' \
        "exec $punix_interpreter $REPLY \"\$@\""
done

punix_hook post_install "$arg_post_install"
punix_end
