#: Installs a Node.js package with its dependencies into `libexec`, and its programs into `bin`.
#: Needs node and npm. Nothing is downloaded: dependencies are in `node_modules` of the source; or `package-lock.json`
#: names archives of the source (`file:…`), or such as are in an npm cache. Programs are run by the `node` of a
#: dependency if there is one, else by the one of the system.
#:
#: src_dir : Dir = "" — directory of the source with `package.json`
#: cache : Flag = "" — directory of an npm cache (`npm ci --cache`) that has what `package-lock.json` names
#: dev : Bool = false — install what `devDependencies` names too, while building
#: build_script : Str = "" — script of `package.json` to run
#: ignore_scripts : Bool = false — run no install scripts of packages
#: env : Map[Flag] = {} — variables
#: pre_install : Script = "" — run before npm
#: post_install : Script = "" — run at the end
#:
#: module Prettier {
#:   recipe = "std.npm"
#:   source = { path = "./prettier" }
#:   recipeArgs = { dev = true  build_script = "build" }
#: }
punix_begin
punix_enter lenient "$arg_src_dir"
export npm_config_cache="$TMPDIR/npm-cache" npm_config_offline=true npm_config_audit=false npm_config_fund=false
export npm_config_update_notifier=false npm_config_progress=false npm_config_color=false npm_config_logs_max=0
export npm_config_ignore_scripts="$arg_ignore_scripts"
punix_hook pre_install "$arg_pre_install"

punix_phase build
punix_need node npm
if [ ! -f package.json ]; then punix_fail 'the source has no `package.json`'; fi
if [ -n "$arg_cache" ]; then
    if [ ! -d "$arg_cache" ]; then punix_fail "there is no directory \`$arg_cache\`"; fi
    # npm writes to its cache.
    cp -R -- "$arg_cache" "$npm_config_cache"
    chmod -R u+w "$npm_config_cache"
fi
punix_bundled=false
if [ -d node_modules ]; then
    punix_bundled=true
elif [ -f package-lock.json ] || [ -f npm-shrinkwrap.json ]; then
    punix_omitted=(--omit=dev)
    if [ "$arg_dev" = true ]; then punix_omitted=(); fi
    punix_run npm ci --offline "${punix_omitted[@]}"
fi
if [ -n "$arg_build_script" ]; then punix_run npm run "$arg_build_script"; fi
if [ "$punix_bundled" = false ] && [ "$arg_dev" = true ] && [ -d node_modules ]; then
    punix_run npm prune --offline --omit=dev
fi

punix_phase install
# What npm would publish, and nothing else.
punix_packed=$TMPDIR/punix-packed
mkdir "$punix_packed"
punix_run npm pack --offline --ignore-scripts --loglevel=warn --pack-destination "$punix_packed"
punix_name=$(node -p 'require("./package.json").name || ""')
if [ -z "$punix_name" ]; then punix_fail '`package.json` has no `name`'; fi
punix_home=$OUTPUT/libexec/$punix_name
mkdir -p "$punix_home"
tar -xf "$punix_packed"/*.tgz -C "$punix_home" --strip-components=1 --no-same-owner
if [ -d node_modules ]; then
    rm -rf "$punix_home/node_modules"
    cp -RP node_modules "$punix_home/node_modules"
    rm -rf "$punix_home/node_modules/.cache" "$punix_home/node_modules/.package-lock.json"
fi

# Which programs there are, a name and a file in turns.
cat >"$TMPDIR/punix-programs.js" <<'PROGRAMS'
const { name, bin = {} } = require(process.argv[2]);
const programs = typeof bin === "string" ? { [name.split("/").pop()]: bin } : bin;
for (const [program, file] of Object.entries(programs)) process.stdout.write(`${program}\n${file}\n`);
PROGRAMS
punix_node=''
for punix_path in "${punix_dependencies[@]}"; do
    if [ -z "$punix_node" ] && [ -x "$punix_path/bin/node" ]; then punix_node=$punix_path/bin/node; fi
done
punix_programs=$(node "$TMPDIR/punix-programs.js" "$punix_home/package.json")
while IFS= read -r punix_program && IFS= read -r punix_file; do
    punix_file=${punix_file#./}
    if [ ! -f "$punix_home/$punix_file" ]; then
        punix_fail "\`package.json\` names a program \`$punix_file\`, which is not there"
    fi
    chmod 755 "$punix_home/$punix_file"
    if [ -n "$punix_node" ]; then
        punix_from_here "$punix_node"
        punix_interpreter=$REPLY
        punix_from_here "$punix_home/$punix_file"
        punix_wrap "$punix_program" "exec $punix_interpreter $REPLY \"\$@\""
    else
        mkdir -p "$OUTPUT/bin"
        ln -s "../libexec/$punix_name/$punix_file" "$OUTPUT/bin/$punix_program"
    fi
done <<<"$punix_programs"

punix_hook post_install "$arg_post_install"
punix_end
