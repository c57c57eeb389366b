/** A source tree with the targets of a kernel's Makefile, for tests: it builds fast, and builds no kernel. */
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { makeBzImage } from './kernels.js';
import { writeTree } from '../files.js';

/** The part of native_machine_crash_shutdown() that the variants' patches need. */
export const CRASH_C = `	/*
	 * Disable Intel PT to stop its logging
	 */
	cpu_emergency_stop_pt();

#ifdef CONFIG_X86_IO_APIC
	/* Prevent crash_kexec() from deadlocking on ioapic_lock. */
	ioapic_zap_locks();
	clear_IO_APIC();
#endif
	lapic_shutdown();
	restore_boot_irq_mode();
#ifdef CONFIG_HPET_TIMER
	hpet_disable();
#endif
`;

/** The image contains the sources, so that a test sees what it was built from. */
const MAKEFILE = `# SPDX-License-Identifier: GPL-2.0
VERSION = 6
PATCHLEVEL = 1
SUBLEVEL = 7
EXTRAVERSION =

release = 6.1.7$(shell sed -n 's/^CONFIG_LOCALVERSION="\\(.*\\)"/\\1/p' $(O)/.config)
image = $(O)/arch/x86/boot/bzImage

tinyconfig:
	printf 'CONFIG_KERNEL_XZ=y\\nCONFIG_EMBEDDED=y\\n' > $(O)/.config
olddefconfig:
	sed -i /CONFIG_NEVER/d $(O)/.config
modules:
modules_install:
	mkdir -p $(INSTALL_MOD_PATH)/lib/modules/$(release)
	ln -s $(CURDIR) $(INSTALL_MOD_PATH)/lib/modules/$(release)/build
	echo kernel/drivers/net/e1000.ko > $(INSTALL_MOD_PATH)/lib/modules/$(release)/modules.builtin
bzImage: $(O)/crash.o $(O)/fork.o
	mkdir -p $(dir $(image)) $(O)/include/config
	cp base.bin $(image)
	printf '%s (made)' $(release) | dd of=$(image) bs=1 seek=1024 conv=notrunc status=none
	cat $^ >> $(image)
	echo $(release) > $(O)/include/config/kernel.release
	echo 'ffffffff81000000 T _text' > $(O)/System.map
$(O)/crash.o: arch/x86/kernel/crash.c
	@echo '  CC      arch/x86/kernel/crash.o'
	@! grep -n BROKEN $< || { echo "$<:3:1: error: this is broken" >&2; exit 1; }
	@! grep -q SLOW $< || sleep 60
	@cp $< $@
$(O)/fork.o: kernel/fork.c
	@echo '  CC      kernel/fork.o'
	@cp $< $@
`;

/** Writes the tree. */
export async function writeMadeSource(dir: string): Promise<void> {
  await writeTree(dir, {
    Makefile: MAKEFILE,
    Kconfig: 'source "arch/x86/Kconfig"\n',
    'arch/x86/Kconfig': 'config X86\n',
    'arch/x86/kernel/crash.c': CRASH_C,
    'kernel/fork.c': 'int fork;\n',
    'base.bin': makeBzImage({ release: '6.1.7' }),
  });
}

/** Programs that a kernel build needs and this tree does not; returns the directory to put in front of PATH. */
export async function writeMadeTools(dir: string): Promise<string> {
  const names = ['gcc', 'ld', 'flex', 'bison', 'bc'];
  for (const name of names) {
    await writeTree(dir, { [name]: `#!/bin/sh\necho ${name} 1.0\n` });
    await chmod(join(dir, name), 0o755);
  }
  return dir;
}
