# Of the capture image that keeps the dump, read by its init: writes /proc/vmcore, filtered and compressed, to the disk
# of that serial number, after all else. crashpath.dump=LEVEL,SECONDS of the command line says which kinds of pages are
# left out, and how long it may take.

# The disk's driver is loaded only now: nothing before depends on it.
dump_disk() {
	for module in /dump-modules/*.ko; do
		[ -e "$module" ] && insmod "$module"
	done
	i=0
	while [ "$i" -lt 50 ]; do
		for serial in /sys/block/vd*/serial; do
			[ "$(cat "$serial" 2>/dev/null)" = crashpath-vmcore ] || continue
			disk=${serial%/serial}
			echo "/dev/${disk##*/}"
			return
		done
		usleep 100000
		i=$((i + 1))
	done
}

# A kernel that is newer than makedumpfile may have structures that it does not know: then only zero pages are left out,
# for which it need not know any.
write_dump() { # level
	disk=$(dump_disk)
	[ -b "$disk" ] || {
		echo "no disk"
		return 1
	}
	for level in "$1" 1; do
		echo "$level" >/tmp/dump-level
		makedumpfile -F -c -d "$level" --message-level 4 /proc/vmcore >"$disk" 2>/tmp/dump-said && sync && return
		tail -n 3 /tmp/dump-said
	done
	return 1
}

keep_vmcore() {
	asked=$(sed -n 's/.*crashpath\.dump=\([0-9]*,[0-9]*\).*/\1/p' /proc/cmdline)
	[ -n "$asked" ] || return
	(
		write_dump "${asked%,*}" >/tmp/dump-why
		echo "$?" >/tmp/dump-status
	) &
	left=$((${asked#*,} * 10))
	while [ ! -s /tmp/dump-status ] && [ "$left" -gt 0 ]; do
		usleep 100000
		left=$((left - 1))
	done
	status=$(cat /tmp/dump-status 2>/dev/null)
	[ -n "$status" ] || echo "it took too long" >/tmp/dump-why
	level=$(cat /tmp/dump-level 2>/dev/null)
	frame "{\"ev\":\"dump\",\"status\":${status:-124},\"level\":${level:-0},\"said\":\"$(tail -c 1000 /tmp/dump-why | b64)\"}"
}
