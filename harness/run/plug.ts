import { need } from '../machine/machine.js';
import type { PluggedMemory } from '../model/plugged-memory.js';
import type { Guest } from './guest.js';

/** How often the guest asks whether what was plugged has come, 0.1 s apart. */
const TRIES = 200;

/**
 * Waits for so many more CPUs than the $1 that are online, bringing each online that is there. Nobody else does: there is
 * no udev in the guest. Prints what is online.
 */
const ONLINE_CPUS = `
tries=${TRIES}
count() { grep -c ^processor /proc/cpuinfo; }
while [ "$(count)" -lt "$wanted" ] && [ "$tries" -gt 0 ]; do
	for cpu in /sys/devices/system/cpu/cpu[0-9]*/online; do
		[ "$(cat "$cpu")" = 0 ] && echo 1 >"$cpu"
	done
	tries=$((tries - 1))
	[ "$(count)" -ge "$wanted" ] || sleep 0.1
done
echo "CPUs $(cat /sys/devices/system/cpu/online)"
[ "$(count)" -eq "$wanted" ]
`;

/** The same for memory blocks, of which so many are to be online. */
const ONLINE_MEMORY = `
tries=${TRIES}
online() { grep -l '^online' /sys/devices/system/memory/memory*/state | wc -l; }
while [ "$(online)" -lt "$wanted" ] && [ "$tries" -gt 0 ]; do
	for state in /sys/devices/system/memory/memory*/state; do
		[ "$(cat "$state")" = offline ] && echo online >"$state"
	done
	tries=$((tries - 1))
	[ "$(online)" -ge "$wanted" ] || sleep 0.1
done
echo "$(online) memory blocks, $(grep MemTotal /proc/meminfo)"
[ "$(online)" -eq "$wanted" ]
`;

/** Plugs vCPUs; that the guest has them online is proved, or the run is void. */
export async function plugCpus({ machine, watch, shell }: Guest, count: number): Promise<void> {
  const hotplug = need(machine, 'hotplug');
  const before = await numberOf(shell, 'grep -c ^processor /proc/cpuinfo');
  await hotplug.cpus(count);
  const what = `${count} plugged vCPUs are online`;
  const { status, output } = await shell.run(`wanted=${before + count}\n${ONLINE_CPUS}`, what);
  watch.require({ what, proved: status === 0, saw: output.trim() });
}

/** The same for memory. */
export async function plugMemory({ machine, watch, shell }: Guest, memory: PluggedMemory): Promise<void> {
  const hotplug = need(machine, 'hotplug');
  const count = "grep -l '^online' /sys/devices/system/memory/memory*/state 2>/dev/null | wc -l";
  const before = await numberOf(shell, count);
  // The size of a block is hexadecimal (Documentation/admin-guide/mm/memory-hotplug.rst, v6.1).
  const blockMiB =
    (await numberOf(shell, 'echo $((0x$(cat /sys/devices/system/memory/block_size_bytes)))')) / 2 ** 20;
  await hotplug.memory(memory);
  const what = `${memory.sizeMiB} MiB plugged as ${memory.as} are online`;
  const wanted = before + Math.ceil(memory.sizeMiB / (blockMiB || memory.sizeMiB));
  const { status, output } = await shell.run(`wanted=${wanted}\n${ONLINE_MEMORY}`, what);
  watch.require({ what, proved: status === 0, saw: output.trim() });
}

async function numberOf(shell: Guest['shell'], script: string): Promise<number> {
  const { output } = await shell.run(script, 'what there is before plugging');
  return Number.parseInt(output.trim(), 10) || 0;
}
