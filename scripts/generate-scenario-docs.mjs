#!/usr/bin/env node
/**
 * Writes docs/scenarios.md from scenarios/*.yaml (build first):
 *
 *   node scripts/generate-scenario-docs.mjs            writes it
 *   node scripts/generate-scenario-docs.mjs --check    exits 1 when the page is stale
 *
 * The page is for choosing a scenario: what happens to the guest, what is proved, what is expected, and the evidence.
 * Steps and preparations are not repeated; each section links to its file. The page depends on nothing but the scenario
 * files and the defaults in the code.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { code, factWords, fail, headerComment } from './docs-words.mjs';

const ROOT = new URL('../', import.meta.url);
const SCENARIOS = new URL('scenarios/', ROOT);
const PAGE = new URL('docs/scenarios.md', ROOT);
const READER = new URL('dist/plan/read-scenarios.js', ROOT);

if (!existsSync(READER)) {
  fail('cannot write docs/scenarios.md: crashpath is not built; run scripts/setup first');
}
const { readScenarios } = await import(READER.href);
const { contextOf, provedBy, wordsOf } = await import(new URL('dist/trigger/triggers.js', ROOT).href);
const { statementOf } = await import(new URL('dist/proof/proofs.js', ROOT).href);
const { GUEST_DEFAULTS } = await import(new URL('dist/plan/guest-defaults.js', ROOT).href);

const text = page(readAll());
if (process.argv.includes('--check')) {
  if (!existsSync(PAGE) || readFileSync(PAGE, 'utf8') !== text) {
    fail('docs/scenarios.md is stale; run node scripts/generate-scenario-docs.mjs');
  }
} else {
  writeFileSync(PAGE, text);
}

/** Every scenario file, by name, with the comment at its head. */
function readAll() {
  return readdirSync(SCENARIOS)
    .filter((file) => file.endsWith('.yaml'))
    .sort()
    .map((file) => {
      const yaml = readFileSync(new URL(file, SCENARIOS), 'utf8');
      let scenarios;
      try {
        scenarios = readScenarios(yaml, `scenarios/${file}`);
      } catch (error) {
        fail(error.message);
      }
      const [scenario] = scenarios;
      const stem = file.replace(/\.yaml$/, '');
      const isNamed = ({ name }) => (scenarios.length === 1 ? name === stem : name.startsWith(`${stem}-`));
      if (!scenarios.every(isNamed)) {
        fail(`cannot describe "scenarios/${file}": its name is ${scenario.name}; name both alike`);
      }
      return { stem, scenario, members: scenarios.length === 1 ? [] : scenarios, prose: headerComment(yaml) };
    });
}

function page(entries) {
  return [
    '# The scenarios',
    '',
    '<!-- Generated from scenarios/*.yaml by scripts/generate-scenario-docs.mjs: edit those. -->',
    '',
    'Run one with `crashpath run NAME -k KERNEL`. Triggers, keys and how to write a scenario: [scenarios/README.md](../scenarios/README.md). Verdicts: [verdicts.md](verdicts.md). Choreographies: [choreography.md](choreography.md). Kernel sources are those of v6.1 unless stated otherwise. "The thread" is "[PATCH] x86, kdump: No need to disable ioapic in crash path" (LKML, 2012-02-29 to 2012-05-02).',
    '',
    `Unless stated otherwise, a guest has ${GUEST_DEFAULTS.cpus} vCPUs and ${GUEST_DEFAULTS.memoryMiB} MiB, reserves crashkernel=${GUEST_DEFAULTS.crashkernel}, and has a crash kernel armed with \`kexec -p\`, which is proved right before firing (\`/sys/kernel/kexec_crash_loaded\` = 1).`,
    '',
    '| trigger | context of the panic | scenarios |',
    '|---|---|---|',
    ...indexRows(entries),
    '',
    ...entries.flatMap(section),
  ].join('\n');
}

function indexRows(entries) {
  const byTrigger = new Map();
  for (const { stem, scenario } of entries) {
    const { kind } = scenario.trigger;
    const { links = [] } = byTrigger.get(kind) ?? {};
    byTrigger.set(kind, {
      context: contextOf(scenario.trigger),
      links: [...links, `[${stem}](#${stem})`],
    });
  }
  return [...byTrigger].map(([kind, { context, links }]) => `| ${kind} | ${context} | ${links.join(', ')} |`);
}

function section({ scenario, prose, stem, members }) {
  const { summary, trigger, expect, evidence } = scenario;
  const many = members.length > 0;
  const fired = many || trigger.kind === 'choreography' ? '' : `: ${wordsOf(trigger, code)}`;
  return [
    `## ${stem}`,
    '',
    `**${many ? `${members.length} scenarios, e.g. ${escaped(summary)}` : sentence(summary)}.** ${withCode(prose)}`,
    '',
    `- [${trigger.kind}](../scenarios/${stem}.yaml)${fired}. Expected: ${many ? 'see below' : expected(expect)}`,
    ...(many ? [] : factsOf(scenario)).map((fact) => `- ${fact}`),
    ...evidence.map((line) => `- evidence: ${escaped(line.replaceAll(' (v6.1)', ''))}`),
    '',
    ...membersTable(members),
  ];
}

/** The members of a scenario with axes: the types of a crash point in one row. Their stimuli are in the file. */
function membersTable(members) {
  if (members.length === 0) return [];
  const rows = new Map();
  for (const { trigger, expect } of members) {
    const key = `${code(trigger.point)} | ${expected(expect)}`;
    rows.set(key, [...(rows.get(key) ?? []), code(trigger.type)]);
  }
  return [
    '| crash point | expected | types |',
    '|---|---|---|',
    ...[...rows].map(([key, types]) => `| ${key} | ${types.join(', ')} |`),
    '',
  ];
}

function factsOf(scenario) {
  const parts = [
    ['guest', guest(scenario)],
    ['from outside', scenario.sources.map(sourceWords)],
    ['proved', proved(scenario)],
    ['proved by the capture kernel', scenario.proveCapture.map(provedByCapture)],
  ];
  return parts.flatMap(([title, items]) => (items.length === 0 ? [] : [`${title}: ${items.join('; ')}`]));
}

function guest({ guest: wanted, crashKernel, capture }) {
  return [
    crashKernel === 'absent' && 'no crash kernel is loaded',
    wanted.profile !== undefined &&
      [wanted.profile]
        .flat()
        .map((name) => `[${name}](machines.md#${name})`)
        .join(', '),
    wanted.cpus !== undefined &&
      wanted.cpus !== GUEST_DEFAULTS.cpus &&
      `${wanted.cpus} vCPU${wanted.cpus === 1 ? '' : 's'}`,
    wanted.memoryMiB !== undefined && `${wanted.memoryMiB} MiB`,
    wanted.crashkernel !== undefined && `crashkernel=${wanted.crashkernel}`,
    wanted.nic !== undefined &&
      `${wanted.nic.model} on ${wanted.nic.net === 'frames' ? 'raw frames' : 'a closed user network'}`,
    wanted.append !== undefined && code(wanted.append),
    wanted.captureAppend !== undefined && `capture kernel ${code(shortened(wanted.captureAppend))}`,
    wanted.modules !== undefined && `modules ${wanted.modules.map(code).join(', ')}`,
    capture !== undefined && 'the capture kernel exercises the card',
  ].filter((item) => item !== false);
}

/** The beginning of a long command line. */
function shortened(append) {
  const words = append.split(' ');
  return words.length > 12 ? `${words.slice(0, 2).join(' ')} ... ${words.at(-1)}` : append;
}

function proved({ crashKernel, prepare, prove, trigger }) {
  const steps = trigger.kind === 'choreography' ? trigger.steps : [];
  return [
    ...(crashKernel === 'absent' ? ['`/sys/kernel/kexec_crash_loaded` is `0`'] : []),
    ...(prepare.some((preparation) => 'flipCrashImage' in preparation)
      ? ['the inverted byte is read back']
      : []),
    ...prove.map(proofOfState),
    ...provedBy(trigger),
    ...proofsInSteps(steps),
  ];
}

/** A sysctl by its name, as in sysctl(8). */
function shortFact(proof) {
  const name = /^\/proc\/sys\/(.+)$/.exec(proof.read?.path ?? '')?.[1];
  const { equals } = proof.read ?? {};
  return name !== undefined && equals !== undefined
    ? code(`${name.replaceAll('/', '.')}=${equals}`)
    : factWords(proof);
}

function proofOfState(proof) {
  if ('read' in proof || 'output' in proof) return shortFact(proof);
  if ('panic' in proof) {
    const { says, stackHas } = proof.panic;
    return [
      says !== undefined && `the panic says ${code(says)}`,
      stackHas !== undefined && `its stack has ${functions(stackHas)}`,
    ]
      .filter((part) => part !== false)
      .join(', ');
  }
  if ('everyVcpu' in proof) return `${flagWords(proof.everyVcpu)} on every vCPU`;
  if ('pin' in proof) return pinWords(proof);
  if ('lapic' in proof) return `local APIC of vCPU ${proof.cpu}: ${lapicWords(proof.lapic)}`;
  if (!('interrupts' in proof)) return code(statementOf(proof));
  const { row, risesBy, withinMs } = proof.interrupts;
  const when = withinMs === undefined ? '' : ` within ${withinMs / 1000} s before firing`;
  return `row ${code(row)} of \`/proc/interrupts\` rises by ${risesBy}${when}`;
}

/** The proofs of a choreography, once each, those about one role together. */
function proofsInSteps(steps) {
  const proofs = steps.flatMap((step) => ('prove' in step ? [step.prove] : []));
  const ofRole = new Map();
  const others = new Set();
  for (const proof of proofs) {
    if ('role' in proof) {
      const words = ofRole.get(proof.role) ?? new Set();
      const moved = 'in' in proof && [...words].some((word) => word.startsWith('in '));
      ofRole.set(proof.role, words.add(`${moved ? 'then ' : ''}${roleWords(proof)}`));
    } else {
      others.add(wordsWithoutRole(proof));
    }
  }
  return [...others, ...[...ofRole].map(([role, words]) => `**${role}** ${[...words].join(', ')}`)];
}

function wordsWithoutRole(proof) {
  if ('lock' in proof) return `${code(proof.lock)} ${proof.held ? 'held' : 'free'}`;
  return 'pin' in proof ? pinWords(proof) : code(statementOf(proof));
}

function roleWords(proof) {
  if ('in' in proof) return `in ${functions(proof.in)}`;
  if ('interrupts' in proof) return `interrupts ${proof.interrupts}`;
  if ('svme' in proof || 'vmxe' in proof) return flagWords(proof);
  if ('lapic' in proof) return `local APIC ${lapicWords(proof.lapic)}`;
  if ('inService' in proof) return 'a vector in service';
  if (!('stackHas' in proof)) return code(statementOf(proof));
  return `${functions(proof.stackHas)} on its stack`;
}

function flagWords({ svme, vmxe }) {
  return svme === undefined ? `CR4.VMXE = ${vmxe ? 1 : 0}` : `EFER.SVME = ${svme ? 1 : 0}`;
}

function provedByCapture(proof) {
  if ('clocksource' in proof) return `clocksource ${functions(proof.clocksource)}`;
  if ('clockevent' in proof) return `clock event device ${functions(proof.clockevent)}`;
  const { row, atLeast } = proof.interrupts;
  return `row ${code(row)} of \`/proc/interrupts\` at least ${atLeast}`;
}

function pinWords({ pin, is }) {
  const wanted = Object.entries(is).map(([key, value]) => code(`${key}: ${value}`));
  return `IO-APIC pin ${typeof pin === 'number' ? pin : `of ${code(pin)}`} ${wanted.join(', ')}`;
}

function lapicWords({ enabled, isr, irr }) {
  const vectors = (wanted) => (wanted === 'any' ? 'a vector' : `vector ${wanted}`);
  return [
    ...(enabled === undefined ? [] : [enabled ? 'enabled' : 'disabled']),
    ...(isr === undefined ? [] : [`${vectors(isr)} in service`]),
    ...(irr === undefined ? [] : [`${vectors(irr)} requested`]),
  ].join(', ');
}

function sourceWords(source) {
  const until = source.until === 'fired' ? 'until firing' : 'until the run ends';
  const rate = (perSecond) =>
    perSecond === 'max' ? 'at full rate' : perSecond === 'once' ? 'once' : `${perSecond} per second`;
  if ('frames' in source) {
    return `${source.frames} frames of ${source.sizeBytes} bytes, ${rate(source.perSecond)}, ${until}`;
  }
  if ('pin' in source) {
    const pin = typeof source.pin === 'number' ? `pin ${source.pin}` : `pin of ${code(source.pin)}`;
    const how = source.drive === 'held' ? 'held asserted' : `pulsed ${rate(source.drive.pulsesPerSecond)}`;
    return `${pin} ${how}, ${until}`;
  }
  const what = 'vector' in source ? `vector ${source.vector}` : 'NMI';
  const least = source.atLeastPerSecond === undefined ? '' : ` (void below ${source.atLeastPerSecond})`;
  return `${what} to vCPU ${source.cpu}, ${rate(source.perSecond)}${least}, ${until}`;
}

function functions(names) {
  return [names].flat().map(code).join(' or ');
}

function expected({ verdict, detail, quality }) {
  const word = detail === undefined ? verdict : `${verdict}/${detail}`;
  return `\`${word}\`${quality === undefined ? '' : `, ${quality}`}`;
}

function escaped(value) {
  return value.replace(/[\\`*<[\]]/g, '\\$&');
}

/** Text in which backticks mean code, as in Markdown. */
function withCode(value) {
  return value.replace(/[\\*<[\]]/g, '\\$&');
}

function sentence(value) {
  return escaped(value.charAt(0).toUpperCase() + value.slice(1));
}
