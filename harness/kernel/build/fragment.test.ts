import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { missingForCrash, parseConfig } from '../config.js';
import { mergeConfig, unsetOptions } from './fragment.js';
import { IMAGES_DIR } from './variants.js';

void t.test('the fragment replaces what the base says of its options', async (t) => {
  const base = '#\n# Linux\n#\nCONFIG_A=y\n# CONFIG_B is not set\nCONFIG_AB="x"\nCONFIG_C=1\n';
  t.equal(
    mergeConfig(base, '# why\nCONFIG_B=y\nCONFIG_C=2\n# CONFIG_A is not set\n'),
    '#\n# Linux\n#\nCONFIG_AB="x"\n# why\nCONFIG_B=y\nCONFIG_C=2\n# CONFIG_A is not set\n',
  );
});

void t.test('options without effect are named', async (t) => {
  const wanted = 'CONFIG_A=y\nCONFIG_B=n\n# CONFIG_C is not set\nCONFIG_D=m\nCONFIG_E=4\nCONFIG_F="x"\n';
  t.strictSame(unsetOptions(wanted, 'CONFIG_A=y\nCONFIG_D=y\nCONFIG_E=4\nCONFIG_F="x"\n'), []);
  t.strictSame(unsetOptions(wanted, 'CONFIG_A=m\nCONFIG_B=y\n# CONFIG_D is not set\nCONFIG_E=1\n'), [
    { name: 'CONFIG_A', wanted: 'y', found: 'm' },
    { name: 'CONFIG_B', wanted: 'n', found: 'y' },
    { name: 'CONFIG_D', wanted: 'm', found: 'n' },
    { name: 'CONFIG_E', wanted: '4', found: '1' },
    { name: 'CONFIG_F', wanted: 'x', found: 'absent' },
  ]);
});

void t.test("crashpath's own fragment asks for all that a crash needs", async (t) => {
  const own = parseConfig(await readFile(join(IMAGES_DIR, 'kernel.config'), 'utf8'));
  t.strictSame(missingForCrash(own), []);
  t.equal(own.get('CONFIG_UNWINDER_FRAME_POINTER'), 'y');
});
