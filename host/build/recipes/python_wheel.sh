#: Installs Python packages by copying them, without pip, and programs that call their functions.
#: Needs python3, of the system or of a dependency, and nothing else. A source that is a wheel is unpacked first.
#:
#: python_deps : List[Dep] = [] — dependencies to install for, each with a `bin/python3`; without any the first
#:     python3 there is
#: packages : List[Dir] = ["${pname}"] — directories or modules (`name` for `name.py`) of the source, or of its `src`
#: src_dir : Dir = "" — directory of the source to work in
#: console_scripts : Map[Str] = {} — programs: `{ name = "module:function" }`; for one Python only
#: pth_files : List[{name content}] = [] — `.pth` files to put beside the packages
#: env : Map[Flag] = {} — variables
#: pre_build : Script = "" — run before
#: post_install : Script = "" — run at the end
#:
#: module Greeter {
#:   recipe = "std.python_wheel"
#:   source = { path = "./greeter" }
#:   recipeArgs = { packages = ["greeter"]  console_scripts = { greet = "greeter.cli:main" } }
#: }
punix_begin
punix_enter lenient "$arg_src_dir"
punix_hook pre_build "$arg_pre_build"

punix_phase install
punix_pythons=()
for punix_path in "${arg_python_deps[@]}"; do punix_pythons+=("$punix_path/bin/python3"); done
if [ "${#punix_pythons[@]}" -eq 0 ]; then
    punix_need python3
    punix_pythons=("$(command -v python3)")
elif [ "${#punix_pythons[@]}" -gt 1 ] && [ "${#arg_console_scripts_keys[@]}" -gt 0 ]; then
    punix_fail '`console_scripts` are for one Python; name one in `python_deps`'
fi
for punix_python in "${punix_pythons[@]}"; do
    if [ ! -x "$punix_python" ]; then punix_fail "there is no \`$punix_python\`"; fi
    shopt -s nullglob
    for punix_wheel in *.whl; do
        punix_run "$punix_python" -m zipfile -e "$punix_wheel" .
        rm -f -- "$punix_wheel"
    done
    shopt -u nullglob
    punix_version=$("$punix_python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    punix_library=$OUTPUT/lib/python$punix_version
    punix_site=$punix_library/site-packages
    mkdir -p "$punix_site"
    for punix_package in "${arg_packages[@]}"; do
        punix_found=''
        for punix_path in "$punix_package" "$punix_package.py" "src/$punix_package" "src/$punix_package.py"; do
            if [ -z "$punix_found" ] && [ -e "$punix_path" ]; then punix_found=$punix_path; fi
        done
        if [ -z "$punix_found" ]; then punix_fail "the source has no Python package \`$punix_package\`"; fi
        punix_run cp -RP -- "$punix_found" "$punix_site/"
    done
    for punix_index in "${!arg_pth_files_name[@]}"; do
        punix_name=${arg_pth_files_name[punix_index]}
        case $punix_name in
        */*) punix_fail "\`$punix_name\` is not the name of a file" ;;
        esac
        printf '%s\n' "${arg_pth_files_content[punix_index]%$'\n'}" >"$punix_site/${punix_name%.pth}.pth"
    done
    find "$punix_site" -name __pycache__ -type d -prune -exec rm -rf {} +
    punix_run "$punix_python" -m compileall -q --invalidation-mode unchecked-hash -s "$OUTPUT" -p / "$punix_site" ||
        echo 'some modules cannot be compiled; they are read as they are'

    punix_from_here "$punix_python"
    punix_interpreter=$REPLY
    # What the packages of the dependencies hold can be imported too.
    punix_from_here "$punix_site"
    punix_packages=$REPLY
    for punix_path in "${punix_closure[@]}"; do
        if [ -d "$punix_path/lib/python$punix_version/site-packages" ]; then
            punix_from_here "$punix_path/lib/python$punix_version/site-packages"
            punix_packages+=:$REPLY
        fi
    done
    for punix_index in "${!arg_console_scripts_keys[@]}"; do
        punix_name=${arg_console_scripts_keys[punix_index]}
        punix_called=${arg_console_scripts_values[punix_index]}
        case $punix_called in
        *[!A-Za-z0-9_.:]* | *:*:* | :* | *:) punix_fail "\`$punix_called\` is not \`module:function\`" ;;
        *:*) ;;
        *) punix_fail "\`$punix_called\` is not \`module:function\`" ;;
        esac
        punix_function=${punix_called#*:}
        mkdir -p "$punix_library/_punix_pyscripts"
        printf '%s\n' 'import os, site, sys' \
            'site.addsitedir(os.path.join(os.path.dirname(os.path.realpath(__file__)), os.pardir, "site-packages"))' \
            "from ${punix_called%%:*} import ${punix_function%%.*}" "sys.exit($punix_function())" \
            >"$punix_library/_punix_pyscripts/$punix_name"
        punix_from_here "$punix_library/_punix_pyscripts/$punix_name"
        punix_wrap "$punix_name" "PYTHONPATH=$punix_packages\${PYTHONPATH:+:\$PYTHONPATH}" 'export PYTHONPATH' \
            "exec $punix_interpreter $REPLY \"\$@\""
    done
done

punix_hook post_install "$arg_post_install"
punix_end
