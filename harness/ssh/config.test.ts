import { mkdir, stat, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { parseHostAddress } from './address.js';
import { sshSettings } from './config.js';

/** Settings of an address with these files below `~/.ssh`. */
async function settings(
  t: Test,
  { config, more = {}, agent }: { config: string; more?: Record<string, string>; agent?: string },
) {
  const home = t.testdir({ '.ssh': {} });
  for (const [name, text] of Object.entries({ config, ...more })) {
    const file = join(home, '.ssh', name);
    await mkdir(join(file, '..'), { recursive: true });
    await writeFile(file, text);
  }
  const places = {
    home,
    userConfig: join(home, '.ssh', 'config'),
    systemConfig: join(home, 'none'),
    agent,
  };
  return { home, of: (given: string) => sshSettings(parseHostAddress(given), places) };
}

t.test('without a configuration', async (t) => {
  const { home, of } = await settings(t, { config: '', agent: '/agent' });
  t.match(await of('ssh://box'), {
    given: 'ssh://box',
    hostName: 'box',
    port: 22,
    user: userInfo().username,
    hostKeyName: 'box',
    identityFiles: ['id_ed25519', 'id_ecdsa', 'id_rsa'].map((name) => join(home, '.ssh', name)),
    identitiesOnly: false,
    agent: '/agent',
    jumps: [],
    serverAlive: { intervalMs: 5_000, count: 3 },
    connectMs: 20_000,
  });
});

t.test('how long a silent server is waited for', async (t) => {
  const lines = ['Host slow', '  ServerAliveInterval 10', '  ServerAliveCountMax 30', '  ConnectTimeout 120'];
  const { of } = await settings(t, {
    config: [...lines, 'Host never', '  ServerAliveInterval 0'].join('\n'),
  });
  t.match(await of('slow'), { serverAlive: { intervalMs: 10_000, count: 30 }, connectMs: 120_000 });
  await t.rejects(of('never'), { message: /"0" is no ServerAliveInterval that can be used.*use 1 to 3600/ });
});

t.test('a host of the configuration; the address has precedence', async (t) => {
  const config = [
    'Host lab',
    '  HostName %h.example',
    '  User tester',
    '  Port 2222',
    '  IdentityFile ~/.ssh/%r-key',
    '  IdentityFile /keys/two',
    '  IdentitiesOnly yes',
    '  IdentityAgent none',
    '  UserKnownHostsFile /known/one',
    '  HostKeyAlias thelab',
    '  ProxyJump gate,ssh://me@gate2:2200',
    'Host *',
    '  User other',
  ].join('\n');
  const { home, of } = await settings(t, { config, agent: '/agent' });
  t.match(await of('lab'), {
    hostName: 'lab.example',
    port: 2222,
    user: 'tester',
    hostKeyName: 'thelab',
    hostKeyPort: 22,
    identityFiles: [join(home, '.ssh', 'tester-key'), '/keys/two'],
    identitiesOnly: true,
    agent: undefined,
    jumps: ['gate', 'ssh://me@gate2:2200'],
  });
  t.equal((await of('lab')).knownHostsFiles[0], '/known/one');
  t.match(await of('ssh://root@lab:23'), { user: 'root', port: 23, hostName: 'lab.example' });
  t.match(await of('elsewhere'), { user: 'other', hostName: 'elsewhere', port: 22 });
});

t.test('other files are included, with wildcards', async (t) => {
  const config = 'Include conf.d/*.conf\nHost *\n  Port 24\n';
  const more = {
    'conf.d/a.conf': 'Host lab\n  Port 23\n',
    'conf.d/b.txt': 'Host lab\n  Port 99\n',
  };
  const { of } = await settings(t, { config, more });
  t.equal((await of('lab')).port, 23);
  t.equal((await of('box')).port, 24, 'what follows an Include belongs to no block of it');
});

t.test('what is not supported is refused in one line', async (t) => {
  for (const [config, says] of [
    ['Host *\n ProxyCommand nc %h %p', /ProxyCommand is set in the ssh configuration; use ProxyJump/],
    ['Host *\n IdentityFile ~/%C', /"%C" in "~\/%C" is not supported/],
    ['Host *\n Port many', /Port is no port/],
    ['Host *\n Include more', /Include inside a Host or Match block/],
    ['Include config', /files include each other/],
    [
      'Match host box exec "touch /tmp/x"\n Port 23',
      /"Match exec touch \/tmp\/x" .* is not asked; name the host/,
    ],
    ['Match exec true\n Port 23', /"Match exec true"/],
  ] as const) {
    const { of } = await settings(t, { config });
    await t.rejects(of('box'), { kind: 'usage', message: says }, config);
  }
});

t.test('a Match exec of other hosts does not matter, and its command is not run', async (t) => {
  const ran = join(t.testdir({}), 'ran');
  const config = `Match host lab* exec "touch ${ran}"\n  Port 23\nMatch host box\n  Port 24\n`;
  const { of } = await settings(t, { config });
  t.equal((await of('box')).port, 24);
  await t.rejects(of('lab1'), { kind: 'usage', message: /is not asked/ });
  await t.rejects(stat(ran), { code: 'ENOENT' });
});

t.test('a file that was named must be there, the usual one need not', async (t) => {
  const { home } = await settings(t, { config: '' });
  const places = { home, userConfig: join(home, 'gone'), systemConfig: '/dev/null', agent: undefined };
  t.match(await sshSettings(parseHostAddress('box'), places), { port: 22 });
  await t.rejects(sshSettings(parseHostAddress('box'), { ...places, isNamed: true }), {
    kind: 'usage',
    message: /^cannot read ssh configuration ".*gone": .*/,
  });
});
