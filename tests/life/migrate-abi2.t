#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# As life/migrate.t, but from ABI 2. Its maps are shared, so the settings of both policies and the
# UDP flows that pass are kept as well.
TEST_LIMIT=600
. "$(dirname "$0")/../lib/test.sh"
# shellcheck source=tests/lib/soak.sh
. "$TOP/tests/lib/soak.sh"
# shellcheck source=tests/lib/abi.sh
. "$TOP/tests/lib/abi.sh"
# shellcheck source=tests/lib/migrate.sh
. "$TOP/tests/lib/migrate.sh"

prepare nginx
abi_build 2
migrate_prepare

for hook in $HOOKS; do
	kept "$hook: attach" loader attach r0
done
kept "clsact: watch" run_watch
hook=${HOOKS##* }

# --- settings, and the bit that says "don't fragment" ---
setting() { loader_json "$1" "(o['unreadable'], o['df_mark'])" status; }
sed -i 's/^interfaces = r0/&\n\tunreadable = pass/' "$WORK/before.conf"
do_ok "ABI 2 is attached" old_attach "$hook"
was=$(setting "$OLD_LOADER")
migrates "confirm" loader confirm
is "settings are kept" "$(setting "$LOADER")" "$was"
do_ok "rollback works" loader rollback
like "with the settings of the previous policy" "$(setting "$LOADER")" "'pass'"
do_ok "detach --all" loader detach --all
unchanged "nothing is left" "$WORK/clean"

# --- with the least rights: no map can be opened by its id ---
migrated_with_least_rights "$hook"
unlike "flows that began at a proxy are kept" "$ERR" 'no longer known which TCP flows'
is "with the same rules" "$(rules "$LOADER")" "$was_rules"
ok "flows are relayed" recorded $SERVER6
do_ok "detach --all" loader detach --all
unchanged "nothing is left" "$WORK/clean"

killed_anywhere "$hook"
do_ok "detach --all" loader detach --all
unchanged "nothing is left" "$WORK/clean"
finish
