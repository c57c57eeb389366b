import {
  appendFile,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { runNightly } from '../cli/actions/run-nightly.js';
import { harnessFault } from '../model/fault.js';
import { type NightVerdicts, NightVerdictsSchema } from '../model/night-verdict.js';
import { makeBzImage, makeDeb, MADE_CONFIG } from '../testing/builders/kernels.js';
import { type FakeNight, type FakeNightWorks, fakeNightWorks } from '../testing/fakes/night-works.js';
import { scratch } from '../testing/files.js';
import { findKernels } from './find-kernels.js';
import { crashpathInProcess } from '../testing/command-in-process.js';

/** A directory where builds land, and nights over it. */
interface Place {
  readonly builds: string;
  readonly file: string;
  readonly out: string;
  readonly fake: Omit<FakeNight, 'signal'>;
}

/** A kernel hangs in the scenario of the lock when its release says so; controls are as they should be. */
const TRUTH: FakeNight['verdictOf'] = ({ release, scenario, trial }) => {
  if (scenario === 'no-trigger') return 'no-panic';
  const bad = release.includes('bad') || release.includes('no-zap');
  const flaky = release.includes('flaky') && trial % 3 === 0;
  return scenario === 'ioapic-lock-held' && (bad || flaky) ? 'crash-path-hang' : 'captured';
};

const SETTINGS = `campaign: { scenarios: [sysrq-task, ioapic-lock-held], repeat: 3 }
budget: 6h
`;

async function makePlace(t: Test, settings = SETTINGS, fake: Partial<FakeNight> = {}): Promise<Place> {
  const root = await scratch(t);
  await mkdir(join(root, 'builds'));
  await mkdir(join(root, 'cache'));
  const file = join(root, 'nightly.yaml');
  await writeFile(file, `version: 1\nname: made\nkernels:\n  - directory: ./builds\n${settings}`);
  const cacheDir = join(root, 'cache');
  return {
    builds: join(root, 'builds'),
    file,
    out: join(root, 'runs'),
    fake: { cacheDir, verdictOf: TRUTH, ...fake },
  };
}

let landed = 0;

/** A build lands, newer than all before it. */
async function land({ builds }: Place, name: string): Promise<void> {
  landed += 1;
  const directory = join(builds, name);
  await mkdir(directory);
  await writeFile(join(directory, `vmlinuz-6.1.0-${name}`), makeBzImage({ release: `6.1.0-${name}` }));
  await writeFile(join(directory, `config-6.1.0-${name}`), MADE_CONFIG);
  const at = new Date(Date.UTC(2026, 0, 1, 0, landed));
  await utimes(join(directory, `vmlinuz-6.1.0-${name}`), at, at);
  await utimes(directory, at, at);
}

interface Ended {
  readonly exitCode: number;
  readonly works: FakeNightWorks;
  readonly stdout: string;
}

let wall = Date.UTC(2026, 10, 27, 1, 30);

/** Carries out `crashpath nightly`, an hour after the last. */
async function night(
  place: Place,
  more: Partial<FakeNight & { again: boolean; wall: Date; dryRun: boolean; resume: string }> = {},
): Promise<Ended> {
  wall += 3_600_000;
  const works = fakeNightWorks({ ...place.fake, ...more });
  works.wall = more.wall ?? new Date(wall);
  let stdout = '';
  const write = process.stdout.write.bind(process.stdout);
  process.stdout.write = (chunk: string | Uint8Array) => {
    stdout += String(chunk);
    return true;
  };
  try {
    const argv = { file: place.file, out: place.out, resume: more.resume, again: more.again ?? false };
    const exitCode = await runNightly(
      {
        ...argv,
        dryRun: more.dryRun ?? false,
        'dry-run': more.dryRun ?? false,
        schema: false,
        json: false,
        _: [],
        $0: '',
      },
      { worksFor: () => works, settleMs: 5 },
    );
    return { exitCode, works, stdout };
  } finally {
    process.stdout.write = write;
  }
}

async function nightsOf({ out }: Place): Promise<string[]> {
  return (await readdir(join(out, 'nights'))).filter((name) => /^\d{4}-/.test(name)).sort();
}

async function verdictsOf(place: Place, name?: string): Promise<NightVerdicts> {
  const names = await nightsOf(place);
  const path = join(place.out, 'nights', name ?? names.at(-1) ?? '', 'verdicts.json');
  return NightVerdictsSchema.parse(JSON.parse(await readFile(path, 'utf8')));
}

function words({ cells }: NightVerdicts): Record<string, string> {
  return Object.fromEntries(cells.map(({ scenario, word }) => [scenario, word]));
}

t.test('three nights: a first one, a regression, a fix', async (t) => {
  const place = await makePlace(t);
  await land(place, 'one');
  const first = await night(place);
  t.equal(first.exitCode, 0, 'as expected, with nothing to be compared with');
  t.strictSame(words(await verdictsOf(place)), {
    'sysrq-task': 'cannot-tell',
    'ioapic-lock-held': 'cannot-tell',
  });
  t.match((await verdictsOf(place)).cells[0]?.why, /^no baseline yet; all 3 judged trials/);
  t.equal(first.works.ran.length, 3 + 6 + 3, 'controls, two cells, controls');
  t.match(first.works.ran.at(0), /^b0001-k01/);
  t.match(first.works.ran.at(-1), /^e0001-k03/);

  await land(place, 'two-bad');
  const second = await night(place);
  t.equal(second.exitCode, 1);
  const regressed = await verdictsOf(place);
  t.strictSame(words(regressed), { 'ioapic-lock-held': 'regressed', 'sysrq-task': 'unchanged' });
  t.equal(regressed.cells[0]?.word, 'regressed', 'first');
  t.match(regressed.cells[0], {
    tally: { hung: 8, captured: 0, rate: 1 },
    baselines: [{ kind: 'last-good', kernel: { release: '6.1.0-one' }, tally: { captured: 5, hung: 0 } }],
  });
  t.ok((regressed.cells[0]?.pValue ?? 1) <= 0.05);
  t.match(
    second.stdout,
    /REGRESSED {4}ioapic-lock-held {2}builds\n.*5 of 5 confirming trials failed, 0 of 5 of 6.1.0-one, good in night/,
  );
  t.match(
    second.stdout,
    /again: crashpath run ioapic-lock-held --kernel \S+\/nights\/kernels\/[0-9a-f]{64} .*--repeat 3/,
  );

  const idle = await night(place);
  t.equal(idle.exitCode, 1, 'the newest build is still regressed');
  t.match(idle.stdout, /nothing new.*\nSTILL REGRESSED {2}ioapic-lock-held/);
  t.strictSame(idle.works.ran, [], 'nothing is run again');

  await land(place, 'three-bad');
  await night(place);
  const [known] = (await verdictsOf(place)).cells;
  t.match(known, { word: 'regressed', why: /^known since night/ });

  await land(place, 'four');
  const fourth = await night(place);
  t.equal(fourth.exitCode, 0);
  const fixed = await verdictsOf(place);
  t.strictSame(words(fixed), { 'ioapic-lock-held': 'fixed', 'sysrq-task': 'unchanged' });
  t.match(
    fixed.cells[0]?.why,
    /^regressed since night .*, and no longer: 0 of 5 confirming trials failed, 5 of 5 of 6.1.0-three-bad/,
  );
  t.strictSame(fixed.blindBecause, []);
  const [page] = fourth.works.pages;
  t.equal(page?.directory, join(place.out, 'nights', fixed.night));
  t.equal(page?.night.cells.length, 2);
  const ofLock = page?.history.find(({ scenario }) => scenario === 'ioapic-lock-held');
  t.strictSame(
    ofLock?.points.map(({ kernel, failures, trials }) => `${kernel} ${failures}/${trials}`),
    ['6.1.0-one 0/3', '6.1.0-two-bad 8/8', '6.1.0-three-bad 8/8', '6.1.0-four 0/8'],
  );
  const controls = page?.plans.filter(({ cell }) => cell?.kernel.startsWith('control-'));
  t.match(
    controls?.map(({ cell }) => cell?.expect),
    [{ anyOf: [{ verdict: 'crash-path-hang' }, {}, {}] }, { verdict: 'captured' }, { verdict: 'no-panic' }],
  );

  await land(place, 'five');
  await night(place);
  t.strictSame(words(await verdictsOf(place)), {
    'ioapic-lock-held': 'unchanged',
    'sysrq-task': 'unchanged',
  });
});

t.test('a pinned kernel is a baseline from the first night on, and is screened once', async (t) => {
  const settings = `baselines: { kernel: ./pinned, lastGoodNight: false }\n${SETTINGS}`;
  const place = await makePlace(t, settings);
  await mkdir(join(place.file, '../pinned'));
  await writeFile(join(place.file, '../pinned/vmlinuz-6.1.0-pin'), makeBzImage({ release: '6.1.0-pin' }));
  await land(place, 'one-bad');
  t.equal((await night(place)).exitCode, 1);
  const [cell] = (await verdictsOf(place)).cells;
  t.match(cell, { word: 'regressed', baselines: [{ kind: 'pinned', kernel: { release: '6.1.0-pin' } }] });
  await land(place, 'two');
  const second = await night(place);
  t.equal(second.exitCode, 0);
  t.strictSame(words(await verdictsOf(place)), { 'ioapic-lock-held': 'fixed', 'sysrq-task': 'unchanged' });
  t.notOk(
    second.works.ran.some((run) => /^s.*baseline/.test(run)),
    'the counts of the former night stand',
  );
});

t.test('a control that fails makes the night blind, at its begin and at its end', async (t) => {
  const blindAt = (count: number): FakeNight['verdictOf'] => {
    let captures = 0;
    return (run) => {
      if (run.release.includes('cp-no-zap') && (captures += 1) >= count) return 'captured';
      return TRUTH(run);
    };
  };
  const place = await makePlace(t);
  await land(place, 'one');
  const begin = await night(place, { verdictOf: blindAt(1) });
  t.equal(begin.exitCode, 3);
  t.match(
    begin.stdout,
    /^BLIND: at its begin, the control ioapic-lock-held on no-zap did not show that it must hang: captured/,
  );
  t.equal(begin.works.ran.length, 3, 'no cell is run');
  t.match(await verdictsOf(place), {
    blind: true,
    cells: [{ word: 'cannot-tell' }, { word: 'cannot-tell' }],
  });
  const end = await night(place, { verdictOf: blindAt(2) });
  t.equal(end.exitCode, 3, 'the build is still new after a blind night');
  t.match(end.stdout, /^BLIND: at its end/);
  t.match((await verdictsOf(place)).cells, [{ word: 'cannot-tell', tally: { trials: 3 } }, {}]);
  t.equal((await night(place)).exitCode, 0, 'and after that one too');
  const voids = await makePlace(t, SETTINGS);
  await land(voids, 'x');
  let tries = 0;
  const trying = await night(voids, {
    verdictOf: (run) => (run.scenario === 'no-trigger' && (tries += 1) < 3 ? 'void' : TRUTH(run)),
  });
  t.equal(trying.exitCode, 0, 'a void control is tried again');
});

t.test('a build that is copied, cut off, or gone: one line, and the night goes on', async (t) => {
  const place = await makePlace(t, `    newest: 3\n${SETTINGS}`);
  await land(place, 'one');
  await writeFile(join(place.builds, 'bzImage-cut'), makeBzImage({ release: '6.1.0-cut' }).subarray(0, 3000));
  await writeFile(join(place.builds, 'bzImage-growing'), makeBzImage({ release: '6.1.0-growing' }));
  await writeFile(join(place.builds, 'bzImage.part'), 'x');
  const growing = setInterval(() => void appendFile(join(place.builds, 'bzImage-growing'), 'x'), 1);
  const ended = await night(place).finally(() => clearInterval(growing));
  t.match(ended.works.complained, [
    /^builds: cannot use kernel ".*bzImage-cut": it is cut off: its header says 4096 bytes, the file has 3000/,
    /^builds: build "bzImage-growing" is still being written; the next night takes it$/,
  ]);
  t.equal(ended.exitCode, 3, 'something could not be tried');
  t.strictSame(
    (await verdictsOf(place)).kernels.map(({ release }) => release),
    ['6.1.0-one'],
  );
  t.equal((await verdictsOf(place)).faults.length, 2);
  await rm(join(place.builds, 'bzImage-cut'));
  const next = await night(place);
  t.match(
    (await verdictsOf(place)).kernels,
    [{ release: '6.1.0-growing', name: 'builds' }],
    'the next night takes it',
  );
  t.equal(next.exitCode, 0);
});

t.test(
  'a build that vanishes midway is not missed, nor one that the next night is compared with',
  async (t) => {
    const place = await makePlace(t, SETTINGS);
    await land(place, 'one');
    const vanishing = await night(place, {
      beforeRun: async (_, count) => {
        if (count === 5) await rm(join(place.builds, 'one'), { recursive: true });
      },
    });
    t.equal(vanishing.exitCode, 0);
    await land(place, 'two-bad');
    t.equal((await night(place)).exitCode, 1, 'compared with a kernel that is no longer there');
    await rename(place.builds, `${place.builds}-gone`);
    const gone = await night(place);
    t.equal(gone.exitCode, 3);
    t.match(gone.works.complained, [/^builds: cannot read the directory of builds ".*": no such file/i]);
  },
);

t.test('a full disk leaves the night unfinished, and the same command continues it', async (t) => {
  const place = await makePlace(t);
  await land(place, 'one');
  const full = await night(place, {
    beforeRun: (_, count) => {
      if (count === 6)
        throw harnessFault('cannot write "x": no space left; free some space or choose another --out');
    },
  });
  t.equal(full.exitCode, 3);
  t.equal((await nightsOf(place)).length, 1);
  const rest = await night(place);
  t.match(rest.works.said[0], /has not ended: it is continued/);
  t.equal(rest.exitCode, 0);
  t.strictSame([...full.works.ran, ...rest.works.ran].length, 12, 'nothing is run twice');
  t.equal((await nightsOf(place)).length, 1);
});

t.test('the budget is counted by a clock that only goes forward; what is left over is said', async (t) => {
  const place = await makePlace(t, SETTINGS.replace('6h', '100s'), { runMs: 10_000 });
  await land(place, 'one');
  const first = await night(place);
  t.equal(first.works.ran.length, 3 + 4 + 3, 'seven runs, and time for the controls');
  t.match(await verdictsOf(place), {
    outOfBudget: true,
    cells: [{ tally: { trials: 2 } }, { tally: { trials: 2 } }],
  });
  await land(place, 'two-bad');
  const second = await night(place, { runMs: 8_000 });
  t.equal(second.exitCode, 2, 'suspect');
  const [suspect] = (await verdictsOf(place)).cells;
  t.match(suspect, {
    scenario: 'ioapic-lock-held',
    word: 'suspect',
    why: /there was no time to confirm it|is not decided/,
  });
});

t.test('a clock that was set back, and a name that is taken', async (t) => {
  const place = await makePlace(t);
  await land(place, 'one');
  await night(place, { wall: new Date('2026-11-27T01:30:00Z') });
  await land(place, 'two');
  const back = await night(place, { wall: new Date('2020-01-01T00:00:00Z') });
  t.match(back.works.complained, [
    /^the clock says 2020-01-01T000000Z, which is not after the last night, 2026-11-27T013000Z; this night is called 2026-11-27T013001Z$/,
  ]);
  t.strictSame(await nightsOf(place), ['2026-11-27T013000Z', '2026-11-27T013001Z']);
  t.equal(back.exitCode, 0);
});

t.test('two nights do not overlap; the lock of a killed one is free', async (t) => {
  const place = await makePlace(t);
  await land(place, 'one');
  const inside = await new Promise<unknown>((resolve) => {
    const running = night(place, {
      beforeRun: async (_, count) => {
        if (count === 1) resolve(await night(place).catch((error: unknown) => error));
      },
    });
    t.teardown(() => running);
  });
  t.match(inside, {
    message:
      /^cannot start a night in ".*nights": another night runs there, process \d+ on \S+ since 20.*; wait for it$/,
    kind: 'usage',
  });
});

t.test('--again runs what was run; --resume names a night that has not ended', async (t) => {
  const place = await makePlace(t);
  await land(place, 'one');
  await night(place);
  const again = await night(place, { again: true });
  t.equal(again.works.ran.length, 12);
  const [name = ''] = await nightsOf(place);
  await t.rejects(night(place, { resume: name }), { message: /it has ended/ });
  await t.rejects(night(place, { resume: 'no-night' }), { message: /there is no such night/ });
});

t.test('a dry run writes nothing, and says how long by the last night', async (t) => {
  const place = await makePlace(t);
  await land(place, 'one');
  const dry = await night(place, { dryRun: true });
  t.match(dry.stdout, /cell {5}sysrq-task {2}builds: 3 runs, no baseline yet\n/);
  t.match(dry.stdout, /control {2}mustHang: ioapic-lock-held on no-zap/);
  t.match(dry.stdout, /no former night says how long/);
  await t.rejects(stat(place.out), { code: 'ENOENT' });
  await night(place);
  await land(place, 'two');
  t.match(
    (await night(place, { dryRun: true })).stdout,
    /against 6\.1\.0-one of night \S+ \(counted already\)[\s\S]*about 2 min by the last night/,
  );
});

t.test('old nights go, those that are needed stay', async (t) => {
  const place = await makePlace(t, `keep: { nights: 2, failed: 3 }\n${SETTINGS}`);
  const names: string[] = [];
  for (const name of ['one', 'two', 'three', 'four-bad', 'five-bad', 'six-bad', 'seven-bad', 'eight-bad']) {
    await land(place, name);
    await night(place);
    names.push((await nightsOf(place)).at(-1) ?? '');
  }
  const [, two, three, four, , six, seven, eight] = names;
  t.strictSame(
    await nightsOf(place),
    [two, three, four, six, seven, eight],
    'the last two good, the first that regressed, the newest three with failures',
  );
  const kernels = await readdir(join(place.out, 'nights/kernels'));
  const records = await Promise.all(
    (await nightsOf(place)).map((name) => readFile(join(place.out, 'nights', name, 'night.json'), 'utf8')),
  );
  t.ok(kernels.every((kernel) => records.some((record) => record.includes(kernel))));
  t.ok(kernels.length >= 5);
});

t.test('hooks get the summary without a shell, and one that fails is reported', async (t) => {
  const place = await makePlace(t);
  const log = join(place.file, '../hook.log');
  const hook = `hooks:
  mail: [sh, -c, 'cat >"$0"; echo "$CRASHPATH_NIGHT_SUBJECT" >>"$0"', "${log}", "dev@example.org"]
  command: [sh, -c, 'echo broken >&2; exit 7']
`;
  await writeFile(place.file, `${await readFile(place.file, 'utf8')}${hook}`);
  await land(place, 'one');
  const ended = await night(place);
  const mail = await readFile(log, 'utf8');
  t.match(mail, /^Subject: crashpath made \S+: 2 cannot-tell\nTo: dev@example.org\nDate: .* \+0000\n/);
  t.match(mail, /\n\ncrashpath made/);
  t.equal(ended.exitCode, 3, 'a mail that nobody gets is no success');
});

t.test(
  'a hook may say more than a string holds, and a signal that meets only hooks is too late',
  async (t) => {
    const place = await makePlace(
      t,
      `${SETTINGS}hooks:
  mail: [sh, -c, 'head -c 300000000 /dev/zero >&2; exit 7']
  command: [sh, -c, 'kill -TERM $PPID; sleep 0.2']
`,
    );
    await land(place, 'one');
    const ended = await night(place);
    t.equal(ended.exitCode, 3, 'a hook failed; the night was not stopped');
    t.equal((await verdictsOf(place)).cells.length, 2);
    const cut = await night(place, {
      again: true,
      beforeRun: (_plan, count) => void (count === 2 && process.kill(process.pid, 'SIGTERM')),
    });
    t.equal(cut.exitCode, 143, 'a signal during the runs');
  },
);

t.test(
  'a night that cannot be read is reported, left as it is, and not taken for an unfinished one',
  async (t) => {
    const place = await makePlace(t);
    await land(place, 'one');
    await night(place);
    const [first = ''] = await nightsOf(place);
    const verdicts = join(place.out, 'nights', first, 'verdicts.json');
    const text = await readFile(verdicts, 'utf8');
    const newer = text.replace('"schema": 1', '"schema": 2');
    await writeFile(verdicts, newer);
    const again = await night(place);
    t.equal(again.exitCode, 3, 'a fault');
    t.match(again.stdout, /1 fault/);
    t.match(again.stdout, /fault .*its verdicts.json has schema 2, this crashpath reads 1; --resume /);
    t.equal(await readFile(verdicts, 'utf8'), newer);
    t.equal((await nightsOf(place)).length, 2, 'a night of its own');
    const resumed = await night(place, { resume: first });
    t.strictSame(resumed.works.ran, [], 'judged again by its runs');
    const record = join(place.out, 'nights', first, 'night.json');
    await writeFile(record, (await readFile(record, 'utf8')).slice(0, 500));
    await land(place, 'two');
    const third = await night(place);
    t.match(third.stdout, /fault .*it has no valid night.json; restore that file, or remove the directory/);
    t.equal((await readdir(join(place.out, 'nights/kernels'))).length, 2, 'its kernel may be needed');
    await rm(join(place.out, 'nights', first), { recursive: true });
    const last = (await nightsOf(place)).at(-1) ?? '';
    await rm(join(place.out, 'nights', last, 'verdicts.json'));
    const continued = await night(place);
    t.strictSame(continued.works.ran, [], 'without verdicts: unfinished, and continued');
    t.equal((await nightsOf(place)).at(-1), last);
  },
);

t.test('no kernel at all is not "nothing new"; a link that leads nowhere is reported', async (t) => {
  const place = await makePlace(t);
  const none = await night(place);
  t.equal(none.exitCode, 3);
  t.equal(none.stdout, 'nothing to run: no kernel can be used\n');
  await symlink('nowhere', join(place.builds, 'latest'));
  const dangling = await night(place);
  t.match(dangling.works.complained.join('\n'), /cannot read build ".*latest": no such file or directory/);
  await rm(join(place.builds, 'latest'));
  await land(place, 'one');
  await symlink('one', join(place.builds, 'latest'));
  t.equal((await night(place)).exitCode, 0, 'a link to a build');
  t.match((await night(place)).stdout, /^nothing new: former nights/);
});

t.test('a build that fails does not become good because its baseline is gone', async (t) => {
  const place = await makePlace(t);
  await land(place, 'one');
  await night(place);
  await rm(join(place.out, 'nights/kernels'), { recursive: true });
  await land(place, 'two-bad');
  const lost = await night(place);
  t.equal(lost.exitCode, 1);
  const cells = (await verdictsOf(place)).cells;
  t.strictSame(
    cells.map(({ why }) => why.startsWith('its baseline is no longer there; ')),
    [true, true],
  );
  await land(place, 'three-bad');
  await night(place);
  const after = await verdictsOf(place);
  t.strictSame(words(after), { 'sysrq-task': 'unchanged', 'ioapic-lock-held': 'cannot-tell' });
});

t.test('builds are watched at once, however many are broken', async (t) => {
  const place = await makePlace(t);
  await land(place, 'one');
  for (let index = 0; index < 30; index += 1) await writeFile(join(place.builds, `empty-${index}`), '');
  const works = fakeNightWorks(place.fake);
  const begun = performance.now();
  const source = { name: 'b', directory: place.builds, newest: 1, pattern: '*' };
  const options = { base: '/', keepIn: undefined, settleMs: 400 };
  const found = await findKernels([source], works, options);
  t.ok(performance.now() - begun < 30 * 400, 'one wait, not one for each');
  t.equal(found.faults.length, 30);
  t.equal(found.kernels.length, 1);
  const growing = findKernels([{ ...source, pattern: 'empty-1' }], works, options);
  setTimeout(() => void writeFile(join(place.builds, 'empty-1'), 'more'), 200);
  t.match((await growing).deferred, [/still being written/]);
});

t.test('a build may be a module tree, or a directory of packages', async (t) => {
  const place = await makePlace(t);
  const works = fakeNightWorks(place.fake);
  const tree = join(place.builds, 'tree/usr/lib/modules/6.2.0');
  await mkdir(tree, { recursive: true });
  await writeFile(join(tree, 'vmlinuz'), makeBzImage({ release: '6.2.0' }));
  await mkdir(join(place.builds, 'debs'));
  await makeDeb(join(place.builds, 'debs'), { name: 'linux-image-6.1.0-1-amd64', version: '1' });
  await mkdir(join(place.builds, 'logs'));
  await writeFile(join(place.builds, 'logs/linux-headers-6.1.0-1-amd64_1_amd64.deb'), 'no kernel');
  const source = { name: 'b', directory: place.builds, newest: 9, pattern: '*' };
  const found = await findKernels([source], works, { base: '/', keepIn: undefined, settleMs: 1 });
  t.strictSame(found.kernels.map(({ kernel }) => kernel.release).sort(), ['6.1.0-1-amd64', '6.2.0']);
  t.strictSame(found.faults, []);
});

t.test('mistakes in the file: place and the nearest name', async (t) => {
  const place = await makePlace(t, `${SETTINGS}budgt: 1h\n`);
  const ended = await crashpathInProcess(['nightly', place.file]);
  t.equal(ended.exitCode, 64);
  t.match(
    ended.stderr,
    /nightly.yaml:7:1": the file: Unrecognized key: "budgt" \(did you mean "budget"\?\); see docs\/nightly.md/,
  );
  const twice = await makePlace(t, `  - { spec: x, name: builds }\n${SETTINGS}`);
  await t.rejects(night(twice), { message: /nightly.yaml:5:5": two sources are called "builds"/ });
  const noCapture = await makePlace(t, SETTINGS.replace('sysrq-task', 'no-trigger'));
  await t.rejects(night(noCapture), {
    message: /cannot run a night with scenario "no-trigger": a healthy kernel has no capture there/,
  });
});

t.test('the schema is fresh, and printed', async (t) => {
  const { stdout } = await crashpathInProcess(['nightly', '--schema']);
  const root = new URL('../../', import.meta.url);
  t.equal(
    await readFile(new URL('schemas/nightly.schema.json', root), 'utf8'),
    stdout,
    'node dist/cli/main.js nightly --schema >schemas/nightly.schema.json',
  );
});

t.test('hooks that a kill kept from hearing of a night hear of it the next time, once', async (t) => {
  const place = await makePlace(
    t,
    `${SETTINGS}hooks: { command: [sh, -c, 'echo "$CRASHPATH_NIGHT_EXIT" >>"$CRASHPATH_NIGHT_DIRECTORY/../told"'] }\n`,
  );
  const told = async () => (await readFile(join(place.out, 'nights/told'), 'utf8')).trim().split('\n');
  await land(place, 'one');
  await night(place);
  t.strictSame(await told(), ['0']);
  await night(place);
  t.strictSame(await told(), ['0'], 'nothing new, and nothing to tell');
  const [name = ''] = (await readdir(join(place.out, 'nights'))).filter((entry) => entry.startsWith('2'));
  const journal = join(place.out, 'nights', name, 'journal.jsonl');
  const lines = (await readFile(journal, 'utf8')).split('\n').filter((line) => !line.includes('"told"'));
  await writeFile(journal, lines.join('\n'));
  const next = await night(place);
  t.equal(next.exitCode, 0);
  t.match(next.works.said, [/its hooks did not: they run now/]);
  t.strictSame(await told(), ['0', '0']);
  await night(place);
  t.strictSame(await told(), ['0', '0']);
});

t.test('a build of which nothing could be judged is no good one, and is said again', async (t) => {
  const place = await makePlace(t, SETTINGS, {
    verdictOf: (run) => (run.release.includes('mute') && run.scenario === 'sysrq-task' ? 'void' : TRUTH(run)),
  });
  await land(place, 'mute');
  t.equal((await night(place)).exitCode, 2);
  const again = await night(place);
  t.equal(again.exitCode, 2);
  t.match(
    again.stdout,
    /^nothing new.*\nNOT JUDGED {7}sysrq-task {2}builds: no trial of night \S+ could be judged/,
  );
  t.notMatch(again.stdout, /ioapic-lock-held/);
  t.strictSame(again.works.ran, []);
});

t.test('a dry run has the exit code of what could not be tried', async (t) => {
  const place = await makePlace(t);
  const rehearsed = await night(place, { dryRun: true });
  t.equal(rehearsed.exitCode, 3, 'no build');
  await land(place, 'one');
  t.equal((await night(place, { dryRun: true })).exitCode, 0);
});
