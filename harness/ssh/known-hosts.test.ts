import { createHmac } from 'node:crypto';
import t from 'tap';
import { judgeHostKey, knownKeyTypes, lookupName } from './known-hosts.js';

/** The blob of a public key of that type with that content. */
function blob(type: string, content: string): Buffer {
  const part = (bytes: Buffer) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return Buffer.concat([length, bytes]);
  };
  return Buffer.concat([part(Buffer.from(type)), part(Buffer.from(content))]);
}

const KEY = blob('ssh-ed25519', 'one');
const OTHER = blob('ssh-ed25519', 'two');
const line = (hosts: string, key = KEY, type = 'ssh-ed25519') =>
  `${hosts} ${type} ${key.toString('base64')} comment`;
const judge = (text: string, server = { name: 'box', port: 22 }, key = KEY) =>
  judgeHostKey([{ path: 'known', text }], server, key);

function hashed(name: string): string {
  const salt = Buffer.from('01234567890123456789');
  const hash = createHmac('sha1', salt).update(name).digest('base64');
  return `|1|${salt.toString('base64')}|${hash}`;
}

t.test('a known key', async (t) => {
  t.match(judge(line('box')), { kind: 'known' });
  t.match(judge(line('other,box,10.0.0.1')), { kind: 'known' });
  t.match(judge(line('*.example'), { name: 'a.example', port: 22 }), { kind: 'known' });
  t.match(judge(line('BOX'), { name: 'Box', port: 22 }), { kind: 'known' }, 'names have no case');
  t.match(judge(line('[box]:2222'), { name: 'box', port: 2222 }), { kind: 'known' });
  t.match(judge(line(hashed('box'))), { kind: 'known' });
  t.match(judge(line(hashed('[box]:2222')), { name: 'box', port: 2222 }), { kind: 'known' });
  t.match(judge(`${line('box', OTHER)}\n${line('box')}`), { kind: 'known' }, 'one of several');
});

t.test('near misses are unknown', async (t) => {
  for (const text of [
    '',
    line('boxx'),
    line('?box'),
    line('!box,*'),
    line('[box]:2222'),
    line(hashed('boxx')),
    `# ${line('box')}`,
    `@cert-authority ${line('box')}`,
    line('box', KEY, 'ssh-rsa'),
    'box ssh-ed25519 !!!!',
    '|1|a|b|c ssh-ed25519 AAAA',
  ]) {
    t.match(judge(text), { kind: 'unknown' }, text);
  }
  t.match(
    judge(line('box'), { name: 'box', port: 2222 }),
    { kind: 'unknown' },
    'another port is another server',
  );
});

t.test('changed, of another type, revoked', async (t) => {
  t.match(judge(`\n${line('box', OTHER)}`), { kind: 'changed', where: 'known:2' });
  const rsa = blob('ssh-rsa', 'r');
  t.match(judge(line('box', rsa, 'ssh-rsa')), { kind: 'other-type', types: ['ssh-rsa'] });
  t.match(judge(`${line('box')}\n@revoked ${line('*')}`), { kind: 'revoked', where: 'known:2' });
  t.strictSame(
    knownKeyTypes(
      [{ path: 'k', text: `${line('box')}\n${line('box', rsa, 'ssh-rsa')}\n@revoked ${line('box')}` }],
      {
        name: 'box',
        port: 22,
      },
    ),
    ['ssh-ed25519', 'ssh-rsa'],
  );
});

t.test('a pattern made of stars ends', async (t) => {
  const name = 'a'.repeat(250);
  t.match(judge(line(`${'*a'.repeat(100)}b`), { name, port: 22 }), { kind: 'unknown' });
  t.equal(lookupName({ name: 'FE80::1', port: 22 }), 'fe80::1');
});
