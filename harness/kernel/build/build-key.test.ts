import t from 'tap';
import { type BuildInputs, buildKey, localVersionOf } from './build-key.js';

const INPUTS: BuildInputs = {
  sourceSha256: 'a'.repeat(64),
  fragment: 'CONFIG_A=y\n',
  patchSha256: undefined,
  localVersion: '-cp-stock',
  compiler: 'gcc 12\nld 2.40',
};

void t.test('the key is a sha256, the same for the same inputs', async (t) => {
  t.match(buildKey(INPUTS), /^[0-9a-f]{64}$/);
  t.equal(buildKey({ ...INPUTS }), buildKey(INPUTS));
});

void t.test('every input changes the key', async (t) => {
  const others: Partial<BuildInputs>[] = [
    { sourceSha256: 'b'.repeat(64) },
    { fragment: 'CONFIG_A=n\n' },
    { patchSha256: 'c'.repeat(64) },
    { localVersion: localVersionOf('no-zap') },
    { compiler: 'gcc 13\nld 2.40' },
  ];
  const keys = others.map((other) => buildKey({ ...INPUTS, ...other }));
  t.equal(new Set([...keys, buildKey(INPUTS)]).size, others.length + 1);
});

void t.test(
  'what a fragment says beside its options does not count, and of an option the last value does',
  async (t) => {
    const keyOf = (fragment: string) => buildKey({ ...INPUTS, fragment });
    t.equal(keyOf('# why\n\nCONFIG_B=m\nCONFIG_A=y\n'), keyOf('CONFIG_A=y\nCONFIG_B=m\n'));
    t.equal(keyOf('CONFIG_A=n\nCONFIG_A=y\n'), keyOf('CONFIG_A=y\n'));
    t.not(
      keyOf('# CONFIG_A is not set\n'),
      keyOf('# CONFIG_A was not set\n'),
      'a line that looks like a comment',
    );
    t.not(keyOf('CONFIG_A="y"\n'), keyOf('CONFIG_A="z"\n'));
  },
);
