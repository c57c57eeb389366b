# Shared by both guest images. All reports of a guest to the host go over the second UART, so that the
# console under test (the first UART) carries kernel output only.
# Frame, guest to host, one line:   CP1 {"ev":"...",...}
# Binary values are sent as base64; the host validates every frame and bounds every length.

control=/dev/ttyS1

# What /etc/fstab lists; a kernel may lack the last ones.
mount_pseudo() {
	mount -a 2>/dev/null
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

# In base64, without line ends. Only for $(...): it changes IFS. A process costs an emulated CPU 10 ms.
b64() {
	# shellcheck disable=SC2046 # The alphabet has no blanks and no patterns.
	set -- $(base64)
	IFS=
	printf '%s' "$*"
}
b64_of() { printf '%s' "$1" | b64; }

# Waits until all frames are sent. The UART's driver sends them from its interrupt, which a panic stops. stty sets what is
# set already, behind the output (TCSADRAIN; busybox, coreutils/stty.c).
drain_control() { stty -F "$control" raw -echo 115200 2>/dev/null; }

frame() { printf 'CP1 %s\n' "$1" >&3; }

# KEY=LINE, the first line of a file; empty where the kernel does not have it.
line_of() { # key file
	line=
	{ read -r line <"$2"; } 2>/dev/null
	echo "$1=$line"
}

# The kernel's timers.
timers() {
	system=/sys/devices/system
	line_of clocksource $system/clocksource/clocksource0/current_clocksource
	line_of clockevent $system/clockevents/clockevent0/current_device
	line_of broadcast $system/clockevents/broadcast/current_device
}

# The hardware as the kernel uses it: whether the CPU's page tables have five levels, whether the firmware is UEFI, how many
# IOMMUs and NUMA nodes there are.
hardware() {
	levels=4
	while read -r key rest; do
		[ "$key" = flags ] || continue
		case " $rest " in *' la57 '*) levels=5 ;; esac
		break
	done </proc/cpuinfo
	efi=0
	[ -d /sys/firmware/efi ] && efi=1
	echo "levels=$levels"
	echo "efi=$efi"
	echo "iommus=$(count_of /sys/class/iommu/*)"
	echo "nodes=$(count_of /sys/devices/system/node/node[0-9]*)"
}

# How many files a pattern has matched.
count_of() { if [ -e "$1" ]; then echo $#; else echo 0; fi; }

# /proc/iomem: where the kernel's memory is, as ram=FIRST-LAST,FIRST-LAST,... and a line range=... for each of the crash
# kernel's ranges. Memory of a driver lies inside its device's range: "  140000000-147ffffff : System RAM (virtio_mem)".
io_memory() {
	awk '
		/^ *[0-9a-f]+-[0-9a-f]+ : System RAM/ && n++ < 1024 { ram = ram $1 "," }
		tolower($0) ~ /crash kernel/ { sub(/^ */, ""); ranges = ranges "range=" $0 "\n" }
		END { printf "ram=%s\n%s", ram, ranges }
	' /proc/iomem
}
