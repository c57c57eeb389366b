import t from 'tap';
import { missingForCrash, parseConfig } from './config.js';
import { MADE_CONFIG } from '../testing/builders/kernels.js';

void t.test('a config is read with its kinds of values', async (t) => {
  const text =
    '# Automatically generated\nCONFIG_A=y\nCONFIG_B=m\n# CONFIG_C is not set\nCONFIG_D="a \\"b"\nCONFIG_E=0x10\r\nnoise\n';
  t.strictSame(
    [...parseConfig(text)],
    [
      ['CONFIG_A', 'y'],
      ['CONFIG_B', 'm'],
      ['CONFIG_C', 'n'],
      ['CONFIG_D', 'a \\"b'],
      ['CONFIG_E', '0x10'],
    ],
  );
});

void t.test('what a crash needs', async (t) => {
  t.strictSame(missingForCrash(parseConfig(MADE_CONFIG)), []);
  t.strictSame(
    missingForCrash(parseConfig(MADE_CONFIG.replace('CONFIG_KEXEC=y', 'CONFIG_KEXEC_FILE=y'))),
    [],
  );
  t.strictSame(
    missingForCrash(parseConfig(MADE_CONFIG.replace('CONFIG_KEXEC=y', '# CONFIG_KEXEC is not set'))),
    ['CONFIG_KEXEC or CONFIG_KEXEC_FILE'],
  );
  t.strictSame(missingForCrash(parseConfig(MADE_CONFIG.replace('CONSOLE=y', 'CONSOLE=m'))), [
    'CONFIG_SERIAL_8250_CONSOLE',
  ]);
  t.equal(missingForCrash(new Map()).length, 7);
});
