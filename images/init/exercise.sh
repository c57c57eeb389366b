# The task of the capture guest besides reading the crashed memory: crashpath.exercise=WHAT on its command line. The
# kernel takes it for a parameter of a module that does not exist, and ignores it.

# Rows of /proc/interrupts that belong to network device $1: named after it, after one of its queues, or after the
# underlying device (virtio0-input.0).
rows_of() {
	parent=$(readlink "/sys/class/net/$1/device")
	grep -E " ($1|${parent##*/})(-[^ ]*)?(,|\$)" /proc/interrupts
}

# These rows' interrupts, summed over the CPUs.
times_of() {
	rows_of "$1" | awk '{ for (i = 2; i <= NF && $i ~ /^[0-9]+$/; i++) sum += $i } END { print sum + 0 }'
}

received_by() { cat "/sys/class/net/$1/statistics/rx_packets"; }

# Brings the first network device up, sends a few frames, and waits until enough of its interrupts have come and a
# frame was received, or ten seconds have passed. The host judges: the rows are sent verbatim.
exercise_nic() {
	device=
	tries=0
	while [ -z "$device" ] && [ "$tries" -lt 20 ]; do
		for path in /sys/class/net/*; do
			[ -e "$path/device" ] && device=${path##*/} && break
		done
		[ -n "$device" ] || sleep 0.1
		tries=$((tries + 1))
	done
	if [ -z "$device" ]; then
		frame '{"ev":"exercise","device":"","before":"","after":"","received":0}'
		return
	fi
	before=$(rows_of "$device" | b64)
	ip link set "$device" up
	ip addr add 10.0.2.15/24 dev "$device"
	tries=0
	# e1000 counts received frames by a timer of 2 s: its first interrupts come earlier.
	while [ "$tries" -lt 50 ] && { [ "$(times_of "$device")" -lt 10 ] || [ "$(received_by "$device")" = 0 ]; }; do
		# No answer is needed: the ARP request is a frame that is sent.
		[ $((tries % 10)) = 0 ] && ping -c 1 -W 1 10.0.2.2 &
		sleep 0.2
		tries=$((tries + 1))
	done
	received=$(received_by "$device")
	frame "{\"ev\":\"exercise\",\"device\":\"$(b64_of "$device")\",\"before\":\"$before\",\"after\":\"$(rows_of "$device" | head -c 4096 | b64)\",\"received\":${received:-0}}"
}

# The disk's interrupts: rows that are named after its queues (nvme0q1), its device (virtio1-req.0) or its controller's PCI
# address (ahci[0000:00:04.0]).
rows_of_disk() {
	path=$(readlink -f "/sys/block/$1/device")
	words=${1%n1}
	while [ "$path" != /sys/devices ] && [ "${#path}" -gt 12 ]; do
		name=${path##*/}
		case $name in *:*:*.* | virtio*) words="$words|$name" ;; esac
		path=${path%/*}
	done
	grep -E "[ \[]($words)" /proc/interrupts
}

# Waits for the first disk and reads it past the cache. What counts as received are blocks of 64 KiB.
exercise_disk() {
	device=
	tries=0
	while [ -z "$device" ] && [ "$tries" -lt 100 ]; do
		for path in /sys/block/vd* /sys/block/sd* /sys/block/nvme*; do
			[ -e "$path" ] && device=${path##*/} && break
		done
		[ -n "$device" ] || sleep 0.1
		tries=$((tries + 1))
	done
	if [ -z "$device" ]; then
		frame '{"ev":"exercise","device":"","before":"","after":"","received":0}'
		return
	fi
	before=$(rows_of_disk "$device" | b64)
	received=0
	while [ "$received" -lt 16 ] && dd if="/dev/$device" of=/dev/null bs=64k skip="$received" count=1 iflag=direct; do
		received=$((received + 1))
	done
	frame "{\"ev\":\"exercise\",\"device\":\"$(b64_of "$device")\",\"before\":\"$before\",\"after\":\"$(rows_of_disk "$device" | head -c 4096 | b64)\",\"received\":$received}"
}

exercise() {
	case " $(cat /proc/cmdline) " in
	*' crashpath.exercise=nic '*) exercise_nic ;;
	*' crashpath.exercise=disk '*) exercise_disk ;;
	esac
}
