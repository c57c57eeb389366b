# Shared by both guest images. All reports of a guest to the host go over the second UART, so that the
# console under test (the first UART) carries kernel output only.
# Frame, guest to host, one line:   CP1 {"ev":"...",...}
# Binary values are sent as base64; the host validates every frame and bounds every length.

control=/dev/ttyS1

mount_pseudo() {
	mount -t proc proc /proc
	mount -t sysfs sysfs /sys
	mount -t devtmpfs devtmpfs /dev 2>/dev/null
	[ -d /sys/kernel/debug ] && mount -t debugfs debugfs /sys/kernel/debug 2>/dev/null
	return 0
}

# Opens the control channel on descriptor 3. Input that arrives before the open is lost, so the host waits
# for the first frame before it sends.
open_control() {
	stty -F "$control" raw -echo 115200 2>/dev/null
	exec 3<>"$control"
}

# Loads /modules in the order of their numbers; names the ones that failed, and why, in $modules_failed.
load_modules() {
	modules_failed=
	for module in /modules/*.ko; do
		[ -e "$module" ] || continue
		why=$(insmod "$module" 2>&1) || modules_failed="$modules_failed ${module##*/} (${why##*: })"
	done
}

b64() { base64 | tr -d '\n'; }
b64_of() { printf '%s' "$1" | b64; }

# Waits until all frames are sent. The UART's driver sends them from its interrupt, which a panic stops. stty sets what is
# set already, behind the output (TCSADRAIN; busybox, coreutils/stty.c).
drain_control() { stty -F "$control" raw -echo 115200 2>/dev/null; }

frame() { printf 'CP1 %s\n' "$1" >&3; }

# The kernel's timers, one key=value per line; a value is empty when the kernel does not report it.
timers() {
	system=/sys/devices/system
	echo "clocksource=$(cat $system/clocksource/clocksource0/current_clocksource)"
	echo "clockevent=$(cat $system/clockevents/clockevent0/current_device)"
	echo "broadcast=$(cat $system/clockevents/broadcast/current_device)"
}

# Where the kernel's memory is, as /proc/iomem lists it: FIRST-LAST,FIRST-LAST,...
system_ram() { sed -n 's/^\([0-9a-f]*-[0-9a-f]*\) : System RAM.*/\1/p' /proc/iomem | head -n 1024 | tr '\n' ','; }
