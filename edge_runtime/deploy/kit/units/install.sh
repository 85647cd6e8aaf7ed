#!/bin/sh
# Installs this kit: may be run again at any time, does only what is not done yet, and survives a power cut.
# What it changes: /opt/thinsmear, /etc/thinsmear, the unit and its user, udev rules, two settings of systemd.
set -eu

kit=$(cd "$(dirname "$0")" && pwd)
top=/opt/thinsmear

say() { echo "thinsmear: $*"; }
fail() { echo "thinsmear: $*" >&2; exit 1; }

# put SOURCE TARGET: install one file in one step; status 1 when it was there already
put() {
    if cmp -s "$1" "$2"; then return 1; fi
    # callers ask for the status, so the shell would go on after an error
    mkdir -p "$(dirname "$2")" && cp "$1" "$2.new" && chmod 644 "$2.new" && mv -f "$2.new" "$2" || fail "cannot write $2"
    say "wrote $2"
}

check() {
    [ "$(id -u)" = 0 ] || fail "run this as root (sudo sh $0)"
    (cd "$kit" && sha256sum --check --quiet --strict SHA256SUMS) || fail "the kit is damaged; copy it again"
    # shellcheck source=/dev/null
    . "$kit/target.env"
    [ "$(uname -m)" = "$MACHINE" ] || fail "this kit is for $MACHINE, this machine is $(uname -m)"
    python=$(command -v python3) || fail "python3 is missing"
    found=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    [ "$found" = "$PYTHON_VERSION" ] || fail "this kit is for Python $PYTHON_VERSION, here is $found; make one for this system"
}

# All in one call, because they may need each other; what was unpacked only, by a call that failed, is not installed.
install_debs() {
    [ -d "$kit/debs" ] || return 0
    set --
    for deb in "$kit"/debs/*.deb; do
        name=$(dpkg-deb --field "$deb" Package)
        version=$(dpkg-deb --field "$deb" Version)
        # shellcheck disable=SC2016
        found=$(dpkg-query --show --showformat='${db:Status-Status} ${Version}' "$name" 2>/dev/null || true)
        if [ "$found" != "installed $version" ]; then set -- "$@" "$deb"; fi
    done
    [ $# = 0 ] || DEBIAN_FRONTEND=noninteractive dpkg --install "$@" </dev/null
}

# Each kit gets a folder of its own, and one link says which is in use: the change is one step, and can be undone.
install_program() {
    id=$(sha256sum "$kit/SHA256SUMS" | cut -c1-12)
    folder=$top/versions/$id
    if [ ! -e "$folder/complete" ]; then
        rm -rf "$folder"
        mkdir -p "$folder"
        "$python" -m venv --system-site-packages --without-pip "$folder/venv"
        constraints=$folder/constraints.txt
        # picamera2 is bound to the system's NumPy, which therefore must stay the one that is used
        "$python" -c 'import numpy; print("numpy==" + numpy.__version__)' >"$constraints" 2>/dev/null || : >"$constraints"
        pip=$(ls "$kit"/wheels/pip-*.whl)
        ours=$(ls "$kit"/wheels/thinsmear-*.whl)
        extras=$("$python" -c 'import json, sys; print(",".join(json.load(open(sys.argv[1]))["extras"]))' "$kit/manifest.json")
        say "installing version $VERSION ($id), this takes some minutes"
        env -i PATH="$PATH" HOME="$folder" LANG=C.UTF-8 "$folder/venv/bin/python" "$pip/pip" install \
            --isolated --quiet --no-index --no-cache-dir --disable-pip-version-check --root-user-action=ignore \
            --find-links="$kit/wheels" --constraint="$constraints" "$ours${extras:+[$extras]}" </dev/null
        "$folder/venv/bin/thinsmear" --version
        # the kit's model goes with the kit's program; a --model in serve.conf wins
        printf 'THINSMEAR_MODEL=%s\n' "${MODEL:+--model $top/models/$MODEL}" >"$folder/venv/kit.conf"
        sync
        : >"$folder/complete"
        sync
    fi
    if [ "$(readlink "$top/current" 2>/dev/null || true)" != "versions/$id/venv" ]; then
        before=$(readlink "$top/current" 2>/dev/null || true)
        ln -sfn "versions/$id/venv" "$top/current.new"
        mv -fT "$top/current.new" "$top/current"
        if [ -n "$before" ]; then ln -sfn "$before" "$top/previous"; fi
        changed=1
        say "version $VERSION ($id) is in use"
    fi
    for old in "$top"/versions/*; do
        case "$(readlink "$top/current") $(readlink "$top/previous" 2>/dev/null || true)" in
            *"${old##*/}"*) ;;
            *) rm -rf "$old" ;;
        esac
    done
    ln -sfn "$top/current/bin/thinsmear" /usr/local/bin/thinsmear
}

install_models() {
    [ -d "$kit/models" ] || return 0
    for model in "$kit"/models/*.tflite; do
        if put "$model" "$top/models/${model##*/}"; then changed=1; fi
    done
}

install_settings() {
    units=$kit/units
    if put "$units/thinsmear.service" /etc/systemd/system/thinsmear.service; then changed=1; fi
    if [ -e "$units/thinsmear-backoff.conf" ]; then
        if put "$units/thinsmear-backoff.conf" /etc/systemd/system/thinsmear.service.d/backoff.conf; then changed=1; fi
    fi
    put "$units/thinsmear-sysusers.conf" /etc/sysusers.d/thinsmear.conf || :
    systemd-sysusers /etc/sysusers.d/thinsmear.conf
    if put "$units/60-thinsmear.rules" /etc/udev/rules.d/60-thinsmear.rules; then rules=1; fi
    if put "$units/thinsmear-journald.conf" /etc/systemd/journald.conf.d/50-thinsmear.conf; then journal=1; fi
    put "$units/thinsmear-system.conf" /etc/systemd/system.conf.d/90-thinsmear.conf || :
    mkdir -p /var/log/journal /etc/thinsmear
    # what was set by hand stays
    if [ ! -s /etc/thinsmear/serve.conf ]; then echo 'THINSMEAR_SERVE_OPTIONS=' >/etc/thinsmear/serve.conf; fi
}

# In a chroot, and while an image is made, there is no systemd to talk to; enabling works all the same.
activate() {
    systemctl --quiet enable thinsmear.service
    [ -d /run/systemd/system ] || return 0
    systemctl daemon-reload
    if [ -n "$rules" ]; then udevadm control --reload && udevadm trigger; fi
    if [ -n "$journal" ]; then systemctl --no-block restart systemd-journald.service; fi
    if [ -n "$changed" ]; then systemctl --no-block restart thinsmear.service; fi
}

changed='' rules='' journal=''
check
install_debs
install_models
install_program
install_settings
activate
sync
say "installed"
