import { z } from 'zod';
import { firing, lacksCpu } from './trigger.js';

const DIRECTORY = '/sys/devices/system/machinecheck';

/** MCi_STATUS: VAL, UC, EN, PCC (bits 63, 61, 60, 57), and 1, an unclassified error (Intel SDM vol. 3B, 15.9.1). */
const FATAL = '0xb200000000000001';
/** MCG_STATUS: MCIP, and not RIPV: no restart where it was interrupted. */
const IN_PROGRESS = '0x4';
const VALID = 1n << 63n;

/** 64 bits of a register. In quotes: a number of YAML is exact up to 2^53 only. */
const FORM = `must be the register's bits in quotes, such as "${FATAL}"`;
const register = z.string({ error: FORM }).regex(/^0x[0-9a-fA-F]{1,16}$/, FORM);

/**
 * A machine check that QEMU's monitor puts into a bank of a vCPU: an uncorrected one raises #MC there (`broadcast`: on
 * all), a corrected one is only found when the kernel looks into its banks. A kernel without machine checks, and an
 * error that QEMU refuses, make the run void.
 */
export const mce = firing({
  schema: z.strictObject({
    kind: z.literal('mce'),
    cpu: z.number().int().min(0).max(255).default(0),
    bank: z.number().int().min(0).max(31).default(1),
    status: register
      .default(FATAL)
      .refine((text) => (BigInt(text) & VALID) !== 0n, 'must have bit 63 (VAL), as every error of a bank'),
    mcgStatus: register.default(IN_PROGRESS),
    addr: register.default('0x0'),
    misc: register.default('0x0'),
    /** The other CPUs take a machine check too, without an error of their own. */
    broadcast: z.boolean().default(false),
  }),
  context: 'machine check context (#MC), interrupts and NMIs blocked',
  needs: ['machineCheck'],
  proves: ({ cpu, bank }) => [`the kernel handles machine checks, CPU ${cpu} has bank ${bank}`],
  contradiction: ({ cpu }, { cpus }) => lacksCpu('its machine check is for', cpu, cpus),
  arm: async ({ cpu, bank, status, mcgStatus, addr, misc, broadcast }, target) => {
    const listed = await target.runScript(
      `cd ${DIRECTORY}/machinecheck${cpu} && echo bank* && cat bank${bank}`,
      'listing the machine check banks',
    );
    target.require({
      what: `the kernel handles machine checks of bank ${bank} on CPU ${cpu}`,
      proved: listed.status === 0,
      saw:
        listed.status === 0
          ? `MC${bank}_CTL ${listed.output.trim().split('\n').at(-1)?.slice(0, 40)}`
          : `no ${DIRECTORY}/machinecheck${cpu}/bank${bank}: a kernel without CONFIG_X86_MCE, mce=off, or a CPU model without it`,
    });
    const registers = { status, mcgStatus, addr, misc };
    const values = {
      ...{ status: BigInt(status), mcgStatus: BigInt(mcgStatus) },
      ...{ addr: BigInt(addr), misc: BigInt(misc) },
    };
    return async () => {
      const words = Object.entries(registers).map(([name, text]) => `${name} ${text}`);
      const how = `machine check, cpu ${cpu}, bank ${bank}, ${words.join(', ')}${broadcast ? ', broadcast' : ''}`;
      target.fact({ fact: 'fired', how });
      const said = await target.machineCheck.inject({ cpu, bank, ...values, broadcast });
      target.require({
        what: 'the machine takes the error',
        proved: said === '',
        saw: said === '' ? 'it does' : said.replaceAll(/\s+/g, ' ').slice(0, 200),
      });
    };
  },
});
