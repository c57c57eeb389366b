import t from 'tap';
import {
  decodeRegisters,
  encodeValue,
  includedAnnexes,
  layoutFrom,
  REGISTER_NAMES,
} from './register-layout.js';

const named = (name: string, bits = 64, more = ''): string =>
  `<reg name="${name}" bitsize="${bits}" ${more}/>`;
const stubName = (name: string): string => (name === 'rflags' ? 'eflags' : name);
const ALL = REGISTER_NAMES.map((name) => named(stubName(name)));

t.test('the layout of QEMU: sizes differ, comments hide registers, extras follow', (t) => {
  const gprs = REGISTER_NAMES.slice(0, 17).map((name) => named(name));
  const flags = ['eflags', 'cs', 'ss', 'ds', 'es', 'fs', 'gs'].map((name) => named(name, 32));
  const rest = REGISTER_NAMES.slice(24).map((name) => named(name));
  const layout = layoutFrom([
    '<target><xi:include href="a.xml"/></target>',
    `<feature><flags id="x"/>${gprs.join('\n')}${flags.join('')}<!--reg name="cs_base" bitsize="64"/>
     <reg name="ss_base" bitsize="64"/-->${rest.join('')}${named('st0', 80)}</feature>`,
    `<feature>${named('k0')}</feature>`,
  ]);
  t.strictSame(layout.get('rip'), { number: 16, offsetBytes: 128, sizeBytes: 8 });
  t.strictSame(layout.get('rflags'), { number: 17, offsetBytes: 136, sizeBytes: 4 });
  t.strictSame(layout.get('cs'), { number: 18, offsetBytes: 140, sizeBytes: 4 });
  t.strictSame(
    layout.get('fs_base'),
    { number: 24, offsetBytes: 164, sizeBytes: 8 },
    'not shifted by the comment',
  );
  t.strictSame(layout.get('cr3'), { number: 29, offsetBytes: 204, sizeBytes: 8 });
  t.end();
});

t.test('numbers in the description take precedence over its order', (t) => {
  const layout = layoutFrom([
    `${named('first', 32, 'regnum="40"')}${named('second')}${named('rax', 64, 'regnum="0"')}${ALL.slice(1).join('')}`,
  ]);
  t.strictSame(layout.get('rax'), { number: 0, offsetBytes: 0, sizeBytes: 8 });
  t.strictSame(layout.get('rbx'), { number: 1, offsetBytes: 8, sizeBytes: 8 });
  t.end();
});

t.test('what is no description for x86-64', (t) => {
  const protocol = { name: 'GdbProtocolError' };
  t.throws(() => layoutFrom([]), protocol);
  t.throws(() => layoutFrom([named('eax', 32)]), { ...protocol, message: /no rax/u });
  t.throws(() => layoutFrom([ALL.slice(0, -1).join('')]), { ...protocol, message: /no efer;/u });
  t.throws(() => layoutFrom([`<!-- ${ALL.join('')} -->`]), protocol);
  t.throws(() => layoutFrom([`${ALL.join('')}<reg name="x"/>`]), {
    ...protocol,
    message: /without name or size/u,
  });
  t.throws(() => layoutFrom([named('x').repeat(5000)]), { ...protocol, message: /more than 4096/u });
  t.throws(() => layoutFrom([ALL.join('').replace('"rax"', '"toString"')]), protocol);
  t.end();
});

t.test('annexes', (t) => {
  t.strictSame(
    includedAnnexes('<xi:include href="a-1.xml"/><!-- <xi:include href="b"/> --><xi:include  href="c"/>'),
    ['a-1.xml', 'c'],
  );
  t.strictSame(includedAnnexes('<xi:include href="a:0,4"/>'), [], 'a name cannot end the request early');
  t.end();
});

t.test('values are little-endian', (t) => {
  const layout = layoutFrom([ALL.join('')]);
  const hex = REGISTER_NAMES.map((_, number) => `${number.toString(16).padStart(2, '0')}000000000000ff`).join(
    '',
  );
  const registers = decodeRegisters(hex, layout);
  t.equal(registers.rbx, 0xff00_0000_0000_0001n);
  t.equal(registers.efer, 0xff00_0000_0000_0000n + BigInt(REGISTER_NAMES.length - 1));
  t.equal(decodeRegisters(`${hex}abcd`, layout).rbx, registers.rbx, 'more than is needed');
  t.throws(() => decodeRegisters(hex.slice(0, -2), layout), { name: 'GdbProtocolError', message: /"efer"/u });
  t.throws(() => decodeRegisters(`${'x'.repeat(16)}${hex.slice(16)}`, layout), { message: /"rax"/u });
  t.equal(encodeValue(0x1234n, 4), '34120000');
  t.equal(encodeValue((1n << 64n) - 1n, 8), 'f'.repeat(16));
  t.throws(() => encodeValue(1n << 32n, 4), RangeError);
  t.throws(() => encodeValue(-1n, 4), RangeError);
  t.end();
});
