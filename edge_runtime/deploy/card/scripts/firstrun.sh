#!/bin/sh
# Run by systemd instead of the first normal boot (Bookworm). Restarts into a normal boot whatever happens: after
# success, or after the third attempt, the hook is taken out of cmdline.txt.
boot=$(cd "$(dirname "$0")" && pwd)
folder=$boot/thinsmear
attempt=$(($(cat "$folder/attempts" 2>/dev/null || echo 0) + 1))
echo "$attempt" >"$folder/attempts"
sync
if sh "$folder/early.sh" || [ "$attempt" -ge 3 ]; then
    sed -e 's/ systemd\.run[^ ]*//g' -e 's/ systemd\.unit=kernel-command-line[^ ]*//g' \
        "$boot/cmdline.txt" >"$boot/cmdline.new" &&
        mv -f "$boot/cmdline.new" "$boot/cmdline.txt"
    rm -f "$0"
fi
sync
exit 0
