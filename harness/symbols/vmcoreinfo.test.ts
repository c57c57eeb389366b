import { readFileSync } from 'node:fs';
import t from 'tap';
import { readCoreNotes } from './core-notes.js';
import { vmcoreinfoNote } from './elf-notes.js';
import { parseVmcoreinfo } from './vmcoreinfo.js';

function recorded(release: string): string {
  return readFileSync(
    new URL(`../../harness/symbols/testdata/vmcoreinfo-${release}.txt`, import.meta.url),
    'latin1',
  );
}

/** Root of the page tables: `swapper_pg_dir` less the image's mapping, plus `phys_base`; checked against memory. */
const ROOTS: Readonly<Record<string, bigint>> = {
  '5.10.0-46-amd64': 0x27a0a000n,
  '6.1.0-56-amd64': 0x26410000n,
  '6.12.117+deb12-amd64': 0x6a22000n,
  '7.2.13+deb14-amd64': 0x18c2a000n,
};

void t.test('VMCOREINFO of recorded kernels leads to their page tables', (t) => {
  for (const [release, root] of Object.entries(ROOTS)) {
    const info = parseVmcoreinfo(recorded(release));
    t.equal(info.release, release);
    t.equal(info.pageTables?.root, root, release);
    t.equal(info.pageTables?.levels, release.startsWith('5.10') ? 4 : 5, release);
    t.ok((info.kernelOffset ?? 1n) % 0x200000n === 0n);
    t.ok(info.symbol('init_uts_ns'));
  }
  t.end();
});

void t.test('what is absurd in it is left out', (t) => {
  const root = 'SYMBOL(swapper_pg_dir)=ffffffff81000000\n';
  t.equal(parseVmcoreinfo('').release, undefined);
  t.equal(parseVmcoreinfo(root).pageTables, undefined, 'no phys_base');
  t.equal(parseVmcoreinfo(`${root}NUMBER(phys_base)=-99999999999\n`).pageTables, undefined, 'below zero');
  t.same(parseVmcoreinfo(`${root}NUMBER(phys_base)=-16777216\n`).pageTables, { root: 0n, levels: 4 });
  t.equal(parseVmcoreinfo('SYMBOL(swapper_pg_dir)=1000\nNUMBER(phys_base)=0\n').pageTables, undefined);
  t.equal(parseVmcoreinfo(`OSRELEASE=${'x'.repeat(200)}\n`).release, undefined);
  t.end();
});

void t.test('a note of it is read back, between others', (t) => {
  const text = recorded('6.1.0-56-amd64');
  const prstatus = Buffer.alloc(12 + 8 + 336);
  prstatus.writeUInt32LE(5, 0);
  prstatus.writeUInt32LE(336, 4);
  prstatus.writeUInt32LE(1, 8);
  prstatus.write('CORE\0', 12, 'latin1');
  prstatus.writeBigUInt64LE(0xffffffff81234567n, 20 + 112 + 16 * 8);
  const notes = readCoreNotes(
    Buffer.concat([prstatus, vmcoreinfoNote(Buffer.from(text, 'latin1')), prstatus]),
  );
  t.equal(notes.vmcoreinfo, text);
  t.same(
    notes.cpus.map(({ rip }) => rip),
    [0xffffffff81234567n, 0xffffffff81234567n],
  );
  t.same(readCoreNotes(prstatus.subarray(0, 100)), { cpus: [], vmcoreinfo: undefined }, 'cut');
  t.same(readCoreNotes(Buffer.alloc(64, 0xff)), { cpus: [], vmcoreinfo: undefined });
  t.same(readCoreNotes(Buffer.alloc(64)), { cpus: [], vmcoreinfo: undefined });
  t.end();
});
