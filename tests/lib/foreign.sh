# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# Programs of others at the tc hooks. Needs test.sh.

# foreign_build NAME <BODY — builds $WORK/NAME.o from code with SEC("tc")
foreign_build() {
	{
		echo '#include <linux/bpf.h>'
		echo '#define SEC(name) __attribute__((section(name), used))'
		cat
		echo 'char _license[] SEC("license") = "GPL";'
	} >"$WORK/$1.c"
	"${CLANG:-clang}" -O2 -g -target bpf -I"/usr/include/$(uname -m)-linux-gnu" \
		-c "$WORK/$1.c" -o "$WORK/$1.o"
}

# foreign_counters NAME… — pins programs that only count, at /sys/fs/bpf/foreign-NAME/prog
foreign_counters() {
	local name

	foreign_build counter <<-'C' || return
		unsigned long long packets[1] SEC(".data");
		SEC("tc") int count(void *skb)
		{
			__sync_fetch_and_add(&packets[0], 1);
			return -1;
		}
	C
	for name in "$@"; do
		mkdir -p "/sys/fs/bpf/foreign-$name" &&
			bpftool prog load "$WORK/counter.o" "/sys/fs/bpf/foreign-$name/prog" \
				pinmaps "/sys/fs/bpf/foreign-$name" || return
	done
}

# foreign_counted NAME — prints how many packets that program has seen
foreign_counted() {
	bpftool -j map dump pinned "$(echo "/sys/fs/bpf/foreign-$1/"*data)" | python3 -c '
import json, sys
print(int.from_bytes(bytes(int(byte, 16) for byte in json.load(sys.stdin)[0]["value"]), "little"))'
}
