import type { SweptMaps } from '../../report/page/sweep.js';
import { compareMaps } from '../../sweep/compare-maps.js';
import type { MappedPoint, NmiMap, Window } from '../../sweep/map.js';
import type { PlaceLabel } from '../../model/place.js';

/** Probed points of the map of Debian 6.1 in docs/nmi-window.md: index, function with offset, instruction, place. */
const POINTS: readonly (readonly [number, string, string, PlaceLabel])[] = [
  [0, 'panic+0x0', 'nopl (%rax,%rax)', 'crashed kernel'],
  [64, '__crash_kexec+0x0', 'nopl (%rax,%rax)', 'crashed kernel'],
  [118, 'native_machine_crash_shutdown+0x0', 'nopl (%rax,%rax)', 'crashed kernel'],
  [136, 'lapic_shutdown+0x0', 'nopl (%rax,%rax)', 'crashed kernel'],
  [163, 'crash_save_cpu+0x0', 'nopl (%rax,%rax)', 'crashed kernel'],
  [288, 'machine_kexec+0x0', 'nopl (%rax,%rax)', 'crashed kernel'],
  [372, 'machine_kexec+0x189', 'lidt 6(%rsp)', 'crashed kernel'],
  [373, 'machine_kexec+0x18e', 'lgdt 6(%rsp)', 'crashed kernel'],
  [384, 'relocate_kernel+0x0', 'push %rbx', 'crashed kernel'],
  [414, 'identity_mapped+0x0', 'push $0', 'jump'],
  [454, 'purgatory+0x760', 'lgdt 0x2ef57f30', 'purgatory'],
  [495, 'decompressor+0x200', 'cld', 'decompressor'],
  [577, 'moved decompressor+0x7bf340', 'xor %eax,%eax', 'moved decompressor'],
  [645, 'moved decompressor+0x7c546c', 'lidt 0x2ed52040', 'moved decompressor'],
  [646, 'moved decompressor+0x7c5473', 'add $0x18,%rsp', 'moved decompressor'],
  [727, 'moved decompressor+0x7c54ed', 'lidt 0x2ed52040', 'moved decompressor'],
  [728, 'moved decompressor+0x7c54f4', 'add $8,%rsp', 'moved decompressor'],
  [741, 'startup_64+0x0', 'lea 0x2c803f58,%rsp', 'capture kernel'],
  [813, 'secondary_startup_64_no_verify+0x5f', 'lgdt 0xffffffff82a1a000', 'capture kernel'],
  [882, 'idt_setup_early_handler+0x0', 'call __fentry__', 'capture kernel'],
  [1116, 'native_load_idt+0x0', 'lidt (%rdi)', 'capture kernel'],
  [1117, 'native_load_idt+0x3', 'jmp __x86_return_thunk', 'capture kernel'],
];

/** Maps of two kernels; on the second the NMI in purgatory hangs. */
export function madeMaps(): SweptMaps {
  const one = madeMap('debian:6.1', 'reset: triple fault');
  const other = madeMap('debian:6.12', 'hang: all-vcpus-halted');
  return { maps: [one, other], comparison: compareMaps(one, other) };
}

function madeMap(spec: string, inPurgatory: string): NmiMap {
  const probed = POINTS.map(([index, name, instruction, stage]): MappedPoint => {
    const lost = (index >= 373 && index <= 645) || (index >= 728 && index <= 1116);
    const text = !lost ? 'captured' : stage === 'purgatory' ? inPurgatory : 'reset: triple fault';
    const end = !lost ? 'captured' : text.startsWith('hang') ? 'hang' : 'reset';
    const verdict = !lost ? 'captured' : end === 'hang' ? 'purgatory-hang' : 'crash-path-reset';
    const outcome = {
      end,
      text,
      verdict,
      detail: 'made',
      lastPhase: null,
      runId: `p${index}`,
      directory: '',
    } as const;
    const group = name.replace(/\+0x.*/, '');
    return { index, at: '0', name, group, stage, instruction, idt: undefined, nmiGate: !lost, outcome };
  });
  const windowOf = (from: number, to: number): Window[] => {
    const inside = probed.filter(({ index }) => index >= from && index <= to);
    const [first, last] = [inside[0], inside.at(-1)];
    if (first === undefined || last === undefined) return [];
    const ends = [...new Set(inside.map(({ outcome }) => outcome.text))];
    return [{ first, last, firstExact: true, lastExact: true, ends }];
  };
  return {
    ...{ schema: 1, sweep: 'nmi-transition', cpus: 1, accel: 'tcg', points: 1118, runs: 25 },
    ...{ complete: true, unreachable: 0 },
    kernel: { spec, release: spec, captureRelease: spec },
    control: { verdict: 'captured', runId: 'control' },
    ...{ probed, changes: [], windows: [...windowOf(373, 645), ...windowOf(728, 1116)] },
  };
}
