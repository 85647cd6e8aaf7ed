#!/bin/sh
# The last part of the first boot, in the running system: secrets leave the boot partition, the kit is installed.
set -u
setup=/opt/thinsmear/setup
# shellcheck source=/dev/null
. "$setup/settings.sh"

say() { echo "thinsmear: $*"; }

boot=
for place in /boot/firmware /boot; do
    if [ -e "$place/thinsmear/settings.sh" ]; then boot=$place; fi
done
if [ -z "$boot" ]; then
    say "first boot: the boot partition is not there"
    exit 1
fi

# FAT has no permissions: who takes the card out can read it. What held secrets is overwritten, then removed. (A card
# moves its blocks about, so this protects from a card reader, not from a laboratory.)
shred_file() {
    [ -f "$1" ] || return 0
    size=$(wc -c <"$1")
    dd if=/dev/zero of="$1" bs=1 count="$size" conv=notrunc,fsync 2>/dev/null
    rm -f "$1"
}

# Without its files cloud-init would take the next boot for another machine's, and undo the network.
if [ "$SYSTEM" = trixie ] && [ -d /etc/cloud ]; then
    : >/etc/cloud/cloud-init.disabled
    # Its last stage is skipped by that, and its process would wait for it until the next boot. Told to end, it counts as
    # failed, which says nothing here.
    if [ -d /run/systemd/system ]; then
        systemctl stop cloud-init-main.service 2>/dev/null || :
        systemctl reset-failed cloud-init-main.service 2>/dev/null || :
    fi
fi
sync
for file in user-data network-config userconf.txt firstrun.sh; do shred_file "$boot/$file"; done
for file in "$boot"/thinsmear/secrets/*; do shred_file "$file"; done
rm -rf "$boot/thinsmear/secrets"
sync
say "first boot: no secrets on the boot partition any more"

# Power may go at any time: what is done is not done again, and what comes after it is.
if [ ! -e "$setup/done" ]; then
    if [ ! -s /etc/thinsmear/serve.conf ] && [ -n "$SERVE_OPTIONS" ]; then
        mkdir -p /etc/thinsmear
        printf 'THINSMEAR_SERVE_OPTIONS=%s\n' "$SERVE_OPTIONS" >/etc/thinsmear/serve.conf
    fi
    if ! sh "$boot/thinsmear/kit/install.sh"; then
        say "first boot: the kit could not be installed; it is tried again at the next boot"
        exit 1
    fi
    : >"$setup/done"
    sync
fi
rm -rf "$boot/thinsmear/kit" # so that the kernel's updates have room
: >"$boot/thinsmear/booted"   # so that nobody takes the card for a fresh one
rm -f /etc/systemd/system/multi-user.target.wants/thinsmear-first-boot.service
sync
say "first boot finished"
