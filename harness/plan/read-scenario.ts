import { usageFault } from '../model/fault.js';
import { VERDICTS } from '../model/verdict.js';
import { contradictionOf } from '../trigger/triggers.js';
import { type Scenario, ScenarioSchema } from './scenario.js';
import { nicContradiction } from './check-nic.js';
import { contradictionInSources } from './check-sources.js';
import { GUEST_DEFAULTS } from './guest-defaults.js';
import { readYaml } from './read-yaml.js';

/**
 * Parses a scenario file's text. Throws a usage fault that names file, line and column, for bad YAML, a wrong type,
 * an unknown key, or a combination that contradicts itself.
 */
export function readScenario(text: string, file: string): Scenario {
  const { value } = readYaml(text, file, {
    what: 'scenario',
    schema: ScenarioSchema,
    seeAlso: 'scenarios/README.md',
  });
  requireConsistent(value, file);
  return value;
}

/** Throws a usage fault that names the file, for a scenario that contradicts itself. */
export function requireConsistent(scenario: Scenario, file: string): void {
  const { trigger } = scenario;
  // A profile sets the number of vCPUs, with which the plan is checked.
  const given = scenario.guest.profile === undefined ? GUEST_DEFAULTS.cpus : Number.POSITIVE_INFINITY;
  const cpus = scenario.guest.cpus ?? given;
  const atOdds = contradictionInSources(scenario, cpus);
  if (atOdds !== undefined) {
    throw usageFault(`cannot read scenario "${file}": ${atOdds}; see scenarios/README.md for the form`);
  }
  const contradiction = contradictionOf(trigger, { ...scenario, cpus });
  if (contradiction !== undefined) {
    const { what, why, remedy } = contradiction;
    const whole = what === undefined ? why : `${what}: ${why}`;
    throw usageFault(`cannot read scenario "${file}": ${whole}; ${remedy}`);
  }
  const unwired = nicContradiction(scenario);
  if (unwired !== undefined) throw usageFault(`cannot read scenario "${file}": ${unwired}`);
  if (scenario.guest.captureCmdline !== undefined && scenario.guest.captureAppend !== undefined) {
    throw usageFault(
      `cannot read scenario "${file}": guest.captureCmdline is the whole command line, and guest.captureAppend adds to it; write those words into it`,
    );
  }
  if (scenario.guest.loadSyscall === 'kexec_file_load' && needsSegments(scenario)) {
    throw usageFault(
      `cannot read scenario "${file}": flipCrashImage needs the place of the crash image, which kexec_file_load does not tell; drop guest.loadSyscall`,
    );
  }
  const { verdict, quality } = scenario.expect;
  if (scenario.crashKernel === 'absent' && VERDICTS[verdict].leftFirstKernel) {
    throw usageFault(
      `cannot read scenario "${file}": it expects "${verdict}" with crashKernel: absent; load a crash kernel or expect no-crash-kernel`,
    );
  }
  const idle = scenario.crashKernel === 'absent' ? forCaptureOnly(scenario) : undefined;
  if (idle !== undefined) {
    throw usageFault(
      `cannot read scenario "${file}": ${idle} is for a capture kernel, and crashKernel: absent loads none; drop one of them`,
    );
  }
  if (quality !== undefined && !VERDICTS[verdict].hasQuality) {
    throw usageFault(
      `cannot read scenario "${file}": expect.quality belongs to the verdict "captured" only; remove it`,
    );
  }
}

/** Whether a scenario needs to know where the crash image lies: kexec tells that with kexec_load only. Pure. */
export function needsSegments({ prepare }: Pick<Scenario, 'prepare'>): boolean {
  return prepare.some((step) => 'flipCrashImage' in step);
}

/** A key that would do nothing without a crash kernel. */
function forCaptureOnly({ guest, capture, proveCapture, prepare }: Scenario): string | undefined {
  const key = (['captureAppend', 'captureCmdline', 'loadSyscall'] as const).find(
    (one) => guest[one] !== undefined,
  );
  if (key !== undefined) return `guest.${key}`;
  if (capture !== undefined) return 'capture';
  if (proveCapture.length > 0) return 'proveCapture';
  return needsSegments({ prepare }) ? 'flipCrashImage' : undefined;
}
