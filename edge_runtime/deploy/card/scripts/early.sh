#!/bin/sh
# Early in the first boot, as root: no prompt, the administrator's account, radio on, and the unit that installs the
# kit. Every step may be repeated; a step that fails is named and the others still run.
folder=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=/dev/null
. "$folder/settings.sh"
setup=/opt/thinsmear/setup
failed=0

say() { echo "thinsmear: $*"; }
step() { "$@" || { failed=1; say "first boot: $* failed"; }; }
running() { [ -d /run/systemd/system ]; }

# The stock image asks for a user name on the screen and holds up the boot until somebody types one.
no_prompt() {
    ln -sfn /dev/null /etc/systemd/system/userconfig.service
    rm -f /etc/systemd/system/multi-user.target.wants/userconfig.service /etc/ssh/sshd_config.d/rename_user.conf
    if [ -e /etc/xdg/autostart/piwiz.desktop ]; then # the desktop's wizard
        rm -f /etc/xdg/autostart/piwiz.desktop /etc/sudoers.d/010_wiz-nopasswd
        systemctl --quiet set-default multi-user.target
    fi
    systemctl --quiet enable getty@tty1.service
    if running; then
        systemctl daemon-reload
        systemctl --no-block stop userconfig.service 2>/dev/null || :
        systemctl --no-block start getty@tty1.service || :
    fi
}

# The stock image's first user takes our name, so that there is one account and not two.
account() {
    first=$(getent passwd 1000 | cut -d: -f1)
    if ! getent passwd "$USER_NAME" >/dev/null && [ -n "$first" ]; then
        usermod --login "$USER_NAME" "$first" &&
            usermod --move-home --home "/home/$USER_NAME" "$USER_NAME" &&
            groupmod --new-name "$USER_NAME" "$first" || return 1
        for file in /etc/subuid /etc/subgid; do
            if [ -e "$file" ]; then sed -i "s/^$first:/$USER_NAME:/" "$file"; fi
        done
        rm -f /etc/sudoers.d/010_pi-nopasswd
    fi
    # cloud-init gives groups to users it makes, not to one that is there
    if [ "$SYSTEM" = bookworm ] && ! getent passwd "$USER_NAME" >/dev/null; then
        useradd --create-home --shell /bin/bash "$USER_NAME" || return 1
    fi
    for group in adm sudo video plugdev netdev; do
        if getent passwd "$USER_NAME" >/dev/null && getent group "$group" >/dev/null; then
            usermod --append --groups "$group" "$USER_NAME" || return 1
        fi
    done
    [ "$SYSTEM" = bookworm ] || return 0 # cloud-init does the rest
    usermod --password '*' "$USER_NAME" || return 1
    printf '%s ALL=(ALL) NOPASSWD:ALL\n' "$USER_NAME" >/etc/sudoers.d/010_thinsmear
    chmod 440 /etc/sudoers.d/010_thinsmear
    home=$(getent passwd "$USER_NAME" | cut -d: -f6)
    group=$(id -gn "$USER_NAME")
    if [ -s "$folder/authorized_keys" ]; then
        install -d -m 700 -o "$USER_NAME" -g "$group" "$home/.ssh" &&
            install -m 600 -o "$USER_NAME" -g "$group" "$folder/authorized_keys" "$home/.ssh/authorized_keys"
    fi
}

remote_login() {
    mkdir -p /etc/ssh/sshd_config.d
    printf 'PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin no\n' \
        >/etc/ssh/sshd_config.d/40-thinsmear.conf
    if [ "$SSH" = yes ]; then
        systemctl --quiet enable ssh.service
        if running; then systemctl --no-block start ssh.service; fi
    else
        systemctl --quiet disable ssh.service || :
    fi
}

# Stock images keep the radio off until a country is set: rfkill, and NetworkManager's own switch.
radio() {
    [ -n "$COUNTRY" ] || return 0
    for switch in /var/lib/systemd/rfkill/*:wlan; do
        if [ -e "$switch" ]; then echo 0 >"$switch"; fi
    done
    state=/var/lib/NetworkManager/NetworkManager.state
    if [ -e "$state" ]; then sed -i 's/^WirelessEnabled=false/WirelessEnabled=true/' "$state"; fi
    for file in "$folder"/secrets/*.nmconnection; do
        [ -e "$file" ] || continue
        mkdir -p /etc/NetworkManager/system-connections
        install -m 600 "$file" /etc/NetworkManager/system-connections/ || return 1
    done
    if running; then
        if command -v rfkill >/dev/null; then rfkill unblock wifi || :; fi
        if command -v nmcli >/dev/null; then
            nmcli radio wifi on || :
            nmcli connection reload || :
        fi
    fi
}

# On Trixie these are cloud-init's.
host_name() {
    echo "$NAME" >/etc/hostname
    sed '/^127\.0\.1\.1[[:space:]]/d' /etc/hosts >/etc/hosts.new &&
        printf '127.0.1.1\t%s\n' "$NAME" >>/etc/hosts.new &&
        mv -f /etc/hosts.new /etc/hosts
    if running; then hostname "$NAME"; fi
}

time_zone() {
    [ -e "/usr/share/zoneinfo/$TIME_ZONE" ] || return 1
    ln -sfn "/usr/share/zoneinfo/$TIME_ZONE" /etc/localtime
    echo "$TIME_ZONE" >/etc/timezone
}

locale() {
    printf 'LANG=%s\n' "$LOCALE" >/etc/default/locale
    [ "$LOCALE" != C.UTF-8 ] || return 0
    [ -e /etc/locale.gen ] || return 1
    grep -qxF "$LOCALE UTF-8" /etc/locale.gen || echo "$LOCALE UTF-8" >>/etc/locale.gen
    locale-gen
}

keyboard() {
    printf 'XKBMODEL="pc105"\nXKBLAYOUT="%s"\nXKBVARIANT="%s"\nXKBOPTIONS=""\nBACKSPACE="guess"\n' \
        "$KEYBOARD_LAYOUT" "$KEYBOARD_VARIANT" >/etc/default/keyboard
}

# The kit is installed by a unit of its own, which is tried again at each boot until it has succeeded.
schedule() {
    mkdir -p "$setup" /etc/systemd/system/multi-user.target.wants
    for file in first-boot.sh settings.sh; do
        cp "$folder/$file" "$setup/$file.new" && mv -f "$setup/$file.new" "$setup/$file" || return 1
    done
    cp "$folder/thinsmear-first-boot.service" /etc/systemd/system/thinsmear-first-boot.service || return 1
    ln -sfn ../thinsmear-first-boot.service /etc/systemd/system/multi-user.target.wants/thinsmear-first-boot.service
    sync
    # on Bookworm the normal boot, which starts it, is still to come
    if running && [ "$SYSTEM" = trixie ]; then
        systemctl daemon-reload
        systemctl --no-block start thinsmear-first-boot.service
    fi
}

[ ! -e "$setup/done" ] || exit 0
say "first boot: settings for $NAME"
step no_prompt
step account
step remote_login
step radio
if [ "$SYSTEM" = bookworm ]; then
    step host_name
    step time_zone
    step locale
    step keyboard
fi
step schedule
exit "$failed"
