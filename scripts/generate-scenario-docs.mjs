#!/usr/bin/env node
/**
 * Writes docs/scenarios.md from scenarios/*.yaml (build first):
 *
 *   node scripts/generate-scenario-docs.mjs            writes it
 *   node scripts/generate-scenario-docs.mjs --check    exits 1 when it is not what the scenarios say
 *
 * The page depends on nothing but the scenario files and the defaults in the code.
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
const { provedBy, wordsOf } = await import(new URL('dist/trigger/triggers.js', ROOT).href);
const { GUEST_DEFAULTS } = await import(new URL('dist/plan/guest-defaults.js', ROOT).href);

const text = page(readAll());
if (process.argv.includes('--check')) {
  if (!existsSync(PAGE) || readFileSync(PAGE, 'utf8') !== text) {
    fail('docs/scenarios.md is not what scenarios/ says; run node scripts/generate-scenario-docs.mjs');
  }
} else {
  writeFileSync(PAGE, text);
}

/** Every scenario with the comment that its file begins with, by name. */
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
  const rows = entries.map(
    ({ stem, members, scenario: { summary, trigger, expect } }) =>
      `| [${stem}](#${stem}) | ${members.length > 0 ? `${members.length} scenarios: ` : ''}${cell(summary)}${members.length > 0 ? ', and so on' : ''} | ${trigger.kind} | ${expected(expect)} |`,
  );
  return [
    '# The scenarios',
    '',
    '<!-- Generated from scenarios/*.yaml by scripts/generate-scenario-docs.mjs: edit those. -->',
    '',
    'What `crashpath list` shows, in full. Words of the last column: [verdicts.md](verdicts.md). Steps: [choreography.md](choreography.md). How to write one: [scenarios/README.md](../scenarios/README.md).',
    '',
    `Unless a scenario says otherwise, a guest has ${GUEST_DEFAULTS.cpus} vCPUs and ${GUEST_DEFAULTS.memoryMiB} MiB, reserves crashkernel=${GUEST_DEFAULTS.crashkernel}, and has a crash kernel armed with \`kexec -p\`, which is proved right before firing (\`/sys/kernel/kexec_crash_loaded\` = 1).`,
    '',
    '| scenario | what happens | trigger | expected |',
    '|---|---|---|---|',
    ...rows,
    '',
    ...entries.flatMap(section),
  ].join('\n');
}

/** A file with members: why it is there, and what they are. */
function membersSection({ stem, members, prose }) {
  const rows = members.map(({ name, trigger, expect }) => {
    const row = [name, fired(trigger), expected(expect)];
    return `| ${row.map((value) => value.replaceAll('|', '\\|')).join(' | ')} |`;
  });
  return [
    `## ${stem}`,
    '',
    escaped(prose),
    '',
    ...list('Evidence', members[0].evidence.map(escaped)),
    '| scenario | fired by | expected |',
    '|---|---|---|',
    ...rows,
    '',
    `\`crashpath run ${stem}\` runs all ${members.length}, \`crashpath run ${members[0].name} -k stock\` one.`,
    '',
  ];
}

function section({ scenario, prose, stem, members }) {
  if (members.length > 0) return membersSection({ stem, members, prose });
  const { name, summary, evidence, trigger, expect } = scenario;
  return [
    `## ${name}`,
    '',
    `**${sentence(summary)}**${prose === '' ? '' : ` ${escaped(prose)}`}`,
    '',
    ...list('Evidence', evidence.map(escaped)),
    ...list('Guest', guest(scenario)),
    ...list('Prepared', scenario.prepare.map(prepared)),
    ...list('From outside', scenario.sources.map(sourceWords)),
    ...list('Proved', proved(scenario)),
    ...list('Proved by the capture kernel, when it reports', scenario.proveCapture.map(provedByCapture)),
    ...(trigger.kind === 'choreography'
      ? ['Steps:', '', ...trigger.steps.map((step, index) => `${index + 1}. ${stepWords(step)}`)]
      : [`Fired by: ${fired(trigger)}.`]),
    ...(scenario.capture === undefined
      ? []
      : ['', 'The capture kernel drives the network card and counts its interrupts.']),
    '',
    `Expected: ${expected(expect)}. \`crashpath run ${name} -k debian:6.1\``,
    '',
  ];
}

function list(title, items) {
  return items.length === 0 ? [] : [`${title}:`, '', ...items.map((item) => `- ${item}`), ''];
}

function netWords(net) {
  return net === 'frames'
    ? 'raw frames to and from crashpath'
    : "QEMU's own network with one way out, to crashpath";
}

function guest({ guest: wanted, crashKernel, watchMs }) {
  return [
    crashKernel === 'absent' && 'no crash kernel is loaded',
    wanted.profile !== undefined &&
      `machine: ${[wanted.profile]
        .flat()
        .map((name) => `[${name}](machines.md#${name})`)
        .join(', ')}`,
    wanted.cpus !== undefined && `${wanted.cpus} vCPUs`,
    wanted.memoryMiB !== undefined && `${wanted.memoryMiB} MiB`,
    wanted.crashkernel !== undefined && `crashkernel=${wanted.crashkernel}`,
    wanted.nic !== undefined && `network card: ${wanted.nic.model}, ${netWords(wanted.nic.net)}`,
    wanted.append !== undefined && `command line: ${code(wanted.append)}`,
    wanted.captureAppend !== undefined && `capture kernel's command line: ${code(wanted.captureAppend)}`,
    wanted.modules !== undefined && `modules: ${wanted.modules.map(code).join(', ')}`,
    watchMs !== undefined && `watched for ${watchMs} ms after firing`,
  ].filter((item) => item !== false);
}

function prepared(preparation) {
  if ('flipCrashImage' in preparation) {
    return `the byte at offset ${preparation.flipCrashImage.offset} of the crash image's largest segment is inverted in the guest's memory`;
  }
  return 'write' in preparation
    ? `${code(preparation.write.value)} is written to ${code(preparation.write.path)}`
    : `the guest runs ${code(preparation.script)}`;
}

function proved({ crashKernel, prepare, prove, trigger }) {
  const armed = crashKernel === 'absent' ? ['`/sys/kernel/kexec_crash_loaded` is `0`'] : [];
  const flipped = prepare.some((preparation) => 'flipCrashImage' in preparation)
    ? ['the inverted byte is read back']
    : [];
  const own = [...prove.map(proofOfState), ...provedBy(trigger)];
  const steps = trigger.kind === 'choreography' ? trigger.steps : [];
  const inSteps = steps.flatMap((step, index) => ('prove' in step ? [index + 1] : []));
  const where =
    inSteps.length === 0 ? [] : [`${inSteps.length === 1 ? 'step' : 'steps'} ${inSteps.join(', ')} below`];
  return [...armed, ...flipped, ...own, ...where];
}

function proofOfState(proof) {
  if ('read' in proof || 'output' in proof) return factWords(proof);
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
  if ('lapic' in proof) return lapicWords(`vCPU ${proof.cpu}`, proof.lapic);
  const { row, risesBy, withinMs } = proof.interrupts;
  const when = withinMs === undefined ? '' : ` before firing, within ${withinMs} ms`;
  return `row ${code(row)} of \`/proc/interrupts\` rises by ${risesBy} or more${when}`;
}

function fired(trigger) {
  return wordsOf(trigger, code);
}

function stepWords(step) {
  if ('stimulate' in step) return `Started in the guest: ${code(step.stimulate.script)}`;
  if ('hold' in step) return holdWords(step.hold);
  if ('run' in step) return runWords(step.run);
  if ('prove' in step) return `Prove: ${proofWords(step.prove)}.`;
  if ('interrupt' in step) {
    const { role, vector } = step.interrupt;
    return `Interrupt: ${vector === undefined ? 'an NMI' : `vector ${vector}`} is sent to **${role}**.`;
  }
  if ('call' in step) {
    const { role, returns } = step.call;
    const then =
      returns === 'never' ? ' and does not return' : ', returns, and stands where it stood, as it was';
    return `Call: **${role}** calls ${callWords(step.call)} from where it stands${then}.`;
  }
  if ('fire' in step) {
    const { role, call, itself, aloneMs } = step.fire;
    const alone = aloneMs > 0 ? `; it then runs alone for ${aloneMs} ms` : '';
    if (call !== undefined) return `Fire: **${role}** calls ${callWords(call)} from where it stands${alone}.`;
    if (itself === true) return `Fire: **${role}** goes on, on its own way into \`panic()\`${alone}.`;
    return `Fire: \`panic()\` is called by **${step.fire.role}** from where it stands${alone}.`;
  }
  return step.release === 'all' ? 'Let everybody go.' : `Let **${step.release}** go; who is held stays held.`;
}

function callWords({ function: name, args }) {
  return `${[name]
    .flat()
    .map((one) => code(`${one}(${args.join(', ')})`))
    .join(' or ')}`;
}

function holdWords({ as, at, on, withinMs }) {
  const who =
    on === undefined
      ? 'the first vCPU that comes'
      : on === 'turn'
        ? 'the vCPU whose turn it is'
        : `vCPU ${on}`;
  return `Hold **${as}**: ${who}${on === undefined ? '' : ', when it comes'} to ${place(at)}${within(withinMs)}.`;
}

function runWords({ as, on, to, forMs, withinMs, orElse }) {
  const which = on === undefined ? '' : on === 'turn' ? ' (the vCPU whose turn it is)' : ` (vCPU ${on})`;
  if (to === undefined) return `Let **${as}**${which} run alone for ${forMs} ms.`;
  const otherwise = orElse === 'stay' ? '; if it does not come there, it is taken where it is' : '';
  return `Let **${as}**${which} run alone to ${place(to)}${within(withinMs)}${otherwise}.`;
}

function within(withinMs) {
  return withinMs === undefined ? '' : `, within ${withinMs} ms`;
}

function place(location) {
  return typeof location === 'string' || Array.isArray(location)
    ? `the start of ${functions(location)}`
    : `where ${functions(location.after)} has returned to ${functions(location.in)}`;
}

function proofWords(proof) {
  if ('lock' in proof) return `${code(proof.lock)} is ${proof.held ? 'held' : 'free'}`;
  if ('in' in proof) return `**${proof.role}** is in ${functions(proof.in)}`;
  if ('interrupts' in proof) return `**${proof.role}** has interrupts ${proof.interrupts}`;
  if ('svme' in proof || 'vmxe' in proof) return `**${proof.role}** has ${flagWords(proof)}`;
  if ('pin' in proof) return pinWords(proof);
  if ('lapic' in proof) return lapicWords(`**${proof.role}**`, proof.lapic);
  if ('inService' in proof) return `**${proof.role}** has an interrupt in service, not yet acknowledged`;
  return `${functions(proof.stackHas)} is on the stack of **${proof.role}**`;
}

function flagWords({ svme, vmxe }) {
  return svme === undefined ? `CR4.VMXE = ${vmxe ? 1 : 0}` : `EFER.SVME = ${svme ? 1 : 0}`;
}

function provedByCapture(proof) {
  if ('clocksource' in proof) return `its clocksource is ${functions(proof.clocksource)}`;
  if ('clockevent' in proof) return `its clock event device is ${functions(proof.clockevent)}`;
  const { row, atLeast } = proof.interrupts;
  return `row ${code(row)} of its \`/proc/interrupts\` is ${atLeast} or more`;
}

function pinWords({ pin, is }) {
  const wanted = Object.entries(is).map(([key, value]) => code(`${key}: ${value}`));
  return `the IO-APIC's pin ${typeof pin === 'number' ? pin : `of ${code(pin)}`} has ${wanted.join(', ')}`;
}

function lapicWords(whose, { enabled, isr, irr }) {
  const vectors = (wanted) => (wanted === 'any' ? 'a vector' : `vector ${wanted}`);
  const wanted = [
    ...(enabled === undefined ? [] : [`is ${enabled ? 'enabled' : 'disabled'}`]),
    ...(isr === undefined ? [] : [`has ${vectors(isr)} in service`]),
    ...(irr === undefined ? [] : [`has ${vectors(irr)} requested`]),
  ];
  return `the local APIC of ${whose} ${wanted.join(', ')}`;
}

function sourceWords(source) {
  const until = source.until === 'fired' ? 'until the firing' : 'until the run ends';
  const rate = (perSecond) =>
    perSecond === 'max'
      ? 'as fast as the host can'
      : perSecond === 'once'
        ? 'once'
        : `${perSecond} times a second`;
  if ('frames' in source) {
    const pace =
      source.perSecond === 'max' ? 'as fast as the card takes them' : `${source.perSecond} a second`;
    return `${source.frames} frames of ${source.sizeBytes} bytes, ${pace}, ${until}`;
  }
  if ('pin' in source) {
    const pin = typeof source.pin === 'number' ? `pin ${source.pin}` : `the pin of ${code(source.pin)}`;
    const how =
      source.drive === 'held' ? 'is held asserted' : `is pulsed ${rate(source.drive.pulsesPerSecond)}`;
    return `${pin} ${how}, ${until}`;
  }
  const what = 'vector' in source ? `vector ${source.vector}` : 'an NMI';
  const least =
    source.atLeastPerSecond === undefined ? '' : ` (at least ${source.atLeastPerSecond}, or the run is void)`;
  return `${what} is sent to vCPU ${source.cpu} ${rate(source.perSecond)}${least}, ${until}`;
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

function sentence(value) {
  return `${escaped(value.charAt(0).toUpperCase() + value.slice(1))}.`;
}

function cell(value) {
  return escaped(value).replaceAll('|', '\\|');
}
