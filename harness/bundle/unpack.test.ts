import { readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import t, { type Test } from 'tap';
import { extract, type Header, pack } from 'tar-stream';
import { sha256Of } from '../cache/sha256.js';
import { storedRun } from '../testing/builders/stored-run.js';
import { scratch, treeOf } from '../testing/files.js';
import { packRun } from './pack.js';
import { withBundle } from './read-bundle.js';
import { compress } from './zstd.js';

t.setTimeout(300_000);

interface Member {
  readonly header: Partial<Header> & Pick<Header, 'name'>;
  readonly bytes: Buffer;
}

/** A sound bundle, to be spoilt. */
async function sound(t: Test) {
  const root = await scratch(t);
  const { run } = await storedRun(root, { captureRelease: '6.12.9' });
  const file = join(root, 'made.tar.zst');
  const cacheDir = join(root, 'cache');
  await packRun(run, file, {
    hashesOnly: false,
    names: { hosts: [], users: [], directories: [] },
    cacheDir,
    crashpathVersion: '0.1.0',
    imageAgain: async () => '',
  });
  const members: Member[] = [];
  const { stdout } = await execa('zstd', ['-q', '-dc', file], { encoding: 'buffer' });
  const archive = extract();
  archive.end(Buffer.from(stdout.buffer, stdout.byteOffset, stdout.byteLength));
  for await (const entry of archive) {
    const parts: Uint8Array[] = [];
    for await (const part of entry) if (part instanceof Uint8Array) parts.push(part);
    members.push({ header: { name: entry.header.name }, bytes: Buffer.concat(parts) });
  }
  const read = (path = file) => withBundle(path, { cacheDir }, async (bundle) => bundle);
  const isBad = async (what: string, says: RegExp, path = file) => {
    await t.rejects(read(path), { kind: 'usage', message: says }, what);
    t.strictSame(await treeOf(join(cacheDir, 'tmp')), [], `${what}: nothing stays`);
  };
  return {
    ...{ root, file, members, read, isBad },
    /** Writes these members instead, and reads them. */
    refuses: async (what: string, changed: readonly Member[], says: RegExp): Promise<void> => {
      await writeFile(file, await compress(tarOf(changed)));
      await isBad(what, says);
    },
    /** The same of one member, with a manifest that has its hash. */
    refusesMember: async (name: string, bytes: Buffer, says: RegExp): Promise<void> => {
      await writeFile(file, await compress(tarOf(withMember(members, name, bytes))));
      await isBad(`${name}: ${says.source}`, says);
    },
  };
}

function tarOf(members: readonly Member[]) {
  const archive = pack();
  for (const { header, bytes } of members) {
    const isFile = header.type === undefined || header.type === 'file';
    if (isFile) archive.entry({ mtime: new Date(0), ...header }, bytes);
    else archive.entry({ mtime: new Date(0), ...header });
  }
  archive.finalize();
  return archive;
}

function bytesOf(members: readonly Member[], name: string): Buffer {
  return members.find(({ header }) => header.name === name)?.bytes ?? Buffer.alloc(0);
}

/** One member with other bytes, of which the manifest knows. */
function withMember(members: readonly Member[], name: string, bytes: Buffer): Member[] {
  const manifest: { members: { name: string; size: number; sha256: string }[] } = JSON.parse(
    bytesOf(members, 'manifest.json').toString(),
  );
  const listed = manifest.members.map((one) =>
    one.name === name ? { name, size: bytes.length, sha256: sha256Of(bytes) } : one,
  );
  const text = Buffer.from(JSON.stringify({ ...manifest, members: listed }));
  return members.map((member) => {
    if (member.header.name === 'manifest.json') return { ...member, bytes: text };
    return member.header.name === name ? { ...member, bytes } : member;
  });
}

/** A member's JSON with changes. */
function edited(
  members: readonly Member[],
  name: string,
  change: (value: Record<string, unknown>) => void,
): Buffer {
  const value: Record<string, unknown> = JSON.parse(bytesOf(members, name).toString());
  change(value);
  return Buffer.from(JSON.stringify(value));
}

const EMPTY = Buffer.alloc(0);

t.test('the sound bundle of these tests is read', async (t) => {
  const { members, file, read } = await sound(t);
  await writeFile(file, await compress(tarOf(members)));
  t.match(await read(), { result: { verdict: 'crash-path-hang' } });
});

t.test('no member has a path of its own choice, and every member is a plain file', async (t) => {
  const { members, root, refuses } = await sound(t);
  const plus = (header: Member['header'], bytes = Buffer.from('x')) => [...members, { header, bytes }];
  for (const name of [
    '/etc/passwd',
    '../up',
    'run/../../up',
    'run//plan.json',
    './run/plan.json',
    'RUN/PLAN.JSON',
    'run',
  ]) {
    await refuses(name, plus({ name }), /is no member of a bundle|no plain file/);
  }
  await refuses('a second plan', plus({ name: 'run/plan.json' }), /run\/plan\.json is there twice/);
  const special = [
    { name: 'run/plan.json', type: 'symlink', linkname: '/etc/passwd' },
    { name: 'run/plan.json', type: 'link', linkname: '/etc/passwd' },
    { name: 'run/plan.json', type: 'character-device', devmajor: 1, devminor: 3 },
    { name: 'run/plan.json', type: 'block-device' },
    { name: 'run/plan.json', type: 'fifo' },
    { name: 'run/plan.json', type: 'directory' },
  ] as const;
  for (const header of special) {
    const instead = members.map((member) =>
      member.header.name === header.name ? { header, bytes: EMPTY } : member,
    );
    await refuses(header.type, instead, /"run\/plan\.json\/?" is no plain file but a /);
  }
  await refuses(
    'attributes',
    members.map((member) => ({ ...member, header: { ...member.header, pax: { path: '../up' } } })),
    /has extended attributes|is no member/,
  );
  await refuses(
    'a long name',
    plus({ name: `${'d/'.repeat(200)}x` }),
    /is no member of a bundle|extended attributes/,
  );
  await refuses('another order', members.toReversed(), /it begins with .*, not with manifest\.json/);
  await refuses('no member at all', [], /it is empty/);
  await refuses('a manifest alone', members.slice(0, 1), /member run\/plan\.json is missing/);
  t.notOk(
    (await treeOf(root)).some((name) => name.endsWith('up')),
    'nothing was written elsewhere',
  );
});

t.test('sizes and counts are bounded', async (t) => {
  const { members, file, isBad, refuses } = await sound(t);
  const bomb = async (what: string, write: (zstd: NodeJS.WritableStream) => void, says: RegExp) => {
    const zstd = execa('zstd', ['-q', '-1', '-f', '-o', file], { stdin: 'pipe' });
    write(zstd.stdin);
    zstd.stdin.end();
    await zstd;
    await isBad(what, says);
  };
  const zeros = Buffer.alloc(64 * 1024 * 1024);
  await bomb('192 MiB of zeros', (zstd) => [1, 2, 3].forEach(() => zstd.write(zeros)), /belong to no member/);
  await bomb(
    'a member that is larger than its kind',
    (zstd) => {
      zstd.write(headerOf({ name: 'manifest.json', size: 512 * 1024 * 1024 }));
      zstd.write(zeros);
    },
    /manifest\.json has 536870912 bytes, more than 1048576/,
  );
  const wide = await execa('zstd', ['-q', '-c', '--ultra', '--long=31'], {
    input: Buffer.alloc(300 * 1024 * 1024),
    encoding: 'buffer',
    maxBuffer: 2 ** 30,
  });
  await writeFile(file, wide.stdout);
  await isBad('a window of 2 GiB', /cut off or damaged: .*[Mm]emory/);
  const sparse = headerOf({ name: 'manifest.json', size: 512 }, 'S');
  await bomb(
    'a sparse member',
    (zstd) => zstd.write(Buffer.concat([sparse, Buffer.alloc(512)])),
    /no plain file/,
  );
  const one = headerOf({ name: 'many', size: 0 });
  const many = Buffer.concat(Array.from({ length: 100_000 }, () => one));
  await bomb(
    'a million members',
    (zstd) => Array.from({ length: 10 }).forEach(() => zstd.write(many)),
    /"many" is no member/,
  );
  const global = Buffer.concat([headerOf({ name: 'pax', size: 1024 }, 'g'), Buffer.alloc(1024)]);
  const globals = Buffer.concat(Array.from({ length: 10_000 }, () => global));
  await bomb('headers without members', (zstd) => zstd.write(globals), /belong to no member/);
  await refuses(
    'more members in the manifest than there are kinds',
    withManifest(members, (manifest) => {
      manifest['members'] = Array.from({ length: 100_000 }, () => ({
        name: 'run/plan.json',
        size: 1,
        sha256: 'a'.repeat(64),
      }));
    }),
    /more than 1048576|manifest\.json is not valid: members/,
  );
});

/** A header as tar-stream writes it, with another kind. */
function headerOf({ name, size }: { name: string; size: number }, kind = '0'): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write('0000600\0', 100);
  header.write('0000000\0', 108);
  header.write('0000000\0', 116);
  header.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
  header.write('00000000000\0', 136);
  header.write(kind, 156);
  header.write('ustar\x0000', 257, 'latin1');
  header.fill(' ', 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}

function withManifest(
  members: readonly Member[],
  change: (manifest: Record<string, unknown>) => void,
): Member[] {
  return members.map((member) =>
    member.header.name === 'manifest.json'
      ? { ...member, bytes: edited(members, 'manifest.json', change) }
      : member,
  );
}

t.test('files that are no bundles', async (t) => {
  const { root, file, isBad } = await sound(t);
  const other = async (name: string, content: Buffer | string, says: RegExp) => {
    await writeFile(join(root, name), content);
    await isBad(name, says, join(root, name));
  };
  const whole = await readFile(file);
  await other('empty', '', /not compressed with zstd/);
  await other('text', 'hello\n', /not compressed with zstd/);
  await other('gzip', Buffer.from('1f8b08000000000000', 'hex'), /not compressed with zstd/);
  await other('cut', whole.subarray(0, whole.length / 2), /cut off or damaged/);
  await other('magic', whole.subarray(0, 4), /cut off or damaged|is empty/);
  await other('tail', Buffer.concat([whole, Buffer.from('junk junk')]), /damaged/);
  const flipped = Buffer.from(whole);
  flipped.writeUInt8(flipped.readUInt8(whole.length - 200) ^ 0xff, whole.length - 200);
  await other('flipped', flipped, /damaged|not the one of its manifest/);
  await other('not tar', await compress(pieces('no tar at all '.repeat(1000))), /cut off or damaged/);
  await isBad('missing', /no such file/, join(root, 'missing'));
  await isBad('a directory', /it is not a file/, root);
  await execa('mkfifo', [join(root, 'fifo')]);
  await isBad('a FIFO', /it is not a file/, join(root, 'fifo'));
  await symlink('/dev/zero', join(root, 'zero'));
  await isBad('a device', /it is not a file/, join(root, 'zero'));
});

async function* pieces(text: string) {
  yield Buffer.from(text);
}

t.test('the manifest and the hashes decide', async (t) => {
  const { members, refuses } = await sound(t);
  const manifest = (what: string, change: (value: Record<string, unknown>) => void, says: RegExp) =>
    refuses(what, withManifest(members, change), says);
  await manifest('another schema', (value) => (value['schema'] = 2), /has schema 2, this crashpath reads 1/);
  await manifest('another format', (value) => (value['format'] = 'x'), /manifest\.json is not valid: format/);
  await manifest('an unknown key', (value) => (value['run'] = 'rm -rf /'), /manifest\.json is not valid/);
  await manifest(
    'a wrong promise',
    (value) => (value['contents'] = 'hashes-only'),
    /should not have kernel\/vmlinuz/,
  );
  await manifest(
    'no image',
    (value) => delete value['image'],
    /image is not the one of images\/manifest\.json/,
  );
  await refuses(
    'another kernel than the manifest says',
    members.map((member) =>
      member.header.name === 'kernel/vmlinuz' ? { ...member, bytes: Buffer.from('x') } : member,
    ),
    /kernel\/vmlinuz is not the one of its manifest/,
  );
  await refuses(
    'no JSON',
    members.map((member) =>
      member.header.name === 'manifest.json' ? { ...member, bytes: Buffer.from('{') } : member,
    ),
    /manifest\.json is not JSON/,
  );
});

t.test('every part goes through its schema, and the plan names nothing of a host', async (t) => {
  const { members, refusesMember } = await sound(t);
  const plan = (change: (value: Record<string, unknown>) => void, says: RegExp) =>
    refusesMember('run/plan.json', edited(members, 'run/plan.json', change), says);
  const set = (path: string, to: unknown) => (value: Record<string, unknown>) => {
    const keys = path.split('.');
    const last = keys.pop() ?? '';
    const inner = keys.reduce<unknown>((at, key) => Reflect.get(Object(at), key), value);
    Reflect.set(Object(inner), last, to);
  };
  await plan(set('kernel.bzImage', '/etc/shadow'), /its plan names files of a host/);
  await plan(set('captureKernel.modulesDir', '/lib/modules'), /its plan names files of a host/);
  await plan(set('kernel.release', '../../x'), /no valid sha256, release or spec/);
  await plan(set('kernel.sha256', 'a'.repeat(64)), /kernel\/vmlinuz is not the kernel of its plan/);
  await plan(set('kernel.release', '6.9.9'), /is 6\.1\.192-cp-no-zap, its plan says 6\.9\.9/);
  await plan(set('kernel.spec', '$(id)'), /no valid sha256, release or spec/);
  await plan(set('runId', '../../runs'), /a name that is none/);
  await plan(set('machine.type', 'pc,dumpdtb=x'), /dumpdtb=x may name a file/);
  await plan(set('machine.type', 'pc,foo=/etc/passwd'), /may name a file/);
  await plan(set('machine.cpuModel', 'max -drive file=/etc/passwd'), /QEMU has no such name/);
  await plan(set('machine.cpus', 100_000), /it is not from 1 to 64/);
  await plan(set('append', 'console=ttyS0\nx'), /control character/);
  await plan(set('scenario.trigger', { kind: 'shell' }), /run\/plan\.json is not valid/);
  await plan(set('scenario.hooks', { after: 'rm -rf /' }), /run\/plan\.json is not valid/);
  await plan(set('scenario.crashKernel', 'absent'), /it expects "captured" with crashKernel: absent/);
  await refusesMember('run/plan.json', Buffer.from('[]'), /run\/plan\.json is not valid/);
  await refusesMember('run/verdict.json', Buffer.from('{}'), /run\/verdict\.json is not valid/);
  await refusesMember(
    'run/host.jsonl',
    Buffer.from('{"fact":"exec"}\n'),
    /line 1 of its run\/host\.jsonl is not valid/,
  );
  await refusesMember('run/chunks.jsonl', Buffer.from('nonsense\n'), /line 1 of its run\/chunks\.jsonl/);
  await refusesMember('kernel/vmlinuz', Buffer.from('x'), /is not the kernel of its plan/);
  await refusesMember('images/manifest.json', Buffer.from('{}'), /images\/manifest\.json is not valid/);
  await refusesMember('images/production.cpio', Buffer.from('x'), /image is not the one/);
});

t.test("QEMU's binary and arguments of a bundle are used nowhere", async (t) => {
  const { members, file, read } = await sound(t);
  const evil = edited(members, 'run/plan.json', (value) => {
    value['qemu'] = { binary: '/bin/sh', version: '9', args: ['-c', 'id', '-initrd', '/etc/passwd'] };
    value['host'] = 'ssh://root@victim';
  });
  await writeFile(file, await compress(tarOf(withMember(members, 'run/plan.json', evil))));
  const { held } = await read();
  t.match(held?.kernel.bzImage, /\/kernel\/vmlinuz$/);
  t.match(held?.initrd, /\/images\/production\.cpio$/);
});
