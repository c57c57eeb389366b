import { z } from 'zod';
import type { Abilities, Copy, SshSession, Target } from './target.js';
import { firing } from './trigger.js';

type SshTarget = Target & Pick<Abilities, 'ssh'>;

const MIB = 1024 * 1024;
/** The crash waits until this much of the copy was sent: the card is busy then. */
const UNDER_WAY_BYTES = MIB;
/** Large enough that the copy is not done at the crash. */
const INTERRUPTED_MIB = 256;

/**
 * "scp'ing a file then kdumping": logs in through ssh, copies a file and checks its sha256 in the guest, and starts to
 * copy another one. Firing writes `c` to /proc/sysrq-trigger through the same session during that copy. The state of
 * the network card's interrupt at that moment is random.
 */
export const ssh = firing({
  schema: z.strictObject({
    kind: z.literal('ssh'),
    /** Size of the file that is copied and checked first, MiB. */
    copyMiB: z.number().int().min(1).max(128).default(8),
  }),
  context: 'task context, in the shell of an ssh login',
  needs: ['ssh'],
  proves: () => ['login, first copy and the start of the second'],
  contradiction: (_, { guest }) =>
    guest.nic?.net === 'user'
      ? undefined
      : {
          why: 'its trigger "ssh" needs a way into the guest',
          remedy: 'give guest.nic with net: user',
          subject: 'it',
        },
  arm: async ({ copyMiB }, target) => {
    const session = await login(target);
    await copyAndCheck(session, copyMiB, target);
    const crash = await attempt(
      session.arm('echo c >/proc/sysrq-trigger'),
      'a second command waits in the session',
      target,
    );
    const copy = await startCopy(session, target);
    return async () => {
      target.fact({
        fact: 'fired',
        how: `echo c >/proc/sysrq-trigger through ssh, ${copy.sentBytes} of ${INTERRUPTED_MIB * MIB} bytes of a copy sent`,
      });
      crash();
    };
  },
});

/** Waits for an action of the session; a failure is recorded and ends the run. */
async function attempt<T>(done: Promise<T>, what: string, target: SshTarget): Promise<T> {
  try {
    return await done;
  } catch (error) {
    target.require({ what, proved: false, saw: String(error).slice(0, 200) });
    throw error;
  }
}

/** Starts the network and the ssh server in the guest, and logs in. */
async function login(target: SshTarget): Promise<SshSession> {
  const user = await target.ssh.freshUserKey();
  const what = 'starting the ssh server';
  const script = serverScript(user.publicKey, target.ssh.network);
  const { status, output } = await target.runScript(script, what);
  const hostKey = /^ssh-ed25519 [A-Za-z0-9+/=]{40,200}/m.exec(output)?.[0];
  const served = status === 0 && hostKey !== undefined;
  const reported = served ? 'its host key is known' : `status ${status}: ${output.trim().slice(-160)}`;
  target.require({ what: 'the guest runs an ssh server', proved: served, saw: reported });
  const started = target.now();
  const loggedIn = 'logged in through ssh';
  const session = await attempt(
    within(target.ssh.login({ user, hostKey: hostKey ?? '' }), target.replyMs, target),
    loggedIn,
    target,
  );
  const saw = `host key as the guest named it, after ${Math.round(target.now() - started)} ms`;
  target.require({ what: loggedIn, proved: true, saw });
  return session;
}

/**
 * Shell text for the guest: address, accounts, a fresh host key (whose public half it prints), the user's key, and a
 * server for one connection that goes out to the host. Dropbear 2022.83: `-i` serves the socket that it is started on.
 */
function serverScript(publicKey: string, { guest, host, port }: Abilities['ssh']['network']): string {
  return [
    'set -e',
    `ip addr add ${guest} dev eth0`,
    'ip link set eth0 up',
    'mkdir -p /etc /root/.ssh',
    "echo 'root:x:0:0:root:/root:/bin/sh' >/etc/passwd",
    'dropbearkey -t ed25519 -f /tmp/host-key',
    `echo '${publicKey}' >/root/.ssh/authorized_keys`,
    'chmod 700 /root /root/.ssh && chmod 600 /root/.ssh/authorized_keys',
    `nc ${host} ${port} -e dropbear -i -s -r /tmp/host-key >/dev/null 2>&1 &`,
  ].join('\n');
}

async function copyAndCheck(session: SshSession, copyMiB: number, target: SshTarget): Promise<void> {
  const what = `a file of ${copyMiB} MiB was copied through ssh`;
  const size = copyMiB * MIB;
  const started = target.now();
  const { sha256, seconds, output } = await attempt(
    (async () => {
      const copy = await session.copy('/tmp/copied', size);
      const sent = await within(copy.done, copyMiB * target.replyMs, target);
      const took = (target.now() - started) / 1000;
      const check = session.run('sha256sum </tmp/copied; wc -c </tmp/copied; rm /tmp/copied');
      return { sha256: sent, seconds: took, output: (await within(check, target.replyMs, target)).output };
    })(),
    what,
    target,
  );
  const proved = output.includes(sha256) && output.trim().endsWith(`\n${size}`);
  target.require({
    what,
    proved,
    saw: `${output.trim().replace(/\s+/g, ' ').slice(0, 120)}; ${(copyMiB / seconds).toFixed(1)} MiB/s`,
  });
}

/** Starts a copy and waits until it is well under way, with the card's interrupts rising. */
async function startCopy(session: SshSession, target: SshTarget): Promise<Copy> {
  const before = await interruptsOf(target);
  const what = 'a copy is under way';
  const copy = await attempt(session.copy('/tmp/interrupted', INTERRUPTED_MIB * MIB), what, target);
  const untilMs = target.now() + target.replyMs;
  let arrived = 0;
  while (arrived < UNDER_WAY_BYTES && target.now() < untilMs) {
    await target.sleep(100);
    const { output } = await target.runScript('stat -c %s /tmp/interrupted', 'the size of the copy');
    arrived = Number(output.trim()) || 0;
  }
  const after = await interruptsOf(target);
  const proved = arrived >= UNDER_WAY_BYTES && after > before;
  const saw = `${arrived} bytes arrived, eth0's interrupts rose by ${after - before}`;
  target.require({ what, proved, saw });
  return copy;
}

/** The card's interrupts, summed over the CPUs. */
async function interruptsOf(target: SshTarget): Promise<number> {
  const script =
    "grep -E ' (eth0|virtio[0-9]+)(-[^ ]*)?(,|$)' /proc/interrupts | awk '{ for (i = 2; i <= NF && $i ~ /^[0-9]+$/; i++) sum += $i } END { print sum + 0 }'";
  const { output } = await target.runScript(script, "the network card's interrupts");
  return Number(output.trim()) || 0;
}

/** A deadline that has not passed by the guest's own time is looked at again after this long, or later. */
const LOOK_AGAIN_MS = 250;

/** What a promise resolves to; rejects when that takes longer than `limitMs` of the guest's own time. */
async function within<T>(promise: Promise<T>, limitMs: number, target: Target): Promise<T> {
  const timer = new AbortController();
  const untilMs = target.now() + limitMs;
  const late = (async () => {
    await target.sleep(limitMs, timer.signal);
    for (let leftMs = untilMs - target.now(); leftMs > 0; leftMs = untilMs - target.now())
      await target.sleep(Math.max(leftMs, LOOK_AGAIN_MS), timer.signal);
    throw new Error(`it took longer than ${limitMs} ms`);
  })();
  try {
    return await Promise.race([promise, late]);
  } finally {
    timer.abort();
    late.catch(() => undefined);
  }
}
